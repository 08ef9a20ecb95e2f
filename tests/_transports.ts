/**
 * What carries the connections of the conformance suite: `Deno.serve`, and `node:http` with npm `ws`. What differs between
 * them is in one table, {@linkcode Differences}; the tests take it from there.
 */

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { ServeWebsocketOptions, WebsocketHandler } from "../mod.ts";
import { serveWebsocket as serveOverWs } from "../ws.ts";
import { serve as serveOverDeno } from "./_server.ts";

/** A server on a free port of the loopback address. */
export interface Served extends AsyncDisposable {
  readonly port: number;
  /** Stops listening, and waits for what is left. */
  readonly close: () => Promise<void>;
}

/** One way to carry the connections of a handler. */
export interface Transport {
  readonly name: TransportName;
  readonly serve: <State, Info = never>(
    handler: WebsocketHandler<State, Info>,
    options?: ServeWebsocketOptions<Info>,
  ) => Promise<Served>;
}

/** The transports there are. */
export type TransportName = "deno" | "ws";

const deno: Transport = {
  name: "deno",
  serve(handler, options) {
    const served = serveOverDeno(handler, options);
    const close = () => served.server.shutdown();
    return Promise.resolve({ port: served.port, close, [Symbol.asyncDispose]: close });
  },
};

const node: Transport = {
  name: "ws",
  serve: (handler, options) =>
    listen((request, socket, head) => serveOverWs(request, socket, head, handler, options)),
};

async function listen(
  upgrade: (request: IncomingMessage, socket: Duplex, head: Uint8Array) => Promise<void>,
): Promise<Served> {
  const server = createServer((_request, response) => {
    response.writeHead(426, { "upgrade": "websocket", "sec-websocket-version": "13" }).end();
  });
  server.on("upgrade", upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => closed(server);
  return { port, close, [Symbol.asyncDispose]: close };
}

// Upgraded lines are not among the server's any more, but it waits for them.
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** All transports. */
export const TRANSPORTS: readonly Transport[] = [deno, node];
