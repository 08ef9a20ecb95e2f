// What a program's connection stands on: a line that does as it is told, or Deno's socket without Deno.

import { DenoSocket } from "../_connection/deno_socket.ts";
import type { DataFrame, Line, LineEvents } from "../_connection/line.ts";
import type { TerminateReason } from "../handler.ts";
import { type Act, CLOSE_TIMEOUT, type Content, type Loss, LOSSES } from "./_model_program.ts";
import { type Program, show, sizeOf, toContent } from "./_model_program.ts";

/** The network below a connection. */
export interface Transport {
  readonly act: (act: Act, label: string) => void;
  readonly take: (share: number) => void;
}

/** Puts a connection on a transport, which tells `wire` what goes out. */
export type Connect = (events: LineEvents, wire: string[], program: Program) => Transport;

/** A line with nothing below it. */
export class ScriptedLine implements Line, Transport {
  buffered = 0;
  readonly hold?: (held: boolean) => void;
  readonly #events: LineEvents;
  readonly #wire: string[];
  readonly #letsGo: boolean;
  #progress: "awaited" | "up" | "gone" = "awaited";

  constructor(events: LineEvents, wire: string[], { letsGo, canHold }: Program) {
    this.#events = events;
    this.#wire = wire;
    this.#letsGo = letsGo;
    if (canHold) this.hold = (held) => this.#hold(held);
  }

  send(frame: DataFrame): void {
    if (this.#progress === "gone") return;
    const content = fromFrame(frame);
    this.#wire.push(show(content));
    this.buffered += sizeOf(content);
  }

  close(code: number): void {
    if (this.#progress === "gone") return;
    this.#wire.push(`close ${code}`);
    if (this.#letsGo) this.#events.release(false);
  }

  take(share: number): void {
    this.buffered -= Math.ceil(this.buffered * share);
  }

  act(act: Act, label: string): void {
    switch (act.do) {
      case "frame":
        return this.#receive(toContent(act.data, label));
      case "open":
        return this.#open();
      case "lost":
        return this.#lose(toReason(LOSSES[act.by]));
      case "stalled":
        if (this.#progress === "up") this.#events.lose({ kind: "error", cause: "heartbeat" });
        return;
      case "released":
        return this.#events.release(act.held);
    }
  }

  #open(): void {
    if (this.#progress !== "awaited") return this.#events.open(secondLine(this.#wire));
    this.#progress = "up";
    this.#events.open(this);
  }

  #hold(held: boolean): void {
    if (this.#progress !== "gone") this.#wire.push(held ? "hold" : "go on");
  }

  #receive(content: Content): void {
    const frame = toFrame(content);
    if (frame.kind === "ping" || frame.kind === "pong") this.#events.receiveControl(frame);
    else this.#events.receive(frame);
  }

  #lose(reason: TerminateReason): void {
    this.#progress = "gone";
    this.buffered = 0;
    this.#events.lose(reason);
  }
}

/** What opens too late, or again: nobody is to use it. */
function secondLine(wire: string[]): Line {
  return {
    buffered: 0,
    send: () => void wire.push("a message on the second line"),
    close: () => void wire.push("a close on the second line"),
  };
}

/** The library's socket, over one that a program fires the events of. */
export class ScriptedSocket implements Transport {
  readonly #socket: FakeSocket;

  constructor(events: LineEvents, wire: string[], { heartbeat }: Program) {
    this.#socket = new FakeSocket(wire);
    new DenoSocket(this.#socket as unknown as WebSocket, events, heartbeat, CLOSE_TIMEOUT);
  }

  take(share: number): void {
    this.#socket.take(share);
  }

  act(act: Act, label: string): void {
    switch (act.do) {
      case "frame":
        return this.#socket.receive(toContent(act.data, label));
      case "open":
        return this.#socket.open();
      case "lost":
        return this.#socket.lose(act.by);
    }
  }
}

/** The socket of `Deno.upgradeWebSocket`, as far as deno-facts.md describes it. */
class FakeSocket extends EventTarget {
  readyState: number = WebSocket.CONNECTING;
  readonly #wire: string[];
  #buffered = 0;

  constructor(wire: string[]) {
    super();
    this.#wire = wire;
  }

  get bufferedAmount(): number {
    return this.readyState === WebSocket.OPEN ? this.#buffered : 0;
  }

  send(data: string | Uint8Array): void {
    if (this.readyState === WebSocket.CONNECTING) throw new DOMException("", "InvalidStateError");
    if (this.readyState !== WebSocket.OPEN) return;
    const content = typeof data === "string"
      ? fromFrame({ kind: "text", data })
      : fromFrame({ kind: "binary", data });
    this.#wire.push(show(content));
    this.#buffered += sizeOf(content);
  }

  close(code: number): void {
    if (this.readyState === WebSocket.CLOSED) return;
    this.#wire.push(`close ${code}`);
    if (this.readyState === WebSocket.CONNECTING) this.#wire.push("which is lost");
    this.readyState = WebSocket.CLOSING;
  }

  take(share: number): void {
    this.#buffered -= Math.ceil(this.#buffered * share);
  }

  open(): void {
    if (this.readyState === WebSocket.CONNECTING) this.readyState = WebSocket.OPEN;
    this.dispatchEvent(new Event("open"));
  }

  receive(content: Content): void {
    const data = content.as === "binary" ? encoder.encode(content.data).buffer : content.data;
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  lose(by: Loss): void {
    const [type, ...details] = by.split(" ");
    this.readyState = WebSocket.CLOSED;
    this.#buffered = 0;
    this.dispatchEvent(type === "error" ? toErrorEvent(details.join(" ")) : toCloseEvent(details));
  }
}

function toErrorEvent(message: string): ErrorEvent {
  return new ErrorEvent("error", { message });
}

function toCloseEvent([code, reason = ""]: readonly string[]): CloseEvent {
  return new CloseEvent("close", {
    code: Number(code),
    reason: reason === "too-long" ? "é".repeat(62) : reason,
  });
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A content as a frame. */
export function toFrame({ as, data }: Content): DataFrame {
  if (as === "text" || as === "wide") return { kind: "text", data };
  return { kind: as, data: encoder.encode(data) };
}

/** A frame as a content. */
export function fromFrame({ kind, data }: DataFrame): Content {
  return { as: kind, data: typeof data === "string" ? data : decoder.decode(data) };
}

function toReason(name: string): TerminateReason {
  const [kind, detail = ""] = name.split("/");
  if (kind !== "remote") return { kind, cause: detail } as TerminateReason;
  const [code, reason = ""] = detail.split(" ");
  return { kind, code: Number(code), reason };
}
