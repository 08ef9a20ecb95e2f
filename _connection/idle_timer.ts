// Milliseconds that a timer may be late before the clock is taken to have been set.
const SLACK = 1_000;

/** Calls back once when nothing has come for `timeout` milliseconds. A touch costs a look at the clock, no timer. */
export class IdleTimer {
  readonly #expire: () => void;
  #timeout = Infinity;
  #touched = 0;
  #fresh = false;
  #armed = 0;
  #delay = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(expire: () => void) {
    this.#expire = expire;
  }

  /** Changes the timeout; the silence so far counts. */
  set(timeout: number): void {
    if (timeout === this.#timeout) return;
    if (this.#timeout === Infinity) this.#touched = Date.now();
    this.stop();
    this.#timeout = timeout;
    if (timeout !== Infinity) this.#arm(Math.max(0, this.#remaining(Date.now())));
  }

  touch(): void {
    if (this.#timeout === Infinity) return;
    this.#touched = Date.now();
    this.#fresh = true;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timeout = Infinity;
  }

  #arm(delay: number): void {
    this.#fresh = false;
    this.#armed = Date.now();
    this.#delay = delay;
    this.#timer = setTimeout(() => this.#wake(), delay);
  }

  #wake(): void {
    const remaining = this.#fresh ? this.#plausible(Date.now()) : 0;
    if (remaining > 0) return this.#arm(remaining);
    this.stop();
    this.#expire();
  }

  // Something came since the timer was armed. If the clock was set meanwhile, the whole timeout is waited for again.
  #plausible(now: number): number {
    const isAstray = now - this.#armed - this.#delay > SLACK ||
      this.#touched < this.#armed || this.#touched > now;
    return isAstray ? this.#timeout : this.#remaining(now);
  }

  #remaining(now: number): number {
    return this.#touched + this.#timeout - now;
  }
}
