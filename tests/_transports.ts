/**
 * What carries the connections of the conformance suite: `Deno.serve`, and `node:http` with npm `ws`. What a test has to
 * know of one and not of the other is in one table, {@linkcode Differences}.
 */

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { serveWebsocket, type ServeWebsocketOptions, type WebsocketHandler } from "../mod.ts";
import type { TerminateReason } from "../handler.ts";
import { serveWebsocket as serveWs } from "../ws.ts";
import { OVERFLOW, remote } from "./_reasons.ts";
import { serveRaw } from "./_server.ts";

/** A server on a free port of the loopback address. */
export interface Served extends AsyncDisposable {
  readonly port: number;
  /** Stops listening, and waits for the lines that are left. */
  readonly close: () => Promise<void>;
}

/** The transports there are. */
export type TransportName = "deno" | "ws";

/** One way to carry the connections of a handler. */
export interface Transport {
  readonly name: TransportName;
  readonly differences: Differences;
  /** Serves a handler. */
  readonly serve: <State, Info = never>(
    handler: WebsocketHandler<State, Info>,
    options?: ServeWebsocketOptions<Info>,
  ) => Promise<Served>;
}

/** What one connection came to: what the client saw at the end, and why the server says it ended. */
export interface Outcome {
  readonly reason: TerminateReason;
  /** The code of the close frame, 1005 if it has none, `"fin"` if the line ended without. */
  readonly sees: number | "fin";
}

/** All in which the transports differ. */
export interface Differences {
  /** What a client sees that broke a rule of RFC 6455 for frames. */
  readonly badframe: number | "fin";
  /** What a client sees whose text is not UTF-8. */
  readonly badencoding: number | "fin";
  /** What becomes of a client that says more at once than has room in the mailbox, and "leave" at last. */
  readonly flood: Outcome;
  /** What becomes of a line whose close is never answered: how many are counted as abandoned, or cut. */
  readonly unanswered: { readonly abandoned: number; readonly cut: number };
  /** Whether requests that do not ask for an upgrade come to `serveWebsocket` too. */
  readonly plainRequests: boolean;
}

const DIFFERENCES: Readonly<Record<TransportName, Differences>> = {
  // It drops the line of a client that breaks a rule, reads on whatever waits, and gives no way to cut a line.
  deno: {
    badframe: "fin",
    badencoding: "fin",
    flood: { reason: OVERFLOW, sees: 1013 },
    unanswered: { abandoned: 1, cut: 0 },
    plainRequests: true,
  },
  // It says good-bye to a client that breaks a rule, makes one that is too fast wait, and cuts the line.
  ws: {
    badframe: 1002,
    badencoding: 1007,
    flood: { reason: remote(1000), sees: 1000 },
    unanswered: { abandoned: 0, cut: 1 },
    plainRequests: false,
  },
};

const deno: Transport = {
  name: "deno",
  differences: DIFFERENCES.deno,
  serve(handler, options) {
    const { port, server } = serveRaw((request, { remoteAddr }) =>
      serveWebsocket(request, handler, { remoteAddr, ...options })
    );
    return Promise.resolve(toServed(port, () => server.shutdown()));
  },
};

const node: Transport = {
  name: "ws",
  differences: DIFFERENCES.ws,
  serve(handler, options) {
    return serveUpgrades((...upgrade) => serveWs(...upgrade, handler, options));
  },
};

/** All transports. */
export const TRANSPORTS: readonly Transport[] = [deno, node];

/** Adds a test for each transport. */
export function testEach(name: string, test: (transport: Transport) => Promise<void>): void {
  for (const transport of TRANSPORTS) {
    Deno.test(`${name} [${transport.name}]`, () => test(transport));
  }
}

/** Serves any listener of the upgrades of a `node:http` server, or of a `node:https` one. */
export async function serveUpgrades(
  listener: (request: IncomingMessage, socket: Duplex, head: Uint8Array) => unknown,
  server: Server = createServer(),
): Promise<Served> {
  server.on("upgrade", listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return toServed(port, () => closed(server));
}

// It waits for its upgraded lines too.
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function toServed(port: number, close: () => Promise<void>): Served {
  return { port, close, [Symbol.asyncDispose]: close };
}
