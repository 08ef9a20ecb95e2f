import type { Self } from "../handler.ts";
import { isPromiseLike, toPromise } from "./promise_like.ts";

/** Tells the program of an error. Whatever becomes of that, nothing is thrown. */
export function report<Info>(
  onError: (error: unknown, self: Self<Info>) => unknown,
  error: unknown,
  self: Self<Info>,
): void {
  try {
    const told = onError(error, self);
    if (isPromiseLike(told)) toPromise(told).catch(logError);
  } catch (thrown) {
    logError(thrown);
  }
}

// The last resort when onError itself threw. Even to print an error can throw.
function logError(error: unknown): void {
  try {
    // deno-lint-ignore no-console -- there is nobody else to tell
    console.error(error);
  } catch {
    // Nothing more can be done.
  }
}
