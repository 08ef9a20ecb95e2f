import type { Awaitable, TerminateReason } from "../handler.ts";
import { isPromiseLike, toPromise } from "./promise_like.ts";

/** What is left to do when a connection ends. */
export interface LastWishes {
  /** Calls the handler's `terminate`. */
  readonly terminate: (reason: TerminateReason) => Awaitable<void>;
  /** Tells of what `terminate` threw. */
  readonly tell: (error: unknown) => void;
  /** `terminate` is done. */
  readonly ended: (reason: TerminateReason) => void;
  /** The line is released too: nothing is left. */
  readonly released: (held: boolean) => void;
}

/** The end of one connection: one reason, one `terminate`, and the last thing that anyone hears of it. */
export class Ending {
  readonly #wishes: LastWishes;
  #reason: TerminateReason | undefined;
  #terminating = false;
  #over = false;
  #skipped = false;
  #held: boolean | undefined;
  #abort: AbortController | undefined;

  constructor(wishes: LastWishes) {
    this.#wishes = wishes;
  }

  get reason(): TerminateReason | undefined {
    return this.#reason;
  }

  /** Whether there never was a connection to end. */
  get isSkipped(): boolean {
    return this.#skipped;
  }

  /** Aborted when `terminate` has run. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#over) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Fixes the reason; false if there is one already. */
  decide(reason: TerminateReason): boolean {
    if (this.#reason !== undefined) return false;
    this.#reason = reason;
    return true;
  }

  /** Calls `terminate`, the first time. */
  terminate(): void {
    if (this.#reason === undefined || this.#terminating) return;
    this.#terminating = true;
    const reason = this.#reason;
    try {
      const done: unknown = this.#wishes.terminate(reason);
      if (!isPromiseLike(done)) return this.#end(reason);
      toPromise(done).catch((error) => this.#wishes.tell(error)).then(() => this.#end(reason));
    } catch (error) {
      this.#wishes.tell(error);
      this.#end(reason);
    }
  }

  /** The end of what never was a connection: nothing to terminate. */
  skip(): void {
    this.#skipped = true;
    this.#terminating = true;
    this.#over = true;
    this.#abort?.abort();
  }

  /** The line is let go; `held` if the client still holds it. */
  release(held: boolean): void {
    if (this.#held !== undefined) return;
    this.#held = held;
    this.#finish();
  }

  #end(reason: TerminateReason): void {
    this.#over = true;
    this.#abort?.abort();
    this.#wishes.ended(reason);
    this.#finish();
  }

  #finish(): void {
    if (this.#over && this.#held !== undefined) this.#wishes.released(this.#held);
  }
}
