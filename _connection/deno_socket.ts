import type { InFrame } from "../frame.ts";
import type { TerminateReason } from "../handler.ts";
import type { Line, LineEvents } from "./line.ts";
import { StallWatch } from "./stall_watch.ts";
import { CLOSED, fromCloseEvent, fromErrorText, HEARTBEAT } from "./terminate_reason.ts";

// How often a line with a backlog is asked whether it has been written.
const POLL = 20;

/** The socket of `Deno.upgradeWebSocket` as the loop sees it: events become calls, frames become `send`. */
export class DenoSocket implements Line, EventListenerObject {
  readonly #socket: WebSocket;
  readonly #events: LineEvents;
  readonly #closeTimeout: number;
  readonly #watch: StallWatch;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosing = false;
  #isReleased = false;

  /** `heartbeat` and `closeTimeout` are milliseconds; a heartbeat of 0 is none. */
  constructor(socket: WebSocket, events: LineEvents, heartbeat: number, closeTimeout: number) {
    this.#socket = socket;
    this.#events = events;
    this.#closeTimeout = closeTimeout;
    this.#watch = new StallWatch(heartbeat, this, () => events.lose(HEARTBEAT));
    for (const type of EVENTS) socket.addEventListener(type, this);
    this.#wait(closeTimeout, () => this.#giveUpOpening());
  }

  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: InFrame): void {
    this.#watch.sent();
    this.#socket.send(frame.data as string | Uint8Array<ArrayBuffer>);
  }

  close(code: number, reason: string): void {
    if (this.#isClosing || this.#isReleased) return;
    this.#isClosing = true;
    this.#closeWhenWritten({ code, reason }, Infinity, this.#closeTimeout);
  }

  handleEvent(event: Event): void {
    switch (event.type) {
      case "message":
        this.#watch.heard();
        return this.#events.receive(toFrame((event as MessageEvent).data));
      case "open":
        clearTimeout(this.#timer);
        this.#socket.removeEventListener("open", this);
        return this.#events.open(this);
      case "error":
        return this.#lose(fromErrorText((event as ErrorEvent).message));
      case "close": {
        const { code, reason } = event as CloseEvent;
        return this.#lose(fromCloseEvent(code, reason));
      }
    }
  }

  // Deno writes a close frame late. If a message comes before it has, Deno drops the line and the close frame is lost.
  // So the backlog goes first, and the close in a turn of its own.
  #closeWhenWritten(close: Goodbye, left: number, patience: number): void {
    setImmediate(() => {
      if (this.#isReleased) return;
      const { buffered } = this;
      if (buffered === 0) return this.#close(close);
      if (patience <= 0) return this.#giveUp(close);
      const rest = buffered < left ? this.#closeTimeout : patience - POLL;
      this.#wait(POLL, () => this.#closeWhenWritten(close, buffered, rest));
    });
  }

  #close({ code, reason }: Goodbye): void {
    this.#socket.close(code, reason);
    this.#wait(this.#closeTimeout, () => this.#release(true));
  }

  // A client that does not read: the close frame waits behind what it was sent, for as long as it holds the line.
  #giveUp({ code, reason }: Goodbye): void {
    this.#socket.close(code, reason);
    this.#release(true);
  }

  // The 101 was not written, or its Response not returned. Should it open later, nobody is there.
  #giveUpOpening(): void {
    this.#socket.addEventListener("open", closeStranger, { once: true });
    this.#events.lose(CLOSED);
    this.#release(true);
  }

  #lose(reason: TerminateReason): void {
    this.#events.lose(reason);
    this.#release(false);
  }

  #release(held: boolean): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearTimeout(this.#timer);
    this.#watch.stop();
    for (const type of EVENTS) this.#socket.removeEventListener(type, this);
    this.#events.release(held);
  }

  #wait(delay: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, delay);
  }
}

interface Goodbye {
  readonly code: number;
  readonly reason: string;
}

const EVENTS = ["open", "message", "error", "close"] as const;

function toFrame(data: string | ArrayBuffer): InFrame {
  return typeof data === "string"
    ? { kind: "text", data }
    : { kind: "binary", data: new Uint8Array(data) };
}

function closeStranger({ target }: Event): void {
  setImmediate(() => (target as WebSocket).close(1013));
}
