import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { serveWebsocket, type ServeWebsocketOptions, type WebsocketHandler } from "../mod.ts";

/** A server on a free port of the loopback address. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly server: Deno.HttpServer<Deno.NetAddr>;
}

/** Serves any fetch handler, over TLS if there is a certificate. */
export function serveRaw(
  handler: (
    request: Request,
    info: Deno.ServeHandlerInfo<Deno.NetAddr>,
  ) => Response | Promise<Response>,
  tls: Deno.TlsCertifiedKeyPem | Record<never, never> = {},
): TestServer {
  const server = Deno.serve({ ...tls, hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  return {
    port: server.addr.port,
    server,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}

/** Serves a handler. */
export function serve<State, Info = never>(
  handler: WebsocketHandler<State, Info>,
  options: ServeWebsocketOptions<Info> = {},
): TestServer {
  return serveRaw((request) => serveWebsocket(request, handler, options));
}

/** Resolves when the wire had its milliseconds. */
export function milliseconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count));
}

/** Waits for something that the wire brings; fails after five seconds. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = Date.now() + 5_000;
  while (!await holds()) {
    if (Date.now() > end) throw new Error(`Still waiting for ${what}`);
    await milliseconds(2);
  }
}

/** How many sockets of the network this process holds, those of a lost line too. Deno has local ones of its own. */
export function sockets(): number {
  const local = new Set(localSockets());
  const links = readdirSync("/proc/self/fd").map(linkOf);
  return links.filter((link) => link.startsWith("socket:") && !local.has(link)).length;
}

function localSockets(): string[] {
  const [, ...rows] = readFileSync("/proc/self/net/unix", "utf8").trimEnd().split("\n");
  return rows.map((row) => `socket:[${row.trim().split(/\s+/)[6]}]`);
}

function linkOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    // The one that read the folder is closed again.
    return "";
  }
}
