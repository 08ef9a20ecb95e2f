import { close, type CloseFrame, type InFrame, type OutFrame } from "../frame.ts";
import type { HandleResult, InitResult } from "../handler.ts";
import { show } from "./show.ts";

type Messages = InFrame | readonly InFrame[];

/** The only two things the loop can do with a handler's answer. */
export type Step<State> =
  | {
    readonly kind: "continue";
    readonly frames: Messages;
    readonly state: State;
    readonly timeout: number | undefined;
    readonly hibernate: boolean;
  }
  | {
    readonly kind: "stop";
    readonly frames: readonly InFrame[];
    readonly state: State;
    readonly close: CloseFrame;
  };

/** An answer that keeps the connection open. */
export type OkResult<State> = Exclude<
  HandleResult<State> | InitResult<State>,
  { readonly kind: "shutdown" }
>;

// A longer delay overflows the 32 bits of setTimeout, which would then fire at once.
const MAX_TIMEOUT = 2 ** 31 - 1;
const NOTHING: readonly never[] = [];
const SHUTDOWN: CloseFrame = close();

/** Turns what `handle` or `info` answered into a step. Throws if it is not a result. */
export function toStep<State>(result: HandleResult<State>): Step<State> {
  switch (kindOf(result)) {
    case "reply":
    case "ok":
      return toOkStep(result as OkResult<State>);
    case "shutdown":
      return { kind: "stop", frames: NOTHING, state: result.state, close: SHUTDOWN };
  }
  throw notAResult(result, `"ok", "reply" or "shutdown"`);
}

/** The same for the answer of `init`, whose frames wait for the open: copies, whatever becomes of the originals. */
export function toOpeningStep<State>(result: OkResult<State>): Step<State> {
  return toOkStep({ ...result, frames: copyAll(framesOf(result)) });
}

/** Turns an answer that keeps the connection open into a step: it still stops if there is a close frame to send. */
export function toOkStep<State>(result: OkResult<State>): Step<State> {
  const { state, timeout, hibernate = false } = result;
  const frames = framesOf(result);
  if (timeout !== undefined) checkTimeout(timeout);
  const last = lastOf(frames);
  if (last >= 0) return toStop(frames, last, state);
  return { kind: "continue", frames: frames as Messages, state, timeout, hibernate };
}

/** The `kind` of what may be anything. */
function kindOf(result: unknown): unknown {
  return typeof result === "object" && result !== null && "kind" in result
    ? result.kind
    : undefined;
}

/** The error of an answer that is none of those a callback may give. */
export function notAResult(result: unknown, wanted: string): TypeError {
  return new TypeError(
    `Cannot go on as "kind" of the result must be ${wanted}: received ${
      show(kindOf(result) ?? result)
    }`,
  );
}

/** Tells a list of frames from one frame. */
export function isList<Frame>(frames: Frame | readonly Frame[]): frames is readonly Frame[] {
  return Array.isArray(frames);
}

function framesOf<State>(result: OkResult<State>): OutFrame | readonly OutFrame[] {
  if (result.kind === "reply") return result.frames;
  return "frames" in result && result.frames !== undefined ? result.frames : NOTHING;
}

function copyAll(frames: OutFrame | readonly OutFrame[]): OutFrame | readonly OutFrame[] {
  return isList(frames) ? frames.map(copy) : copy(frames);
}

function copy(frame: OutFrame): OutFrame {
  if (frame?.kind !== "binary" || !isBytes(frame.data)) return { ...frame };
  return { kind: "binary", data: new Uint8Array(frame.data) };
}

function checkTimeout(timeout: number): void {
  if (
    timeout === Infinity || typeof timeout === "number" && timeout > 0 && timeout <= MAX_TIMEOUT
  ) {
    return;
  }
  const Class = typeof timeout === "number" ? RangeError : TypeError;
  throw new Class(
    `Cannot set the timeout as "timeout" must be above 0 and at most ${MAX_TIMEOUT} milliseconds, or Infinity: received ${
      show(timeout)
    }`,
  );
}

// Checks the frames up to the first close frame and returns its index, or -1. What stands behind it is not sent.
function lastOf(frames: OutFrame | readonly OutFrame[]): number {
  if (!isList(frames)) return isLast(frames) ? 0 : -1;
  for (let index = 0; index < frames.length; index++) {
    if (isLast(frames[index])) return index;
  }
  return -1;
}

function toStop<State>(
  frames: OutFrame | readonly OutFrame[],
  last: number,
  state: State,
): Step<State> {
  const list = isList(frames) ? frames : [frames];
  const { code, reason } = list[last] as CloseFrame;
  const messages = list.slice(0, last) as InFrame[];
  return { kind: "stop", frames: messages, state, close: close(code, reason) };
}

function isLast(frame: OutFrame | undefined): boolean {
  switch (frame?.kind) {
    case "text":
      if (typeof frame.data === "string") return false;
      throw notSendable(`"data" of a text frame must be a string`, frame.data);
    case "binary":
      if (isBytes(frame.data)) return false;
      throw notSendable(`"data" of a binary frame must be a Uint8Array`, frame.data);
    case "close":
      return close(frame.code, frame.reason) !== undefined;
  }
  throw notSendable(
    `"kind" of a frame must be "text", "binary" or "close"`,
    kindOf(frame) ?? frame,
  );
}

// Deno does not send what another thread may write meanwhile.
function isBytes(data: unknown): boolean {
  return data instanceof Uint8Array && data.buffer instanceof ArrayBuffer;
}

function notSendable(wanted: string, received: unknown): TypeError {
  return new TypeError(`Cannot send a frame as ${wanted}: received ${show(received)}`);
}
