/**
 * A server in a process of its own, to be stormed: `deno run -A --v8-flags=--expose-gc tests/_fortress.ts deno`. The argument
 * names the transport of its WebSockets. With "ws" it runs on Node too.
 *
 * The path of a WebSocket says what its handler does, the query is the number of its session. `GET /report` says how the
 * process is, `GET /endings` how the sessions ended since the last time; `GET /drain` drains it, says how that went, and lets
 * the process end.
 */

import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import process from "node:process";
import { parseUrl } from "../_connection/parse_url.ts";
import {
  type Awaitable,
  close,
  Connections,
  type DrainResult,
  serveWebsocket,
  type ServeWebsocketOptions,
  text,
  type WebsocketHandler,
} from "../mod.ts";
import { serveWebsocket as serveWs } from "../ws.ts";
import { type Account, Audit } from "./_adversary_audit.ts";
import { LIMITS } from "./_adversary_limits.ts";
import { milliseconds, sockets } from "./_server.ts";
import { serveUpgrades, type TransportName } from "./_transports.ts";

/** How the process is. */
export interface Report extends Account {
  readonly sockets: number;
  readonly descriptors: number;
  readonly size: number;
  readonly abandoned: number;
  /** Requests answered with 101. */
  readonly upgraded: number;
  /** Errors that `onError` was told. */
  readonly errors: number;
  /** Timers that wait, as Node counts them. */
  readonly timers: number;
  /** Bytes that live in V8's heap. */
  readonly heap: number;
  readonly rss: number;
  /** Bytes of RSS outside of V8's heap. */
  readonly native: number;
}

/** How the end went. */
export interface Farewell extends DrainResult {
  readonly account: Account;
}

/** A handler, and how it is served. */
interface Service {
  readonly handler: WebsocketHandler<string, string>;
  readonly options: ServeWebsocketOptions<string>;
}

/** What carries the WebSockets. */
interface Gate {
  readonly port: number;
  /** Requests answered with 101. */
  readonly upgraded: () => number;
  /** Stops listening, and waits for the answers that are left. */
  readonly close: () => void;
}

const OPTIONS: Readonly<Record<string, ServeWebsocketOptions<string>>> = {
  // Those who mean well may be slow when the machine is.
  steady: { ...LIMITS, heartbeat: 5_000, closeTimeout: 5_000 },
  calm: { ...LIMITS, heartbeat: 0 },
};

const PIECE = text("x".repeat(64 * 1024));
const TICK = 20;

const connections = new Connections<string>();
const audit = new Audit();
let errors = 0;

// Ctrl-C reaches the whole group of processes; when this one ends is for its parent to say.
process.on("SIGINT", () => {});

// Infos come whenever they like.
const ticking = setInterval(() => connections.send("tick"), TICK);

const GATES: Readonly<Record<TransportName, () => Gate | Promise<Gate>>> = {
  deno: openDenoGate,
  ws: openWsGate,
};

const gate = await GATES[process.argv[2] === "ws" ? "ws" : "deno"]();
process.stdout.write(`${gate.port}\n`);

function openDenoGate(): Gate {
  let upgraded = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = parseUrl(request.url);
    const answer = await answerTo(url?.pathname);
    if (answer !== undefined) return Response.json(answer);
    const { handler, options } = toService(url);
    const response = await serveWebsocket(request, handler, options);
    if (response.status === 101 && options.connections !== undefined) upgraded++;
    return response;
  });
  return { port: server.addr.port, upgraded: () => upgraded, close: () => void server.shutdown() };
}

async function openWsGate(): Promise<Gate> {
  const server = createServer(async ({ url }, response) => {
    response.end(JSON.stringify(await answerTo(url) ?? null));
  });
  const { port, close } = await serveUpgrades((request, socket, head) => {
    const { handler, options } = toService(parseUrl(`http://127.0.0.1${request.url}`));
    return serveWs(request, socket, head, handler, options);
  }, server);
  // What it upgrades it opens in the same turn.
  return { port, upgraded: () => audit.account.opened, close: () => void close() };
}

/** What is said to a plain request, if anything. */
function answerTo(path: string | undefined): Awaitable<unknown> {
  switch (path) {
    case "/report":
      return report();
    case "/endings":
      return audit.takeEndings();
    case "/drain":
      return drain();
  }
  return undefined;
}

/** What is done for a request to that URL. */
function toService(url: URL | undefined): Service {
  const path = url?.pathname.slice(1) ?? "";
  // Stays for long, so it is not counted.
  if (path === "neighbor") return { handler: toHandler("echo"), options: { heartbeat: 0 } };
  return {
    handler: audit.watch(url?.search.slice(1) ?? "", toHandler(path)),
    options: { ...OPTIONS[path] ?? LIMITS, connections, onError: () => void errors++ },
  };
}

function toHandler(path: string): WebsocketHandler<string, string> {
  return {
    init(_request, self) {
      if (path.endsWith("-info")) self.send("go");
      fail(path, "init");
      switch (path) {
        case "reject-init":
          return Promise.reject(new Error(path));
        case "nonsense-init":
          return JSON.parse("null");
        case "refuse":
          return { kind: "shutdown" };
        case "late":
          return milliseconds(40).then(() => ({ kind: "ok", state: path }));
        case "greet":
          return { kind: "ok", state: path, frames: [text("welcome"), text("to"), text("all")] };
        case "goodbye":
          return { kind: "ok", state: path, frames: [text("welcome"), close(4000, "goodbye")] };
        case "timeout":
          return { kind: "ok", state: path, timeout: 100 };
      }
      return { kind: "ok", state: path, hibernate: path === "hibernate" };
    },
    handle(frame, state) {
      fail(path, "handle");
      switch (path) {
        case "reject-handle":
          return Promise.reject(new Error(path));
        case "nonsense-handle":
          return JSON.parse("{}");
        case "async":
          return milliseconds(2).then(() => ({ kind: "reply", frames: frame, state }));
        case "slow":
          return milliseconds(20).then(() => ({ kind: "reply", frames: frame, state }));
        case "close":
          return { kind: "reply", frames: [frame, close(4000, "enough"), frame], state };
        case "shutdown":
          return { kind: "shutdown", state };
        case "push":
          return { kind: "reply", frames: PIECE, state };
      }
      return { kind: "reply", frames: frame, state, hibernate: path === "hibernate" };
    },
    info(news, state) {
      fail(path, "info");
      if (path === "reject-info") return Promise.reject(new Error(path));
      return { kind: "reply", frames: text(news), state, hibernate: path === "hibernate" };
    },
    terminate() {
      fail(path, "terminate");
      if (path === "reject-terminate") return Promise.reject(new Error(path));
      return path === "slow-terminate" ? milliseconds(50) : undefined;
    },
  };
}

function fail(path: string, place: string): void {
  if (path === `throw-${place}`) throw new Error(path);
}

async function report(): Promise<Report> {
  await collect();
  const { heapUsed, heapTotal, rss } = process.memoryUsage();
  return {
    ...audit.account,
    upgraded: gate.upgraded(),
    errors,
    sockets: sockets(),
    descriptors: readdirSync("/proc/self/fd").length,
    size: connections.size,
    abandoned: connections.abandoned,
    timers: process.getActiveResourcesInfo().filter((name) => name === "Timeout").length,
    heap: heapUsed,
    rss,
    native: rss - heapTotal,
  };
}

// Twice: what finalizers let go of in one turn is there to be collected in the next.
async function collect(): Promise<void> {
  const gc: unknown = Reflect.get(globalThis, "gc");
  for (let left = 2; left > 0 && typeof gc === "function"; left--) {
    gc();
    await milliseconds(1);
  }
}

// When the shutdown is over too nothing is left to do, and the process ends by itself.
async function drain(): Promise<Farewell> {
  clearInterval(ticking);
  const result = await connections.drain({ deadline: 2_000 });
  // Who was given up on at the deadline may be inside a callback.
  await milliseconds(500);
  // It waits for this answer too.
  gate.close();
  return { ...result, account: audit.account };
}
