/** Calls back once when nothing has come for `timeout` milliseconds. A touch costs a look at the clock, no timer. */
export class IdleTimer {
  readonly #expire: () => void;
  #timeout = Infinity;
  #touched = 0;
  #fresh = false;
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
    if (timeout !== Infinity) this.#arm(Math.max(0, this.#remaining()));
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
    this.#timer = setTimeout(() => this.#wake(), delay);
  }

  #wake(): void {
    if (this.#fresh) return this.#arm(this.#plausible(this.#remaining()));
    this.stop();
    this.#expire();
  }

  #remaining(): number {
    return this.#touched + this.#timeout - Date.now();
  }

  // Something came since the timer was armed, so time remains; a clock that says otherwise was set.
  #plausible(remaining: number): number {
    return remaining > 0 && remaining <= this.#timeout ? remaining : this.#timeout;
  }
}
