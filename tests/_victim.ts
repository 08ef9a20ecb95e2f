/**
 * A server in a process of its own, to be mistreated: `deno run -A tests/_victim.ts raw|ours`.
 *
 * The path of a WebSocket says what its handler does; `GET /stats` says how the process is; `GET /shutdown` tries to
 * shut the server down and says whether that returned.
 */

import {
  Connections,
  serveWebsocket,
  type TerminateReason,
  text,
  type WebsocketHandler,
} from "../mod.ts";
import { milliseconds, sockets } from "./_server.ts";

const MIB = 2 ** 20;
const connections = new Connections<string>();
const counts: Record<string, number> = {};
const flags = { ours: Deno.args[0] === "ours" };

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => print(String(port)),
}, (request) => {
  const path = new URL(request.url).pathname.slice(1);
  if (path === "stats") return Response.json(stats());
  if (path === "shutdown") return Response.json(startShutdown());
  return flags.ours
    ? serveWebsocket(request, toHandler(path), { connections, onError: () => count("onError") })
    : toRaw(request, path);
});

/** How the process is. */
export interface Stats {
  readonly sockets: number;
  readonly rss: number;
  readonly size: number;
  readonly abandoned: number;
  readonly counts: Record<string, number>;
}

function stats(): Stats {
  return {
    sockets: sockets(),
    rss: Deno.memoryUsage().rss,
    size: connections.size,
    abandoned: connections.abandoned,
    counts,
  };
}

function startShutdown(): boolean {
  // It waits for this answer too.
  server.shutdown().then(() => print("shut down"));
  return true;
}

function toHandler(path: string): WebsocketHandler<string, string> {
  const act = (place: string) => {
    if (path === `throw-${place}`) throw new Error(path);
    return path === `reject-${place}` ? Promise.reject(new Error(path)) : undefined;
  };
  return {
    init(_request, self) {
      if (path.endsWith("-info")) self.send("now");
      const failed = act("init");
      const ok = () => (count("init"), { kind: "ok", state: path } as const);
      if (path === "async") return milliseconds(5).then(ok);
      return failed ?? ok();
    },
    handle(frame, state) {
      switch (path) {
        case "close":
          return {
            kind: "reply",
            frames: [frame, { kind: "close", code: 4000, reason: "" }],
            state,
          };
        case "push":
          return {
            kind: "reply",
            frames: Array.from({ length: 64 }, () => text("x".repeat(MIB))),
            state,
          };
        case "hang":
          return new Promise(() => {});
      }
      return act("handle") ?? { kind: "reply", frames: frame, state };
    },
    info: (_info, state) => act("info") ?? { kind: "ok", state },
    terminate(reason) {
      count(`terminate ${nameOf(reason)}`);
      return act("terminate");
    },
  };
}

function toRaw(request: Request, path: string): Response {
  const { socket, response } = Deno.upgradeWebSocket(request);
  const fail = () => {
    if (path.startsWith("throw")) throw new Error(path);
    return path.startsWith("reject") ? Promise.reject(new Error(path)) : undefined;
  };
  if (path.endsWith("init")) void fail();
  socket.onopen = () => path.endsWith("info") ? fail() : undefined;
  socket.onclose = () => path.endsWith("terminate") ? fail() : count("close");
  socket.onmessage = ({ data }) => {
    if (path === "hang") return new Promise((resolve) => setTimeout(resolve, 100_000, data));
    if (path.endsWith("handle")) return fail();
    if (path === "push") { for (let left = 64; left > 0; left--) socket.send("x".repeat(MIB)); }
    else socket.send(data);
    if (path === "close") socket.close(4000);
    return undefined;
  };
  return response;
}

function nameOf(reason: TerminateReason): string {
  return reason.kind === "remote" ? "remote" : `${reason.kind}/${reason.cause}`;
}

function count(what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
