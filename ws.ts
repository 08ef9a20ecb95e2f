/**
 * The same handlers over `node:http` and npm `ws`, on Deno and on Node.
 *
 * Under `Deno.serve` pings never reach JavaScript, reading cannot be paused and a line cannot be cut. Here they do and can:
 * a handler may send pings and pongs and see those of the client, a client that is too fast is made to wait, one that does
 * not answer is cut off, one that breaks RFC 6455 is told so, and messages can be compressed.
 * Deno's `node:https` alone cannot pause reading: over TLS there the limits of the mailbox hold as under `Deno.serve`.
 *
 * ```ts
 * import { createServer } from "node:http";
 * import { serveWebsocket, type WsHandler } from "@lariat/websocket/ws";
 * import { assertEquals } from "@std/assert";
 *
 * const echo: WsHandler<null> = {
 *   init: () => ({ kind: "ok", state: null }),
 *   handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
 * };
 *
 * const server = createServer();
 * server.on("upgrade", (request, socket, head) => serveWebsocket(request, socket, head, echo));
 * await new Promise<void>((resolve) => server.listen(0, resolve));
 *
 * const { port } = server.address() as { port: number };
 * const client = new WebSocket(`ws://localhost:${port}`);
 * client.onopen = () => client.send("hi");
 * const answer = await new Promise((resolve) => {
 *   client.onmessage = ({ data }) => resolve(data);
 * });
 * assertEquals(answer, "hi");
 * client.close();
 * await new Promise((resolve) => client.onclose = resolve);
 * await new Promise((resolve) => server.close(resolve));
 * ```
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ControlFrame, OutFrame } from "./frame.ts";
import type { Awaitable, HandleResult, Self, WebsocketHandler } from "./handler.ts";
import { checkHandler, type ServeWebsocketOptions, toSettings } from "./_connection/settings.ts";
import { show } from "./_connection/show.ts";
import { upgradeNode } from "./_connection/ws_upgrade.ts";

export * from "./frame.ts";
export type * from "./handler.ts";
export {
  Connections,
  type ConnectionsOptions,
  type DrainOptions,
} from "./_connection/connections.ts";
export type { DrainResult } from "./_connection/registry.ts";
export type { OriginPolicy, ServeWebsocketOptions } from "./_connection/settings.ts";

/** What a handler may send here: a ping and a pong too. */
export type WsOutFrame = OutFrame | ControlFrame;

/**
 * A handler for this transport: one for `Deno.serve` that may also send pings and pongs, and see those of the client.
 *
 * @typeParam State What the connection remembers from one callback to the next.
 * @typeParam Info What the rest of the program may send to the connection.
 */
export interface WsHandler<State, Info = never> extends WebsocketHandler<State, Info, WsOutFrame> {
  /**
   * Called for each ping and pong of the client, in order with its messages. A ping has been answered by then. Results as
   * in `handle`. The socket is open, unless the client's close waits behind.
   */
  readonly control?: (
    frame: ControlFrame,
    state: State,
    self: Self<Info>,
  ) => Awaitable<HandleResult<State, WsOutFrame>>;
}

/**
 * Options of {@linkcode serveWebsocket}: those of `Deno.serve`'s, and what only this transport can. A client that makes 16
 * messages wait, or a sixteenth of `maxMailboxBytes`, is not read until they are handled: it does not overflow.
 *
 * @typeParam Info What may be sent to the connection.
 */
export interface ServeWsOptions<Info = never> extends ServeWebsocketOptions<Info> {
  /**
   * Whether to compress messages (permessage-deflate, RFC 7692) for clients that can. It costs memory and time for each
   * connection. A message that inflates to more than `maxMessageSize` ends its connection.
   *
   * @default {false}
   */
  readonly compress?: boolean;
}

/**
 * Answers an `"upgrade"` event of a `node:http` or `node:https` server and runs `handler` for the life of the connection.
 *
 * A request that is refused gets its answer on `socket`, as in `serveWebsocket` for `Deno.serve`. Nothing that a client
 * sends and nothing that the handler does makes it throw or reject.
 *
 * @typeParam State What the connection remembers from one callback to the next.
 * @typeParam Info What the rest of the program may send to the connection.
 * @param request The first argument of the event.
 * @param socket The second: from here on it belongs to the connection.
 * @param head The third.
 * @param handler What the connection does.
 * @param options Who may connect, limits, and what the connection is part of. `remoteAddr` is that of the socket when left
 * out.
 * @returns A promise that resolves when the request is answered: upgraded or refused.
 * @throws {TypeError} If the handler lacks a function or an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 */
export function serveWebsocket<State, Info = never>(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  handler: WsHandler<State, Info>,
  options: ServeWsOptions<Info> = {},
): Promise<void> {
  checkHandler(handler);
  const { compress = false } = options;
  if (typeof compress !== "boolean") {
    throw new TypeError(
      `Cannot serve a WebSocket as "compress" must be a boolean: received ${show(compress)}`,
    );
  }
  return upgradeNode(request, socket, head, handler, toSettings(options, true), compress);
}
