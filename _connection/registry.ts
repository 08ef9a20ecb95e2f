import type { CloseFrame } from "../frame.ts";
import type { Self, TerminateReason } from "../handler.ts";
import { DRAIN } from "./terminate_reason.ts";

/** A connection as its group sees it. */
export interface Member<Info> {
  readonly self: Self<Info>;
  /** Ends it when what waits in its mailbox is done. */
  readonly stop: (reason: TerminateReason, close: CloseFrame) => void;
  /** Ends it now, whatever waits. */
  readonly end: (reason: TerminateReason, close: CloseFrame) => void;
}

/** How {@linkcode Connections.drain} went. */
export interface DrainResult {
  /** Ended: their `terminate` is done and their line closed. */
  readonly drained: number;
  /** Given up on: their line was still held, or their `terminate` not done. */
  readonly abandoned: number;
}

interface Drain<Info> {
  readonly waiting: Set<Member<Info>>;
  done: () => void;
  drained: number;
  abandoned: number;
}

// How often the next connections of a spread drain are told.
const SLICE = 20;

/** Who is connected: live from before the call of `init` until the end is decided, then ending until nothing is left. */
export class Registry<Info> {
  readonly live: Set<Member<Info>> = new Set();
  readonly #max: number;
  readonly #ending = new Set<Member<Info>>();
  readonly #drains = new Set<Drain<Info>>();
  #draining = false;
  #abandoned = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get abandoned(): number {
    return this.#abandoned;
  }

  get isClosed(): boolean {
    return this.#draining || this.live.size >= this.#max;
  }

  join(member: Member<Info>): void {
    this.live.add(member);
  }

  /** The upgrade was refused: it never was a connection. */
  turnAway(member: Member<Info>): void {
    this.live.delete(member);
    this.#ending.delete(member);
    for (const drain of this.#drains) {
      drain.waiting.delete(member);
      settle(drain);
    }
  }

  /** The end is decided; `terminate` and the good-bye on the wire are to come. */
  leave(member: Member<Info>): void {
    if (this.live.delete(member)) this.#ending.add(member);
  }

  /** Nothing of it is left here; `held` if the client still holds the line. */
  release(member: Member<Info>, held: boolean): void {
    this.#ending.delete(member);
    if (held) this.#abandoned++;
    for (const drain of this.#drains) {
      if (drain.waiting.delete(member)) drain[held ? "abandoned" : "drained"]++;
      settle(drain);
    }
  }

  async drain(close: CloseFrame, deadline: number, spread: number): Promise<DrainResult> {
    this.#draining = true;
    const members = [...this.live];
    const waiting = new Set([...members, ...this.#ending]);
    const drain = { waiting, done: () => {}, drained: 0, abandoned: 0 };
    this.#drains.add(drain);
    const stopTelling = tellOverTime(members, spread, (member) => member.stop(DRAIN, close));
    await settled(drain, deadline);
    stopTelling();
    this.#drains.delete(drain);
    for (const member of waiting) member.end(DRAIN, close);
    return { drained: drain.drained, abandoned: drain.abandoned + waiting.size };
  }
}

// Resolves when nobody is waited for any more, or at the deadline.
function settled<Info>(drain: Drain<Info>, deadline: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, deadline);
    drain.done = () => {
      clearTimeout(timer);
      resolve();
    };
    settle(drain);
  });
}

function settle<Info>(drain: Drain<Info>): void {
  if (drain.waiting.size === 0) drain.done();
}

// Tells all at once, or slice by slice so that their reconnects do not come all at once.
function tellOverTime<T>(all: readonly T[], spread: number, tell: (one: T) => void): () => void {
  const slices = Math.max(1, Math.ceil(spread / SLICE));
  let slice = 0;
  const upTo = () => Math.ceil(all.length * slice / slices);
  const tellSlice = () => {
    const start = upTo();
    slice++;
    for (const one of all.slice(start, upTo())) tell(one);
    if (slice === slices) clearInterval(timer);
  };
  const timer = setInterval(tellSlice, SLICE);
  tellSlice();
  return () => clearInterval(timer);
}
