import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { nextTick, versions } from "node:process";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import type { TerminateReason } from "../handler.ts";
import { Closing, type ClosingLine } from "./closing.ts";
import { Heartbeat, type PingedLine } from "./heartbeat.ts";
import type { DataFrame, Line, LineEvents } from "./line.ts";
import {
  BADENCODING,
  BADFRAME,
  BADSIZE,
  CLOSED,
  fromCloseEvent,
  HEARTBEAT,
  OVERFLOW,
} from "./terminate_reason.ts";
import { encodeFrame } from "./ws_frame.ts";

// What is sent in one turn waits for its end, up to so many bytes.
const MAX_CORKED = 65_536;

// Deno's `node:tls` reads on whatever its socket is told.
const TLS_READS_ON = "deno" in versions;

// The only error that has no code of its own: what Deno makes of one of zlib.
const NO_CODE = 1007;

/** A WebSocket that says `"closing"` when the client's close frame comes: `ws` says so when the line is gone. */
export class PromptWebSocket extends WebSocket {
  // What is said tells who calls (`ws` 8.23):
  //   close(code, text)    this side
  //   close(code, bytes)   `ws`, to answer a close frame
  //   close()              `ws`, to answer an empty one
  //   close(code)          `ws`, after an error; after one of zlib there may be no code
  override close(...said: [code?: number, reason?: string | Buffer]): void {
    const [code, reason] = said;
    const isError = said.length === 1;
    super.close(isError ? code ?? NO_CODE : code, reason);
    const isAnswer = said.length === 0 || typeof reason === "object";
    if (isAnswer) this.emit("closing", code ?? 1005, reason?.toString() ?? "");
  }
}

/** An open socket of npm `ws` as the loop sees it. */
export class WsSocket implements Line, ClosingLine, PingedLine {
  // The head of a frame.
  readonly overhead = 2;
  readonly hold?: (held: boolean) => void;
  readonly #socket: WebSocket;
  readonly #stream: Duplex & Partial<Pick<Socket, "bytesRead">>;
  readonly #events: LineEvents;
  readonly #closing: Closing;
  readonly #heartbeat: Heartbeat;

  /**
   * `stream` is what `socket` runs on. `heartbeat` and `closeTimeout` are milliseconds; a heartbeat of 0 is none.
   */
  constructor(
    socket: WebSocket,
    stream: Duplex,
    events: LineEvents,
    heartbeat: number,
    closeTimeout: number,
  ) {
    this.#socket = socket;
    this.#stream = stream;
    this.#events = events;
    this.#closing = new Closing(this, closeTimeout);
    this.#heartbeat = new Heartbeat(heartbeat, this, () => this.#isDead());
    if (canWait(stream)) this.hold = (held) => this.#hold(held);
    this.#listen(socket);
    events.open(this);
  }

  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  /** Bytes read so far, where the stream counts them. */
  get read(): number {
    return this.#stream.bytesRead ?? 0;
  }

  send(frame: DataFrame): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    // What is compressed waits in `ws`, and the rest behind it.
    if (this.#socket.extensions !== "") this.#sendByWs(frame);
    else this.#write(encodeFrame(frame));
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  close(code: number, reason: string, patient: boolean): void {
    this.#closing.begin(code, reason, patient);
  }

  sayGoodbye(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  giveUp(): void {
    this.#socket.terminate();
  }

  #hold(held: boolean): void {
    // What it said meanwhile has still to be read.
    this.#heartbeat.heard();
    if (held) this.#socket.pause();
    else this.#socket.resume();
  }

  #sendByWs(frame: DataFrame): void {
    switch (frame.kind) {
      case "text":
        return this.#socket.send(frame.data);
      case "binary":
        // Written later as it may be, it is to go out as it is now.
        return this.#socket.send(new Uint8Array(frame.data));
      case "ping":
        return this.#socket.ping(new Uint8Array(frame.data));
      case "pong":
        return this.#socket.pong(new Uint8Array(frame.data));
    }
  }

  // What is sent in one turn leaves together: in one call of the system, not in one each.
  #write(bytes: Buffer): void {
    const stream = this.#stream;
    if (stream.writableCorked === 0) {
      stream.cork();
      nextTick(uncork, stream);
    }
    stream.write(bytes);
    if (stream.writableLength >= MAX_CORKED) stream.uncork();
  }

  #listen(socket: WebSocket): void {
    const events = this.#events;
    socket.on("message", (data, isBinary) => {
      this.#heartbeat.heard();
      events.receive(
        isBinary
          ? { kind: "binary", data: toBytes(data as Buffer) }
          : { kind: "text", data: data.toString() },
      );
    });
    for (const kind of ["ping", "pong"] as const) {
      socket.on(kind, (data: Buffer) => {
        this.#heartbeat.heard();
        events.receiveControl({ kind, data: toBytes(data) });
      });
    }
    // With a backlog that it does not take, one that has said its last would stay. What is inflated is still to come.
    if (socket.extensions === "") this.#stream.once("end", () => this.#end(CLOSED));
    socket.on("error", (error) => this.#end(fromError(error)));
    socket.on("closing", (code, reason) => this.#end({ kind: "remote", code, reason }));
    socket.on("close", (code, reason) => {
      this.#heartbeat.stop();
      this.#closing.end();
      events.lose(fromCloseEvent(code, reason.toString()));
      events.release(false);
    });
  }

  // The loop may be waiting for a callback, and the client may leave the line open, or not take what was sent before. Where
  // `ws` has sent a close frame, this is none.
  #end(reason: TerminateReason, code: number = 1000): void {
    this.#events.lose(reason);
    this.#closing.begin(code, "");
  }

  // Nothing is heard of a client that is held: it is not read.
  #isDead(): void {
    if (!this.#socket.isPaused) this.#end(HEARTBEAT, 1001);
  }
}

function canWait(stream: Duplex): boolean {
  return !TLS_READS_ON || !("encrypted" in stream);
}

function uncork(stream: Duplex): void {
  stream.uncork();
}

/** What the error of `ws` says. On one of its own codes it closes with 1002, 1007, 1008 or 1009 itself. */
export function fromError(error: Error): TerminateReason {
  const code = "code" in error ? String(error.code) : "";
  switch (code) {
    case "WS_ERR_INVALID_UTF8":
      return BADENCODING;
    case "WS_ERR_TOO_MANY_BUFFERED_PARTS":
      return OVERFLOW;
    case "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH":
    case "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH":
      return BADSIZE;
  }
  if (code.startsWith("WS_ERR_")) return BADFRAME;
  return isOfZlib(code) ? BADENCODING : CLOSED;
}

// What cannot be inflated. Deno hands on what there is, and fails then.
function isOfZlib(code: string): boolean {
  return code.startsWith("Z_") || code === "ERR_MULTIPLE_CALLBACK";
}

// What `ws` hands on is a view of all that it has read, or of what others read too. A handler may transfer its bytes.
function toBytes(data: Buffer): Uint8Array {
  const isOwn = data.length > 0 && data.length === data.buffer.byteLength;
  return isOwn ? new Uint8Array(data.buffer) : new Uint8Array(data);
}
