import { close, type CloseFrame } from "../frame.ts";
import type { HandleResult, InitResult } from "../handler.ts";
import type { AnyFrame, DataFrame } from "./line.ts";
import { copyAll, isList, lastOf } from "./outgoing.ts";
import { kindOf, show } from "./show.ts";
import { MAX_TIMER } from "./within.ts";

/** The only two things the loop can do with a handler's answer. */
export type Step<State> =
  | {
    readonly kind: "continue";
    readonly frames: DataFrame | readonly DataFrame[];
    readonly state: State;
    readonly timeout: number | undefined;
    readonly hibernate: boolean;
  }
  | {
    readonly kind: "stop";
    readonly frames: readonly DataFrame[];
    readonly state: State;
    readonly close: CloseFrame;
  };

/** An answer that keeps the connection open. */
export type OkResult<State> = Exclude<
  HandleResult<State, AnyFrame> | InitResult<State, AnyFrame>,
  { readonly kind: "shutdown" }
>;

const NOTHING: readonly never[] = [];
const SHUTDOWN: CloseFrame = close();

/** Turns what a callback answered into a step. Throws if it is not a result. `control`: pings and pongs can be sent. */
export function toStep<State>(
  result: HandleResult<State, AnyFrame>,
  control: boolean = false,
): Step<State> {
  switch (kindOf(result)) {
    case "reply":
    case "ok":
      return toOkStep(result as OkResult<State>, control);
    case "shutdown":
      return { kind: "stop", frames: NOTHING, state: result.state, close: SHUTDOWN };
  }
  throw notAResult(result, `"ok", "reply" or "shutdown"`);
}

/** Turns an answer that keeps the connection open into a step: it still stops if there is a close frame to send. */
export function toOkStep<State>(result: OkResult<State>, control: boolean = false): Step<State> {
  return toStepWith(result, framesOf(result), control);
}

/** The same for the answer of `init`, whose frames wait for the open: copies, whatever becomes of the originals. */
export function toOpeningStep<State>(
  result: OkResult<State>,
  control: boolean = false,
): Step<State> {
  return toStepWith(result, copyAll(framesOf(result)), control);
}

function toStepWith<State>(
  { state, timeout, hibernate = false }: OkResult<State>,
  frames: AnyFrame | readonly AnyFrame[],
  control: boolean,
): Step<State> {
  if (timeout !== undefined) checkTimeout(timeout);
  const last = lastOf(frames, control);
  if (last >= 0) return toStop(frames, last, state);
  const open = frames as DataFrame | readonly DataFrame[];
  return { kind: "continue", frames: open, state, timeout, hibernate };
}

/** The error of an answer that is none of those a callback may give. */
export function notAResult(result: unknown, wanted: string): TypeError {
  return new TypeError(
    `Cannot go on as "kind" of the result must be ${wanted}: received ${
      show(kindOf(result) ?? result)
    }`,
  );
}

function framesOf<State>(result: OkResult<State>): AnyFrame | readonly AnyFrame[] {
  if (result.kind === "reply") return result.frames;
  return "frames" in result && result.frames !== undefined ? result.frames : NOTHING;
}

function checkTimeout(timeout: number): void {
  if (
    timeout === Infinity || typeof timeout === "number" && timeout > 0 && timeout <= MAX_TIMER
  ) {
    return;
  }
  const Class = typeof timeout === "number" ? RangeError : TypeError;
  throw new Class(
    `Cannot set the timeout as "timeout" must be above 0 and at most ${MAX_TIMER} milliseconds, or Infinity: received ${
      show(timeout)
    }`,
  );
}

function toStop<State>(
  frames: AnyFrame | readonly AnyFrame[],
  last: number,
  state: State,
): Step<State> {
  const list = isList(frames) ? frames : [frames];
  const { code, reason } = list[last] as CloseFrame;
  const messages = list.slice(0, last) as DataFrame[];
  return { kind: "stop", frames: messages, state, close: close(code, reason) };
}
