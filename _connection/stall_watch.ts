const MIB = 2 ** 20;

/**
 * Finds the client that neither reads nor sends. Deno's own ping does not: it waits behind what the client does not
 * read. Each period something must come, or a message be taken; a backlog gets one more period for each MiB.
 */
export class StallWatch {
  readonly #period: number;
  readonly #line: { readonly buffered: number };
  readonly #stalled: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heard = false;
  #backlog = 0;
  #idlePeriods = 0;

  /** Watches `line` in periods of so many milliseconds; 0 does not watch. */
  constructor(period: number, line: { readonly buffered: number }, stalled: () => void) {
    this.#period = period;
    this.#line = line;
    this.#stalled = stalled;
  }

  sent(): void {
    if (this.#timer === undefined && this.#period > 0) this.#wait();
  }

  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#look(), this.#period);
  }

  #look(): void {
    this.#timer = undefined;
    const { buffered } = this.#line;
    const isIdle = !this.#heard && buffered > 0 && buffered === this.#backlog;
    this.#idlePeriods = isIdle ? this.#idlePeriods + 1 : 0;
    this.#backlog = buffered;
    this.#heard = false;
    if (this.#idlePeriods > buffered / MIB) this.#stalled();
    else if (buffered > 0) this.#wait();
  }
}
