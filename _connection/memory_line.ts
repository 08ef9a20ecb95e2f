import type { InFrame, OutFrame } from "../frame.ts";
import type { TerminateReason } from "../handler.ts";
import type { DataFrame, Line, LineEvents } from "./line.ts";
import { CLOSED } from "./terminate_reason.ts";

interface Receiver {
  readonly resolve: (frame: OutFrame) => void;
  readonly reject: (error: Error) => void;
}

/** A line with no network: what the server sends waits here until the client receives it. */
export class MemoryLine implements Line {
  readonly buffered = 0;
  readonly #events: LineEvents;
  #frames: OutFrame[] = [];
  #receivers: Receiver[] = [];
  #isOpen = false;

  constructor(events: LineEvents) {
    this.#events = events;
  }

  /** The upgrade is done. */
  open(): void {
    this.#isOpen = true;
    this.#events.open(this);
  }

  send(frame: DataFrame): void {
    if (this.#isOpen) this.#deliver(copy(frame as InFrame));
  }

  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#deliver({ kind: "close", code, reason });
    this.#end();
  }

  /** The client sends. */
  sendToServer(frame: InFrame): void {
    if (this.#isOpen) this.#events.receive(copy(frame));
  }

  /** The client receives. */
  receive(): Promise<OutFrame> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    if (!this.#isOpen) return Promise.reject(nothingLeft());
    return new Promise((resolve, reject) => this.#receivers.push({ resolve, reject }));
  }

  /** The client says good-bye. */
  closeByClient(code: number, reason: string): void {
    this.#lose({ kind: "remote", code, reason });
  }

  /** The line breaks. */
  drop(): void {
    this.#lose(CLOSED);
  }

  #lose(reason: TerminateReason): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#events.lose(reason);
    this.#end();
  }

  #deliver(frame: OutFrame): void {
    const receiver = this.#receivers.shift();
    if (receiver === undefined) this.#frames.push(frame);
    else receiver.resolve(frame);
  }

  #end(): void {
    this.#isOpen = false;
    for (const receiver of this.#receivers) receiver.reject(nothingLeft());
    this.#receivers = [];
    this.#events.release(false);
  }
}

// As on the wire: nobody shares bytes, and a lone surrogate does not survive.
function copy(frame: InFrame): InFrame {
  return frame.kind === "text"
    ? { kind: "text", data: frame.data.toWellFormed() }
    : { kind: "binary", data: new Uint8Array(frame.data) };
}

function nothingLeft(): Error {
  return new Error("Cannot receive a frame as the connection has ended");
}
