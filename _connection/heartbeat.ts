const MIB = 2 ** 20;

/** A line that can be pinged. */
export interface PingedLine {
  readonly buffered: number;
  /** Bytes that came so far: a long message is a sign of life before it is whole. */
  readonly read: number;
  readonly ping: () => void;
}

/**
 * Pings a silent client after half a period or more, and finds the dead one half a period later. A pong waits behind what
 * the client has still to read: as long as that gets less it lives, and each MiB of it gives it half a period more.
 */
export class Heartbeat {
  readonly #line: PingedLine;
  readonly #dead: () => void;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #heard = false;
  #backlog = 0;
  #read = 0;
  #quiet = 0;

  /** `period`: milliseconds; 0 is no heartbeat. */
  constructor(period: number, line: PingedLine, dead: () => void) {
    this.#line = line;
    this.#dead = dead;
    if (period > 0) this.#timer = setInterval(() => this.#beat(), period / 2);
  }

  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const { buffered, read } = this.#line;
    this.#quiet = this.#heard || read !== this.#read || buffered < this.#backlog
      ? 0
      : this.#quiet + 1;
    this.#heard = false;
    this.#backlog = buffered;
    this.#read = read;
    if (this.#quiet > 1 + buffered / MIB) this.#dead();
    else if (this.#quiet === 1) this.#line.ping();
  }
}
