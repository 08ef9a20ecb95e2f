/**
 * WebSocket connections for `Deno.serve`, run by a handler: a plain object of functions that answer with data.
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
 */
export function serveWebsocket<State, Info = never>(
  request: Request,
  handler: WebsocketHandler<State, Info>,
  options: ServeWebsocketOptions<Info> = {},
): Promise<Response> {
  checkHandler(handler);
  return upgrade(request, handler, toSettings(options));
}
