import type { Awaitable, HandleResult, Self, TerminateReason, WebsocketHandler } from "../mod.ts";

/** What an {@linkcode Audit} has counted. */
export interface Account {
  /** Connections whose `init` said ok. */
  readonly began: number;
  /** Those of them that opened. */
  readonly opened: number;
  /** Calls of `handle`. */
  readonly frames: number;
  /** Calls of `terminate` by reason. */
  readonly ends: Readonly<Record<string, number>>;
  /** Callbacks that threw, rejected or answered nonsense: so often `onError` is to be told. */
  readonly failures: number;
  /** Broken laws. */
  readonly violations: Readonly<Record<string, number>>;
}

/** The number that came with a session's request, and how it ended. */
export type NumberedEnding = readonly [number: string, ending: string];

/** Told to every connection first, so that one that opens is known: its `info` runs. */
const OPENED = "opened";

/** Keeps the books on the connections of a server: who began, opened and ended, and whether a law was broken. */
export class Audit {
  readonly #ends: Record<string, number> = {};
  readonly #violations: Record<string, number> = {};
  #endings: NumberedEnding[] = [];
  #began = 0;
  #opened = 0;
  #frames = 0;
  #failures = 0;

  get account(): Account {
    return {
      began: this.#began,
      opened: this.#opened,
      frames: this.#frames,
      ends: this.#ends,
      failures: this.#failures,
      violations: this.#violations,
    };
  }

  /** How the sessions ended since the last time. */
  takeEndings(): readonly NumberedEnding[] {
    const endings = this.#endings;
    this.#endings = [];
    return endings;
  }

  /** The handler with every call of it watched. One for each connection. */
  watch<State>(
    number: string,
    { init, handle, info, terminate }: WebsocketHandler<State, string>,
  ): WebsocketHandler<State, string> {
    const witness = new Witness((law) => increment(this.#violations, law));
    return {
      init: (request, self) => {
        self.send(OPENED);
        return this.#examine(witness, () => init(request, self), (result) => {
          if (result.kind === "ok") this.#began++;
        });
      },
      handle: (frame, state, self) => {
        this.#frames++;
        return this.#examine(witness, () => handle(frame, state, self));
      },
      info: (news, state, self) => {
        if (news !== OPENED) {
          return this.#examine(witness, () => info?.(news, state, self) ?? ok(state));
        }
        this.#open(witness);
        return ok(state);
      },
      terminate: (reason, state, self) => {
        this.#enter(number, reason, witness);
        return settle(() => witness.end(() => terminate?.(reason, state, self), self), {
          failed: () => this.#failures++,
        });
      },
    };
  }

  #examine<Result extends { readonly kind: string }>(
    witness: Witness,
    callback: () => Awaitable<Result>,
    then: (result: Result) => void = () => {},
  ): Awaitable<Result> {
    return settle(() => witness.call(callback), {
      // What has no kind is no result.
      done: (result) => typeof result?.kind === "string" ? then(result) : this.#failures++,
      failed: () => this.#failures++,
    });
  }

  #open(witness: Witness): void {
    if (!witness.opened) this.#opened++;
    witness.opened = true;
  }

  #enter(number: string, reason: TerminateReason, witness: Witness): void {
    const name = nameOf(reason);
    increment(this.#ends, name);
    this.#endings.push([number, name]);
    // One that closes at its open gets no info; but what never opened can only be closed.
    if (name !== "error/closed") this.#open(witness);
  }
}

/** Sees all calls of one connection's callbacks. */
class Witness {
  opened = false;
  readonly #report: (law: string) => void;
  #running = false;
  #ended = false;

  constructor(report: (law: string) => void) {
    this.#report = report;
  }

  call<Result>(callback: () => Awaitable<Result>): Awaitable<Result> {
    if (this.#running) this.#report("one at a time");
    if (this.#ended) this.#report("terminate last, once");
    this.#running = true;
    const over = () => this.#running = false;
    return settle(callback, { done: over, failed: over });
  }

  end(terminate: () => Awaitable<void>, self: Self<string>): Awaitable<void> {
    self.signal.addEventListener("abort", () => this.#listen(self), { once: true });
    const result = this.call(terminate);
    this.#ended = true;
    return result;
  }

  #listen(self: Self<string>): void {
    if (self.send("too late")) this.#report("the dead are silent");
  }
}

/** A reason in one word: `"remote/1000"`, `"error/closed"`. */
export function nameOf(reason: TerminateReason): string {
  return `${reason.kind}/${reason.kind === "remote" ? reason.code : reason.cause}`;
}

interface Outcome<Result> {
  readonly done?: (result: Result) => void;
  readonly failed: () => void;
}

// What was synchronous stays so.
function settle<Result>(
  callback: () => Awaitable<Result>,
  { done = () => {}, failed }: Outcome<Result>,
): Awaitable<Result> {
  const pass = (result: Result) => (done(result), result);
  const fail = (error: unknown): never => {
    failed();
    throw error;
  };
  let result: Awaitable<Result>;
  try {
    result = callback();
  } catch (error) {
    return fail(error);
  }
  return result instanceof Promise ? result.then(pass, fail) : pass(result as Result);
}

function ok<State>(state: State): HandleResult<State> {
  return { kind: "ok", state };
}

function increment(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
