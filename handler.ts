/**
 * The contract between a server and its connections: types only, no code.
 *
 * A handler is a plain object of functions. Each gets what happened and the connection's state, and answers with data
 * that says what to do next. A connection runs its callbacks one at a time; the state goes from one to the next.
 *
 * ```ts
 * import type { WebsocketHandler } from "@lariat/websocket/handler";
 * import { text } from "@lariat/websocket/frame";
 * import { connect } from "@lariat/websocket/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const counter: WebsocketHandler<number> = {
 *   init: () => ({ kind: "ok", state: 1 }),
 *   handle: (_frame, count) => ({ kind: "reply", frames: text(`${count}`), state: count + 1 }),
 * };
 *
 * const client = await connect(counter);
 * client.send(text("how many?"));
 * assertEquals(await client.receive(), text("1"));
 * ```
 *
 * @module
 */

import type { InFrame, OutFrame } from "./frame.ts";

/** What `new Headers` takes: `HeadersInit`, spelled out for runtimes that have no such name. */
export type HeadersLike = Headers | Iterable<string[]> | Record<string, string>;

/** A value, or a promise for one. */
export type Awaitable<T> = T | PromiseLike<T>;

/**
 * What a connection does, as functions that answer with data (Cowboy's `cowboy_websocket_handler`).
 *
 * Callbacks of one connection never overlap: the next starts when the last one's result, or its promise, is there. A
 * callback that throws, rejects or answers with something else ends its own connection with close code 1011 and
 * `error/crash`; in `init` the client gets a 500. Nothing else is touched.
 *
 * A promise that never settles holds up its connection, its `terminate` too. Give what you await a deadline.
 *
 * @typeParam State What the connection remembers from one callback to the next.
 * @typeParam Info What the rest of the program may send to the connection through {@linkcode Self}.
 * @typeParam Out The frames that the transport can send.
 */
export interface WebsocketHandler<State, Info = never, Out = OutFrame> {
  /**
   * Called first and once, before the upgrade is answered: no byte has been sent. The place to look at the request.
   *
   * - `"ok"`: the client gets its 101, then `frames`, and the connection begins with `state`.
   * - `"shutdown"`: the client gets `response`; there is no connection, and `terminate` is not called.
   *
   * A frame that the client sends meanwhile waits. An info sent to `self` meanwhile comes before any frame.
   */
  readonly init: (request: UpgradeRequest, self: Self<Info>) => Awaitable<InitResult<State, Out>>;

  /**
   * Called for each message of the client, in order of arrival. The socket is open, unless the client closed it behind
   * this message: what is sent then goes nowhere.
   *
   * - `"ok"`: goes on with `state`.
   * - `"reply"`: sends `frames` in the order listed, then goes on with `state`. At the first close frame the rest is
   *   dropped and the connection stops with `normal/shutdown`.
   * - `"shutdown"`: closes with 1000 and stops with `normal/shutdown`.
   */
  readonly handle: (
    frame: InFrame,
    state: State,
    self: Self<Info>,
  ) => Awaitable<HandleResult<State, Out>>;

  /**
   * Called for each info sent to the connection with `self.send`, in order with its frames. Results as in `handle`.
   *
   * It never runs inside the sender's own callback: `self.send` returns first. Without it infos are dropped.
   */
  readonly info?: (
    info: Info,
    state: State,
    self: Self<Info>,
  ) => Awaitable<HandleResult<State, Out>>;

  /**
   * Called once and last for every connection whose `init` said `"ok"`, with the newest state: also when the socket
   * never opened. The socket is closed or closing: nothing can be sent, `self.send` returns false.
   *
   * What it returns is ignored; what it throws goes to `onError`. When it is done, `self.signal` is aborted.
   */
  readonly terminate?: (
    reason: TerminateReason,
    state: State,
    self: Self<Info>,
  ) => Awaitable<void>;
}

/**
 * What {@linkcode WebsocketHandler.init} answers.
 *
 * Discriminate on `kind`:
 *
 * - `"ok"`: upgrade. `frames` are the first on the wire. `timeout` is how many milliseconds the client may send no message,
 *   from the open on: above 0 and at most 2,147,483,647, or {@linkcode Infinity}, which is the default; pings and pongs do
 *   not count. `hibernate` keeps the state as bytes until the next
 *   callback. `protocol` is the subprotocol chosen, one of `request.protocols`. `headers` go on the 101: cookies and
 *   any header that is not the handshake's own.
 * - `"shutdown"`: refuse. The client gets `response`, or an empty 400.
 */
export type InitResult<State, Out = OutFrame> =
  | {
    readonly kind: "ok";
    readonly state: State;
    readonly frames?: Out | readonly Out[];
    readonly timeout?: number;
    readonly hibernate?: boolean;
    readonly protocol?: string;
    readonly headers?: HeadersLike;
  }
  | { readonly kind: "shutdown"; readonly response?: Response };

/**
 * What {@linkcode WebsocketHandler.handle} and {@linkcode WebsocketHandler.info} answer.
 *
 * Discriminate on `kind`:
 *
 * - `"ok"`: nothing to send; go on with `state`.
 * - `"reply"`: send `frames`, one or a list, then go on with `state`. An empty list sends nothing.
 * - `"shutdown"`: close with 1000 and end; `terminate` gets `state`.
 *
 * `timeout` changes how many milliseconds the client may send no message, within the same limits; its silence so far counts.
 * Left out, it stays. A timeout that is out of range ends the connection with `error/crash`, as every answer that is none.
 * `hibernate: true` keeps the state as bytes (structured clone) until the next callback. It holds for this result only.
 * It pays for states that are big and seldom needed; a small one gets bigger. A state that cannot be cloned is a crash. What
 * comes back is a copy: an instance of a class is a plain object then, and platform objects such as a `URL` are
 * empty ones.
 */
export type HandleResult<State, Out = OutFrame> =
  | {
    readonly kind: "ok";
    readonly state: State;
    readonly timeout?: number;
    readonly hibernate?: boolean;
  }
  | {
    readonly kind: "reply";
    readonly frames: Out | readonly Out[];
    readonly state: State;
    readonly timeout?: number;
    readonly hibernate?: boolean;
  }
  | { readonly kind: "shutdown"; readonly state: State };

/**
 * Why a connection ended. Decided once: the first reason wins.
 *
 * Discriminate on `kind`, then on `cause`:
 *
 * - `"normal"`: this side meant it. `"shutdown"`: the handler said so. `"timeout"`: the client was silent for
 *   `timeout` milliseconds. `"drain"`: the server is going away.
 * - `"remote"`: the client said good-bye with a close frame; `code` is 1005 when it had none (RFC 6455 §7.1.5).
 * - `"error"`: something broke.
 *   - `"badencoding"`, `"badframe"`: the client does not speak RFC 6455; suspect its library or an intruder.
 *   - `"badsize"`: a message was over `maxMessageSize`.
 *   - `"closed"`: the line went away without a close frame, or never opened: the everyday end of a phone or a laptop.
 *   - `"heartbeat"`: the client did not answer a ping: it is gone and the network did not say so.
 *   - `"overflow"`: more waited for the handler than `maxMailbox` or `maxMailboxBytes`: the handler is too slow, or the
 *     client floods. Over `./ws` also a message in too many fragments, which gets 1008: more than one for each 256 bytes of
 *     `maxMessageSize`, but never fewer than 1,024 nor more than 16,384.
 *   - `"slow"`: the client does not read what it is sent.
 *   - `"crash"`: a bug in the handler. `error` is what a callback threw or rejected with, untouched, or says what is wrong
 *     with its answer.
 */
export type TerminateReason =
  | { readonly kind: "normal"; readonly cause: "shutdown" | "timeout" | "drain" }
  | { readonly kind: "remote"; readonly code: number; readonly reason: string }
  | {
    readonly kind: "error";
    readonly cause:
      | "badencoding"
      | "badframe"
      | "badsize"
      | "closed"
      | "heartbeat"
      | "overflow"
      | "slow";
  }
  | { readonly kind: "error"; readonly cause: "crash"; readonly error: unknown };

/**
 * A connection's address, as Erlang's pid: the way for the rest of the program to reach it. Safe to keep, to share and
 * to use at any time, after the end too.
 *
 * @typeParam Info What may be sent to the connection.
 */
export interface Self<Info = never> {
  /**
   * Puts an info into the connection's mailbox and returns at once; `info` of the handler is called for it later.
   * Returns false when nobody will see it: the connection has ended or is about to, or this info is one too many for its
   * mailbox. A handler without `info` takes and drops it. Never throws; needs no `this`.
   */
  readonly send: (info: Info) => boolean;
  /** Aborted when `terminate` has run. Created on first use. */
  readonly signal: AbortSignal;
  /**
   * Bytes sent and not yet taken by the network. When it is high the client reads slower than it is sent to: skip what
   * it can do without.
   */
  readonly buffered: number;
}

/**
 * The request that asks for the upgrade: a copy, readable for as long as it is kept. Deno closes its own `Request` at
 * the upgrade.
 */
export interface UpgradeRequest {
  /** The whole URL: as Deno gives it, or over `./ws` made of the `Host` header and the target. */
  readonly url: string;
  /** All headers of the request. */
  readonly headers: Headers;
  /** The subprotocols that the client offers, in its order of preference (RFC 6455 §4.1). */
  readonly protocols: readonly string[];
  /** The page that asks, such as `"https://example.com"`; `null` when it is not a browser. */
  readonly origin: string | null;
  /** Who asks, if the server handed it on in the options; over `./ws` always. */
  readonly remoteAddr?: RemoteAddr;
}

/** Where a client is: what `Deno.Addr` is, spelled out for runtimes that do not have it. */
export type RemoteAddr =
  | { readonly transport: "tcp" | "udp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix" | "unixpacket"; readonly path: string }
  | { readonly transport: "vsock"; readonly cid: number; readonly port: number };
