import { type Clock, createClock } from "npm:@sinonjs/fake-timers@15.5.0";

const real = { Date, setTimeout, clearTimeout, setInterval, clearInterval };
const realAbortSignalTimeout = AbortSignal.timeout;

let current: FakeTime | undefined;

export interface FakeTimeOptions {
  /** Fake milliseconds that pass by themselves for each real one. */
  advanceRate: number;
  /** Real milliseconds between two such advances. */
  advanceFrequency?: number;
}

export class TimeError extends Error {
  override name = "TimeError";
}

/** The FakeTime of `@std/testing/time`, run by the clock of `@sinonjs/fake-timers`. */
export class FakeTime implements Disposable {
  readonly start: number;
  readonly #clock: Clock;
  readonly #fakes: Fakes;
  readonly #advancing: ReturnType<typeof setInterval> | undefined;

  constructor(start?: number | string | Date | null, options?: FakeTimeOptions) {
    if (current) throw new TimeError("Cannot construct FakeTime: time is already faked");
    this.start = new Date(start ?? Date.now()).getTime();
    if (Number.isNaN(this.start)) throw new TypeError("Cannot construct FakeTime: invalid start");
    this.#clock = createClock(this.start);
    this.#fakes = fakesOf(this.#clock);
    this.#advancing = this.#advanceBy(options);
    this.#override();
    current = this;
  }

  static restore(): void {
    if (!current) throw new TimeError("Cannot restore time: time is already restored");
    current.restore();
  }

  static async restoreFor<T, Args extends unknown[]>(
    callback: (...args: Args) => Promise<T> | T,
    ...args: Args
  ): Promise<T> {
    const time = current;
    if (!time) throw new TimeError("Cannot restore time: time is not faked");
    restoreGlobals();
    try {
      const result = callback(...args);
      return result instanceof Promise ? await result : result;
    } finally {
      if (current === time) time.#override();
    }
  }

  get now(): number {
    return this.#clock.now;
  }

  set now(value: number) {
    if (value < this.now) throw new RangeError(`Cannot set time back to ${value}`);
    this.#clock.tick(value - this.now);
  }

  tick(ms = 0): void {
    this.now += ms;
  }

  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  next(): boolean {
    if (this.#clock.countTimers() === 0) return false;
    this.#clock.next();
    this.#runOthersDueNow();
    return true;
  }

  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  runAll(): void {
    while (this.next());
  }

  async runAllAsync(): Promise<void> {
    while (await this.nextAsync());
  }

  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Waits in real time. */
  async delay(ms: number, options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(new DOMException("Delay was aborted.", "AbortError"));
    const timer = real.setTimeout(resolve, ms);
    signal?.addEventListener("abort", abort);
    try {
      await promise;
    } finally {
      real.clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  restore(): void {
    if (current !== this) throw new TimeError("Cannot restore time: time is already restored");
    current = undefined;
    restoreGlobals();
    real.clearInterval(this.#advancing);
  }

  [Symbol.dispose](): void {
    this.restore();
  }

  #advanceBy(options: FakeTimeOptions | undefined): ReturnType<typeof setInterval> | undefined {
    if (!options?.advanceRate) return undefined;
    const { advanceRate, advanceFrequency = 10 } = options;
    return real.setInterval(() => this.tick(advanceRate * advanceFrequency), advanceFrequency);
  }

  #override(): void {
    Object.assign(globalThis, this.#fakes.globals);
    AbortSignal.timeout = this.#fakes.abortSignalTimeout;
  }

  #runOthersDueNow(): void {
    this.#clock.tick(0);
  }
}

type Fakes = ReturnType<typeof fakesOf>;
type Callback = (...args: unknown[]) => void;

function fakesOf(clock: Clock) {
  const setTimeout = (callback: Callback, delay = 0, ...args: unknown[]): number => {
    // The clock delays by 1 ms what a timer sets for 0 ms, @std does not.
    clock.duringTick = false;
    return Number(clock.setTimeout(callback, delay, ...args));
  };
  const setInterval = (callback: Callback, delay = 0, ...args: unknown[]): number =>
    Number(clock.setInterval(callback, Math.max(1, delay), ...args));
  // Deno's own modules clear real timers, which are objects, through the globals.
  const clear = (id?: unknown): void => {
    if (typeof id === "number") clock.clearTimeout(id);
  };
  const abortSignalTimeout = (delay: number): AbortSignal => {
    const controller = new AbortController();
    const error = new DOMException("Signal timed out.", "TimeoutError");
    setTimeout(() => controller.abort(error), delay);
    return controller.signal;
  };
  const globals = {
    Date: clock.Date,
    setTimeout,
    clearTimeout: clear,
    setInterval,
    clearInterval: clear,
  };
  return { globals, abortSignalTimeout };
}

function restoreGlobals(): void {
  Object.assign(globalThis, real);
  AbortSignal.timeout = realAbortSignalTimeout;
}
