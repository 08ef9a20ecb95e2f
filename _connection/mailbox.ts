import type { CloseFrame, ControlFrame, InFrame } from "../frame.ts";
import type { TerminateReason } from "../handler.ts";
import { byteLength } from "./byte_length.ts";

/** Everything that can wait for a connection. Behind a `"stop"` nothing waits. */
export type Message<Info> =
  | { readonly kind: "frame"; readonly frame: InFrame; readonly bytes: number }
  | { readonly kind: "control"; readonly frame: ControlFrame; readonly bytes: number }
  | { readonly kind: "info"; readonly info: Info }
  | {
    readonly kind: "stop";
    readonly reason: TerminateReason;
    readonly close: CloseFrame | undefined;
  };

const HIGH_COUNT = 16;

/** A first-in first-out queue with many senders and one taker, limited in count and bytes. */
export class Mailbox<Info> {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #messages: (Message<Info> | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#messages.length - this.#head;
  }

  /** Whether more waits than may. */
  get isOver(): boolean {
    return this.size > this.#maxCount || this.isOverBytes;
  }

  /** Whether more bytes wait than may. */
  get isOverBytes(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  /** Whether a client should be made to wait, where that is possible. */
  get isHigh(): boolean {
    return this.size >= Math.min(HIGH_COUNT, this.#maxCount) ||
      this.#bytes >= this.#maxBytes / HIGH_COUNT;
  }

  fits(message: Message<Info>): boolean {
    return this.size < this.#maxCount && this.fitsBytes(message);
  }

  fitsBytes(message: Message<Info>): boolean {
    return this.#bytes + bytesOf(message) <= this.#maxBytes;
  }

  put(message: Message<Info>): void {
    this.#bytes += bytesOf(message);
    this.#messages.push(message);
  }

  take(): Message<Info> | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#messages[this.#head++] = undefined;
    this.#bytes -= bytesOf(message);
    this.#compact();
    return message;
  }

  clear(): void {
    this.#messages = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #compact(): void {
    if (this.#head === this.#messages.length) this.clear();
    else if (this.#head >= 1024 && this.#head * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** What came from the client, as it waits. */
export function toMessage(frame: InFrame): Message<never> {
  const bytes = typeof frame.data === "string" ? byteLength(frame.data) : frame.data.length;
  return { kind: "frame", frame, bytes };
}

function bytesOf(message: Message<unknown>): number {
  return message.kind === "frame" || message.kind === "control" ? message.bytes : 0;
}
