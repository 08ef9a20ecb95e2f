import { close, ping, pong } from "../frame.ts";
import type { AnyFrame } from "./line.ts";
import { kindOf, show } from "./show.ts";

type Frames = AnyFrame | readonly AnyFrame[];

/** Tells a list of frames from one frame. */
export function isList<Frame>(frames: Frame | readonly Frame[]): frames is readonly Frame[] {
  return Array.isArray(frames);
}

/** Checks the frames up to the first close frame and returns its index, or -1. What stands behind it is not sent. */
export function lastOf(frames: Frames, control: boolean): number {
  if (!isList(frames)) return isLast(frames, control) ? 0 : -1;
  for (let index = 0; index < frames.length; index++) {
    if (isLast(frames[index], control)) return index;
  }
  return -1;
}

/** Copies frames that are to be sent later, whatever becomes of the originals. */
export function copyAll(frames: Frames): Frames {
  return isList(frames) ? frames.map(copy) : copy(frames);
}

function copy(frame: AnyFrame): AnyFrame {
  switch (frame?.kind) {
    case "text":
      return { kind: "text", data: frame.data };
    case "close":
      return { kind: "close", code: frame.code, reason: frame.reason };
    case "binary":
    case "ping":
    case "pong":
      return isBytes(frame.data) ? { kind: frame.kind, data: new Uint8Array(frame.data) } : frame;
  }
  return frame;
}

function isLast(frame: AnyFrame | undefined, control: boolean): boolean {
  switch (frame?.kind) {
    case "text":
      if (typeof frame.data === "string") return false;
      throw notSendable(`"data" of a text frame must be a string`, frame.data);
    case "binary":
      if (isBytes(frame.data)) return false;
      throw notSendable(`"data" of a binary frame must be a Uint8Array`, frame.data);
    case "ping":
    case "pong":
      if (control) return (frame.kind === "ping" ? ping : pong)(frame.data) === undefined;
      break;
    case "close":
      return close(frame.code, frame.reason) !== undefined;
  }
  const kinds = control
    ? `"text", "binary", "ping", "pong" or "close"`
    : `"text", "binary" or "close"`;
  throw notSendable(`"kind" of a frame must be ${kinds}`, kindOf(frame) ?? frame);
}

// A transport does not send what another thread may write meanwhile.
function isBytes(data: unknown): boolean {
  return data instanceof Uint8Array && data.buffer instanceof ArrayBuffer;
}

function notSendable(wanted: string, received: unknown): TypeError {
  return new TypeError(`Cannot send a frame as ${wanted}: received ${show(received)}`);
}
