/**
 * WebSocket connections for `Deno.serve`, run by a handler: a plain object of functions that answer with data.
 *
 * Callbacks of one connection run one at a time, in order. The first reason to end wins, `terminate` is always last and
 * knows it. A callback that throws ends its own connection and nothing else. After Erlang's `cowboy_websocket_handler`.
 *
 * ```ts
 * import { serveWebsocket, type WebsocketHandler } from "@lariat/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const echo: WebsocketHandler<null> = {
 *   init: () => ({ kind: "ok", state: null }),
 *   handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
 * };
 *
 * await using server = Deno.serve(
 *   { port: 0, onListen() {} },
 *   (request, { remoteAddr }) => serveWebsocket(request, echo, { remoteAddr }),
 * );
 *
 * const socket = new WebSocket(`ws://localhost:${server.addr.port}`);
 * socket.onopen = () => socket.send("hi");
 * const answer = await new Promise((resolve) => {
 *   socket.onmessage = ({ data }) => resolve(data);
 * });
 * assertEquals(answer, "hi");
 * socket.close();
 * ```
 *
 * `@lariat/websocket/testing` runs the same handler in memory.
 *
 * @module
 */

import type { WebsocketHandler } from "./handler.ts";
import { checkHandler, type ServeWebsocketOptions, toSettings } from "./_connection/settings.ts";
import { upgrade } from "./_connection/upgrade.ts";

export * from "./frame.ts";
export type * from "./handler.ts";
export {
  Connections,
  type ConnectionsOptions,
  type DrainOptions,
} from "./_connection/connections.ts";
export type { DrainResult } from "./_connection/registry.ts";
export type { OriginPolicy, ServeWebsocketOptions } from "./_connection/settings.ts";

/**
 * Upgrades a request and runs `handler` for the life of the connection.
 *
 * Return the Response it resolves to, as it is and at once: after an upgrade Deno stops the server for any other. It is
 * the 101, or a refusal whose body says what to change: 405 for a method that is not GET, 426 for what is not an upgrade
 * to version 13 (RFC 6455 §4.4), 400 for a bad key, 403 for a page of another origin, 503 when `connections` is full or
 * draining, 500 when `init` threw, or what `init` answered.
 *
 * Nothing that a client sends and nothing that the handler does makes it throw or reject.
 *
 * @typeParam State What the connection remembers from one callback to the next.
 * @typeParam Info What the rest of the program may send to the connection.
 * @param request The request, from `Deno.serve`.
 * @param handler What the connection does.
 * @param options Who may connect, limits, and what the connection is part of.
 * @returns The response to return.
 * @throws {TypeError} If the handler lacks a function or an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 *
 * @example Usage
 * ```ts ignore
 * import { serveWebsocket } from "@lariat/websocket";
 * import { chat } from "./chat.ts";
 *
 * Deno.serve((request, { remoteAddr }) => {
 *   const { pathname } = new URL(request.url);
 *   if (pathname === "/chat") return serveWebsocket(request, chat, { remoteAddr });
 *   return new Response("Not found", { status: 404 });
 * });
 * ```
 */
export function serveWebsocket<State, Info = never>(
  request: Request,
  handler: WebsocketHandler<State, Info>,
  options: ServeWebsocketOptions<Info> = {},
): Promise<Response> {
  checkHandler(handler);
  return upgrade(request, handler, toSettings(options));
}
