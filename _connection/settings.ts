import type { Awaitable, RemoteAddr, Self, UpgradeRequest } from "../handler.ts";
import { type Connections, registryOf } from "./connections.ts";
import type { AnyHandler } from "./line.ts";
import { parseUrl } from "./parse_url.ts";
import type { Registry } from "./registry.ts";
import { show } from "./show.ts";
import { MAX_TIMER, within } from "./within.ts";

/**
 * Which pages may connect. A request without an `Origin` header does not come from a browser and is let in.
 *
 * - `"same"`: pages whose host and port are those of the request's `Host` header.
 * - `"any"`: all pages.
 * - a list: these origins, such as `"https://example.com"`.
 * - a function: those for which it returns, or promises, `true`.
 */
export type OriginPolicy =
  | "same"
  | "any"
  | readonly string[]
  | ((origin: string, request: UpgradeRequest) => Awaitable<boolean>);

/**
 * Options of {@linkcode serveWebsocket}: who may connect, limits, and what the connection is part of.
 *
 * @typeParam Info What may be sent to the connection.
 */
export interface ServeWebsocketOptions<Info = never> {
  /** Who asks, from the second argument of `Deno.serve`'s handler; handed on to `init`. */
  readonly remoteAddr?: RemoteAddr;
  /**
   * Which pages may connect; all others get a 403 and `init` is not called.
   *
   * @default {"same"}
   */
  readonly origin?: OriginPolicy;
  /**
   * Milliseconds: a client silent for half of it is pinged, and ended with `error/heartbeat` when nothing has come for
   * the whole of it. 0 turns it off. Also off when `init` gives a finite `timeout`, which already finds the dead.
   *
   * @default {30_000}
   */
  readonly heartbeat?: number;
  /**
   * Bytes of one message; a longer one ends the connection with 1009 and `error/badsize`.
   *
   * @default {1_048_576}
   */
  readonly maxMessageSize?: number;
  /**
   * How many frames and infos may wait while a callback's promise is pending; more end the connection with 1013 and
   * `error/overflow`.
   *
   * @default {10_000}
   */
  readonly maxMailbox?: number;
  /**
   * Bytes of payload in the frames waiting; more end the connection with 1013 and `error/overflow`.
   *
   * @default {16_777_216}
   */
  readonly maxMailboxBytes?: number;
  /**
   * Bytes accepted from the handler and not yet taken by the network; more end the connection with 1013 and `error/slow`.
   * So do more than 65,536 messages.
   *
   * @default {16_777_216}
   */
  readonly maxBuffered?: number;
  /**
   * Milliseconds that an unanswered close, or an upgrade that does not open, is waited for before the socket is let go. What
   * was sent before the close goes first, and has as long again for each MiB of it to make some progress.
   *
   * @default {5_000}
   */
  readonly closeTimeout?: number;
  /** The group that this connection joins. */
  readonly connections?: Connections<Info>;
  /**
   * Told of what a callback or the `origin` function threw or rejected with, of an answer that is none, and of an upgrade
   * that failed; with the connection, which that has ended or which never began.
   *
   * @default {console.error}
   */
  readonly onError?: (error: unknown, self: Self<Info>) => void;
}

/** The options with every default filled in. */
export interface Settings<Info> {
  /** Whether the transport can send pings and pongs. */
  readonly control: boolean;
  readonly remoteAddr: RemoteAddr | undefined;
  readonly origin: OriginPolicy;
  readonly heartbeat: number;
  readonly maxMessageSize: number;
  readonly maxMailbox: number;
  readonly maxMailboxBytes: number;
  readonly maxBuffered: number;
  readonly closeTimeout: number;
  readonly registry: Registry<Info> | undefined;
  readonly onError: (error: unknown, self: Self<Info>) => unknown;
}

const SERVE = "serve a WebSocket";
const MIB = 2 ** 20;

// An origin as a browser sends it, with nothing behind the host and port.
const ORIGIN_REGEXP = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/;

/** Fills in the defaults and checks what is given. Throws for a value that no default can mend. */
export function toSettings<Info>(
  options: ServeWebsocketOptions<Info>,
  control: boolean = false,
): Settings<Info> {
  return {
    control,
    remoteAddr: options.remoteAddr,
    origin: toOrigin(options.origin ?? "same"),
    heartbeat: within(SERVE, "heartbeat", options.heartbeat ?? 30_000, 0, MAX_TIMER),
    maxMessageSize: within(SERVE, "maxMessageSize", options.maxMessageSize ?? MIB, 1),
    maxMailbox: within(SERVE, "maxMailbox", options.maxMailbox ?? 10_000, 1),
    maxMailboxBytes: within(SERVE, "maxMailboxBytes", options.maxMailboxBytes ?? 16 * MIB, 1),
    maxBuffered: within(SERVE, "maxBuffered", options.maxBuffered ?? 16 * MIB, 1),
    closeTimeout: within(SERVE, "closeTimeout", options.closeTimeout ?? 5_000, 1, MAX_TIMER),
    registry: registryOf(options.connections),
    onError: toOnError(options.onError),
  };
}

/** Checks that the handler has its functions. */
export function checkHandler<State, Info>(handler: AnyHandler<State, Info>): void {
  checkFunction("init", handler?.init, false);
  checkFunction("handle", handler.handle, false);
  checkFunction("info", handler.info, true);
  checkFunction("control", handler.control, true);
  checkFunction("terminate", handler.terminate, true);
}

function toOrigin(origin: OriginPolicy): OriginPolicy {
  if (origin === "same" || origin === "any" || typeof origin === "function") return origin;
  const index = Array.isArray(origin) ? origin.findIndex(isNotOrigin) : 0;
  if (index < 0) return origin;
  const wrong: unknown = Array.isArray(origin) ? origin[index] : origin;
  throw new TypeError(
    `Cannot serve a WebSocket as "origin" must be "same", "any", a function or a list of origins such as "https://example.com": received ${
      show(wrong)
    }`,
  );
}

function isNotOrigin(origin: unknown): boolean {
  if (typeof origin !== "string") return true;
  if (origin === "null") return false;
  const parsed = parseUrl(origin)?.origin;
  // Of schemes it does not know, a URL has no origin.
  return !ORIGIN_REGEXP.test(origin) || parsed !== origin && parsed !== "null";
}

function toOnError<Info>(
  onError: ServeWebsocketOptions<Info>["onError"],
): Settings<Info>["onError"] {
  if (onError === undefined) return logError;
  checkFunction("onError", onError, false);
  return onError;
}

function logError(error: unknown): void {
  // deno-lint-ignore no-console -- the contract's default
  console.error(error);
}

function checkFunction(name: string, value: unknown, optional: boolean): void {
  if (typeof value === "function" || optional && value === undefined) return;
  throw new TypeError(
    `Cannot serve a WebSocket as "${name}" must be a function: received ${show(value)}`,
  );
}
