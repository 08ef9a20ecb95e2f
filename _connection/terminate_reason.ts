import { close, type CloseFrame } from "../frame.ts";
import type { TerminateReason } from "../handler.ts";
import { isLongerThan } from "./byte_length.ts";

/** The handler said so, with a shutdown or a close frame. */
export const SHUTDOWN: TerminateReason = { kind: "normal", cause: "shutdown" };

/** The client was silent for longer than the handler waits. */
export const TIMEOUT: TerminateReason = { kind: "normal", cause: "timeout" };

/** The server goes away. */
export const DRAIN: TerminateReason = { kind: "normal", cause: "drain" };

/** A text is not UTF-8, or a message cannot be inflated. */
export const BADENCODING: TerminateReason = { kind: "error", cause: "badencoding" };

/** A rule for frames is broken. */
export const BADFRAME: TerminateReason = { kind: "error", cause: "badframe" };

/** A message was too long. */
export const BADSIZE: TerminateReason = { kind: "error", cause: "badsize" };

/** Too much waits for the handler. */
export const OVERFLOW: TerminateReason = { kind: "error", cause: "overflow" };

/** Too much waits for the client. */
export const SLOW: TerminateReason = { kind: "error", cause: "slow" };

/** The line went away without a good-bye, or never opened. */
export const CLOSED: TerminateReason = { kind: "error", cause: "closed" };

/** The client does not answer a ping, or would not if it could reach it. */
export const HEARTBEAT: TerminateReason = { kind: "error", cause: "heartbeat" };

/** The close frame that tells the client why, or none where it cannot or need not be told. */
export function toCloseFrame(reason: TerminateReason): CloseFrame | undefined {
  switch (reason.kind) {
    case "normal":
      return close(reason.cause === "drain" ? 1001 : 1000);
    case "remote":
      return undefined;
    case "error":
      return toErrorCloseFrame(reason.cause);
  }
}

type ErrorCause = Extract<TerminateReason, { readonly kind: "error" }>["cause"];

// RFC 6455 §7.4.1; 1013 is the registry's "try again later".
function toErrorCloseFrame(cause: ErrorCause): CloseFrame | undefined {
  switch (cause) {
    case "closed":
      return undefined;
    case "heartbeat":
      return close(1001);
    case "badframe":
      return close(1002);
    case "badencoding":
      return close(1007);
    case "badsize":
      return close(1009);
    case "crash":
      return close(1011);
    case "overflow":
    case "slow":
      return close(1013);
  }
}

/** What Deno's close event says, when no error event came before it. */
export function fromCloseEvent(code: number, reason: string): TerminateReason {
  // Deno reports 0 where RFC 6455 §7.1.5 has 1006: there was no close frame.
  if (code === 0 || code === 1006) return CLOSED;
  // RFC 6455 §5.5: no control frame is longer than 125 bytes, two of them the code. Deno lets it through.
  if (isLongerThan(123, reason)) return BADFRAME;
  return { kind: "remote", code, reason };
}

/** Deno's error texts: the only hint of why it gave up a connection. A text not listed means the line broke. */
export const ERROR_TEXTS: Readonly<
  Record<string, "badencoding" | "badframe" | "badsize" | "heartbeat">
> = {
  "Invalid UTF-8": "badencoding",
  "Invalid string data": "badencoding",
  "Invalid close code": "badframe",
  "Invalid close frame": "badframe",
  "Reserved bits are not zero": "badframe",
  "Control frame must not be fragmented": "badframe",
  "Ping frame too large": "badframe",
  "Invalid value": "badframe",
  "Invalid fragment": "badframe",
  "Invalid continuation frame": "badframe",
  "Frame too large": "badsize",
  "No response from ping frame.": "heartbeat",
};

/** What Deno's error event says. */
export function fromErrorText(text: string): TerminateReason {
  const cause = Object.hasOwn(ERROR_TEXTS, text) ? ERROR_TEXTS[text] : undefined;
  return cause === undefined ? CLOSED : { kind: "error", cause };
}
