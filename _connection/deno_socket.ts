import type { InFrame } from "../frame.ts";
import type { TerminateReason } from "../handler.ts";
import { Closing, type ClosingLine } from "./closing.ts";
import type { DataFrame, Line, LineEvents } from "./line.ts";
import { StallWatch } from "./stall_watch.ts";
import { CLOSED, fromCloseEvent, fromErrorText, HEARTBEAT } from "./terminate_reason.ts";

const EVENTS = ["open", "message", "error", "close"] as const;

/** The socket of `Deno.upgradeWebSocket` as the loop sees it: events become calls, frames become `send`. */
export class DenoSocket implements Line, ClosingLine, EventListenerObject {
  readonly #socket: WebSocket;
  readonly #events: LineEvents;
  readonly #watch: StallWatch;
  readonly #closing: Closing;
  readonly #opening: ReturnType<typeof setTimeout>;
  #isReleased = false;

  /** `heartbeat` and `closeTimeout` are milliseconds; a heartbeat of 0 is none. */
  constructor(socket: WebSocket, events: LineEvents, heartbeat: number, closeTimeout: number) {
    this.#socket = socket;
    this.#events = events;
    this.#watch = new StallWatch(heartbeat, this, () => events.lose(HEARTBEAT));
    this.#closing = new Closing(this, closeTimeout);
    this.#opening = setTimeout(() => this.#giveUpOpening(), closeTimeout);
    for (const type of EVENTS) socket.addEventListener(type, this);
  }

  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: DataFrame): void {
    if (this.#isReleased) return;
    this.#watch.sent(frame.data);
    this.#socket.send(frame.data as string | Uint8Array<ArrayBuffer>);
  }

  close(code: number, reason: string, patient: boolean): void {
    this.#closing.begin(code, reason, patient);
  }

  sayGoodbye(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  giveUp(): void {
    this.#release(true);
  }

  handleEvent(event: Event): void {
    switch (event.type) {
      case "message":
        this.#watch.heard();
        return this.#events.receive(toFrame((event as MessageEvent).data));
      case "open":
        clearTimeout(this.#opening);
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
    clearTimeout(this.#opening);
    this.#watch.stop();
    this.#closing.end();
    for (const type of EVENTS) this.#socket.removeEventListener(type, this);
    this.#events.release(held);
  }
}

function toFrame(data: string | ArrayBuffer): InFrame {
  return typeof data === "string"
    ? { kind: "text", data }
    : { kind: "binary", data: new Uint8Array(data) };
}

function closeStranger({ target }: Event): void {
  setImmediate(() => (target as WebSocket).close(1013));
}
