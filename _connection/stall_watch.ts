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
  /** Sent in all, in bytes or, for texts that are not ASCII, less. */
  #sent = 0;
  /** Of that no more than what was taken at the last look. */
  #taken = -Infinity;
  #idlePeriods = 0;

  /** Watches `line` in periods of so many milliseconds; 0 does not watch. */
  constructor(period: number, line: { readonly buffered: number }, stalled: () => void) {
    this.#period = period;
    this.#line = line;
    this.#stalled = stalled;
  }

  sent(data: string | Uint8Array): void {
    this.#sent += data.length;
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
    const taken = this.#sent - buffered;
    const isIdle = !this.#heard && buffered > 0 && taken <= this.#taken;
    this.#idlePeriods = isIdle ? this.#idlePeriods + 1 : 0;
    this.#taken = buffered > 0 ? taken : -Infinity;
    this.#heard = false;
    if (this.#idlePeriods > buffered / MIB) this.#stalled();
    else if (buffered > 0) this.#wait();
  }
}
