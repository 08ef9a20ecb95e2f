/**
 * What goes over the wire: the frames a handler receives and sends, their constructors, and which close codes may be
 * sent.
 *
 * A frame is a plain object, told apart by `kind`. A message that a client sent in fragments arrives as one frame.
 *
 * ```ts
 * import { binary, close, text } from "@lariat/websocket/frame";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(text("hi"), { kind: "text", data: "hi" });
 * assertEquals(binary(new Uint8Array([1, 2])).data.length, 2);
 * assertEquals(close(4000, "see you"), { kind: "close", code: 4000, reason: "see you" });
 * ```
 *
 * @module
 */

/**
 * A message from the client, whole.
 *
 * Discriminate on `kind`:
 *
 * - `"text"`: `data` is a string; the transport has checked that it came as valid UTF-8 (RFC 6455 §8.1).
 * - `"binary"`: `data` is bytes that belong to the handler: nobody else reads or writes them.
 */
export type InFrame =
  | { readonly kind: "text"; readonly data: string }
  | { readonly kind: "binary"; readonly data: Uint8Array };

/**
 * A ping or a pong (RFC 6455 §5.5.2 and §5.5.3), with at most 125 bytes of `data`.
 *
 * They reach JavaScript only where the transport lets them through: not under `Deno.serve`, where a
 * {@linkcode WebsocketHandler} that returns one does not compile.
 *
 * Discriminate on `kind`:
 *
 * - `"ping"`: asks the other side for a pong with the same `data`.
 * - `"pong"`: answers a ping, or tells unasked that this side is alive.
 */
export type ControlFrame =
  | { readonly kind: "ping"; readonly data: Uint8Array }
  | { readonly kind: "pong"; readonly data: Uint8Array };

/**
 * A close frame (RFC 6455 §5.5.1). Sent in a reply it is the last frame on the wire: those listed behind it are dropped
 * and the connection stops with `normal/shutdown`.
 *
 * `code` is 1000-1003, 1007-1014 or 3000-4999; `reason` is at most 123 bytes of UTF-8.
 */
export type CloseFrame = {
  readonly kind: "close";
  readonly code: number;
  readonly reason: string;
};

/**
 * What a handler may send on every transport.
 *
 * Discriminate on `kind`:
 *
 * - `"text"`: goes out as one text message. A lone surrogate in `data` becomes U+FFFD.
 * - `"binary"`: goes out as one binary message. The bytes are taken at the call and may be reused afterwards.
 * - `"close"`: starts the closing handshake and ends the connection.
 */
export type OutFrame = InFrame | CloseFrame;

/**
 * Makes a text frame.
 *
 * @param data The text of the message.
 * @returns The frame.
 *
 * @example Usage
 * ```ts
 * import { text } from "@lariat/websocket/frame";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(text("hi"), { kind: "text", data: "hi" });
 * ```
 */
export function text(data: string): { readonly kind: "text"; readonly data: string } {
  if (typeof data !== "string") {
    throw new TypeError(
      `Cannot build a text frame as "data" must be a string: received ${typeof data}`,
    );
  }
  return { kind: "text", data };
}

/**
 * Makes a binary frame.
 *
 * @param data The bytes of the message. They are not copied here.
 * @returns The frame.
 *
 * @example Usage
 * ```ts
 * import { binary } from "@lariat/websocket/frame";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(binary(new Uint8Array([1, 2])).kind, "binary");
 * ```
 */
export function binary(data: Uint8Array): { readonly kind: "binary"; readonly data: Uint8Array } {
  return { kind: "binary", data: bytesOf("a binary frame", data) };
}

/**
 * Makes a close frame.
 *
 * @param code Why, as a number: 1000-1003, 1007-1014 or 3000-4999 (RFC 6455 §7.4 and its registry). Those in between
 * are reserved or say what only the receiving side can find out.
 * @param reason Why, in words: at most 123 bytes of UTF-8 (RFC 6455 §5.5).
 * @returns The frame.
 * @throws {RangeError} If `code` may not be sent or `reason` is too long.
 *
 * @example Usage
 * ```ts
 * import { close } from "@lariat/websocket/frame";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(close(), { kind: "close", code: 1000, reason: "" });
 * assertThrows(() => close(1005), RangeError);
 * ```
 */
export function close(code: number = 1000, reason: string = ""): CloseFrame {
  if (!isCloseCode(code)) {
    throw new RangeError(
      `Cannot build a close frame as "code" must be 1000-1003, 1007-1014 or 3000-4999: received ${
        String(code)
      }`,
    );
  }
  if (typeof reason !== "string") {
    throw new TypeError(
      `Cannot build a close frame as "reason" must be a string: received ${typeof reason}`,
    );
  }
  const length = byteLength(reason);
  if (length > 123) {
    throw new RangeError(
      `Cannot build a close frame as "reason" must be at most 123 bytes: received ${length}`,
    );
  }
  return { kind: "close", code, reason };
}

/**
 * Makes a ping frame, for transports that let pings through.
 *
 * @param data At most 125 bytes, empty when left out (RFC 6455 §5.5).
 * @returns The frame.
 * @throws {RangeError} If `data` is longer than 125 bytes.
 *
 * @example Usage
 * ```ts
 * import { ping } from "@lariat/websocket/frame";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ping().data.length, 0);
 * ```
 */
export function ping(
  data: Uint8Array = new Uint8Array(),
): { readonly kind: "ping"; readonly data: Uint8Array } {
  return { kind: "ping", data: controlData("a ping frame", data) };
}

/**
 * Makes a pong frame, for transports that let pongs through. A ping has its pong already when a handler sees it.
 *
 * @param data At most 125 bytes, empty when left out (RFC 6455 §5.5).
 * @returns The frame.
 * @throws {RangeError} If `data` is longer than 125 bytes.
 *
 * @example Usage
 * ```ts
 * import { pong } from "@lariat/websocket/frame";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pong(new Uint8Array([7])).data, new Uint8Array([7]));
 * ```
 */
export function pong(
  data: Uint8Array = new Uint8Array(),
): { readonly kind: "pong"; readonly data: Uint8Array } {
  return { kind: "pong", data: controlData("a pong frame", data) };
}

/**
 * Tells whether a close frame may carry this code: 1000-1003, 1007-1014 or 3000-4999.
 *
 * @param code The number to look at.
 * @returns Whether {@linkcode close} takes it.
 *
 * @example Usage
 * ```ts
 * import { isCloseCode } from "@lariat/websocket/frame";
 * import { assert, assertFalse } from "@std/assert";
 *
 * assert(isCloseCode(1013));
 * assertFalse(isCloseCode(1006));
 * ```
 */
export function isCloseCode(code: number): boolean {
  return Number.isInteger(code) &&
    (code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999);
}

function controlData(what: string, data: Uint8Array): Uint8Array {
  if (bytesOf(what, data).length > 125) {
    throw new RangeError(
      `Cannot build ${what} as "data" must be at most 125 bytes: received ${data.length}`,
    );
  }
  return data;
}

function bytesOf(what: string, data: Uint8Array): Uint8Array {
  if (data instanceof Uint8Array) return data;
  throw new TypeError(
    `Cannot build ${what} as "data" must be a Uint8Array: received ${typeof data}`,
  );
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
