// Why connections end, as the tests expect it.

import type { TerminateReason } from "../handler.ts";

export const SHUTDOWN: TerminateReason = { kind: "normal", cause: "shutdown" };
export const TIMEOUT: TerminateReason = { kind: "normal", cause: "timeout" };
export const DRAIN: TerminateReason = { kind: "normal", cause: "drain" };
export const BADENCODING: TerminateReason = { kind: "error", cause: "badencoding" };
export const BADFRAME: TerminateReason = { kind: "error", cause: "badframe" };
export const BADSIZE: TerminateReason = { kind: "error", cause: "badsize" };
export const CLOSED: TerminateReason = { kind: "error", cause: "closed" };
export const HEARTBEAT: TerminateReason = { kind: "error", cause: "heartbeat" };
export const OVERFLOW: TerminateReason = { kind: "error", cause: "overflow" };
export const SLOW: TerminateReason = { kind: "error", cause: "slow" };

export function remote(code: number, reason = ""): TerminateReason {
  return { kind: "remote", code, reason };
}

export function crash(error: unknown): TerminateReason {
  return { kind: "error", cause: "crash", error };
}
