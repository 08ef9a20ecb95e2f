import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { IdleTimer } from "../_connection/idle_timer.ts";

const TIMEOUT = 1_000;
const LONG = 2 ** 31 - 1;

/** A timer under fake time that counts how often it expires. */
class Started implements Disposable {
  readonly time: FakeTime;
  readonly timer: IdleTimer = new IdleTimer(() => this.expired++);
  expired = 0;

  constructor(now: number | string) {
    this.time = new FakeTime(now);
  }

  [Symbol.dispose](): void {
    this.time.restore();
  }
}

Deno.test("IdleTimer expires at the timeout and not one tick before", () => {
  for (const timeout of [1, 2, TIMEOUT, LONG]) {
    using test = start(timeout);
    test.time.tick(timeout - 1);
    assertEquals(test.expired, 0);
    test.time.tick(1);
    assertEquals(test.expired, 1);
  }
});

Deno.test("IdleTimer expires once", () => {
  using test = start();
  test.time.tick(TIMEOUT * 10);
  assertEquals(test.expired, 1);
});

Deno.test("IdleTimer.touch() starts the silence anew, to the tick", () => {
  for (const touches of [[0], [1], [999], [500, 501], [999, 999, 999], [0, 0, 1, 1, 998]]) {
    using test = start();
    for (const silence of touches) {
      test.time.tick(silence);
      test.timer.touch();
    }
    test.time.tick(TIMEOUT - 1);
    assertEquals(test.expired, 0);
    test.time.tick(1);
    assertEquals(test.expired, 1);
  }
});

Deno.test("IdleTimer.touch() in each tick keeps it from expiring", () => {
  using test = start(10);
  for (let tick = 0; tick < 1_000; tick++) {
    test.time.tick(1);
    test.timer.touch();
  }
  assertEquals(test.expired, 0);
  test.time.tick(10);
  assertEquals(test.expired, 1);
});

Deno.test("IdleTimer.touch() sets no timer", () => {
  using test = start();
  test.time.tick(400);
  for (let i = 0; i < 100; i++) test.timer.touch();
  // The timer set first, then the one for the rest: nothing else is pending.
  assertEquals([test.time.next(), test.time.now, test.expired], [true, TIMEOUT, 0]);
  assertEquals([test.time.next(), test.time.now, test.expired], [true, TIMEOUT + 400, 1]);
  assertEquals(test.time.next(), false);
});

const CHANGES:
  readonly (readonly [name: string, silence: number, timeout: number, left: number])[] = [
    ["longer", 400, 1_500, 1_100],
    ["shorter", 400, 700, 300],
    ["the silence so far", 400, 400, 0],
    ["less than the silence so far", 400, 100, 0],
    ["the same", 400, TIMEOUT, 600],
  ];

for (const [name, silence, timeout, left] of CHANGES) {
  Deno.test(`IdleTimer.set() counts the silence so far when it becomes ${name}`, () => {
    using test = start();
    test.time.tick(silence);
    test.timer.set(timeout);
    if (left > 0) test.time.tick(left - 1);
    assertEquals(test.expired, 0);
    test.time.tick(left > 0 ? 1 : 0);
    assertEquals(test.expired, 1);
    test.time.tick(10_000);
    assertEquals(test.expired, 1);
  });
}

Deno.test("IdleTimer.set() counts from the last touch", () => {
  using test = start();
  test.time.tick(400);
  test.timer.touch();
  test.time.tick(100);
  test.timer.set(300);
  test.time.tick(199);
  assertEquals(test.expired, 0);
  test.time.tick(1);
  assertEquals(test.expired, 1);
});

Deno.test("IdleTimer.set() to the same value after a touch keeps the touch", () => {
  using test = start();
  test.time.tick(400);
  test.timer.touch();
  test.timer.set(TIMEOUT);
  test.time.tick(999);
  assertEquals(test.expired, 0);
  test.time.tick(1);
  assertEquals(test.expired, 1);
});

Deno.test("IdleTimer.set() to Infinity never expires, touched or not", () => {
  using test = start();
  test.time.tick(400);
  test.timer.set(Infinity);
  test.timer.touch();
  assertEquals([test.time.next(), test.expired], [false, 0]);
});

Deno.test("IdleTimer.set() after Infinity counts from then on", () => {
  using test = start();
  test.time.tick(400);
  test.timer.set(Infinity);
  test.time.tick(5_000);
  test.timer.set(TIMEOUT);
  test.time.tick(999);
  assertEquals(test.expired, 0);
  test.time.tick(1);
  assertEquals(test.expired, 1);
});

Deno.test("IdleTimer does nothing before set()", () => {
  using test = start(Infinity);
  test.timer.touch();
  test.timer.stop();
  assertEquals([test.time.next(), test.expired], [false, 0]);
});

Deno.test("IdleTimer.stop() leaves no timer behind and is final until set()", () => {
  using test = start();
  test.timer.touch();
  test.timer.stop();
  test.timer.touch();
  assertEquals([test.time.next(), test.expired], [false, 0]);
  test.timer.set(TIMEOUT);
  test.time.tick(TIMEOUT);
  assertEquals(test.expired, 1);
});

Deno.test("IdleTimer can be set again by what it calls back", () => {
  using time = new FakeTime(0);
  const expired: number[] = [];
  const timer = new IdleTimer(() => {
    expired.push(Date.now());
    if (expired.length < 3) timer.set(TIMEOUT);
  });
  timer.set(TIMEOUT);
  time.tick(10_000);
  assertEquals(expired, [1_000, 2_000, 3_000]);
});

// The touch sees the real clock, everything else the fake one: as if the clock had been set in between.
for (const [name, now] of [["forward", "2100-01-01"], ["back", "2000-01-01"]] as const) {
  Deno.test(`IdleTimer does not end early when the clock is set ${name} after a touch`, async () => {
    using test = start(TIMEOUT, now);
    test.time.tick(600);
    await FakeTime.restoreFor(() => test.timer.touch());
    test.time.tick(TIMEOUT - 1);
    assertEquals(test.expired, 0);
    test.time.tick(TIMEOUT);
    assertEquals(test.expired, 1);
  });

  Deno.test(`IdleTimer goes on as before when it is touched after the clock was set ${name}`, async () => {
    using test = start(TIMEOUT, now);
    test.time.tick(600);
    await FakeTime.restoreFor(() => test.timer.touch());
    test.time.tick(300);
    test.timer.touch();
    test.time.tick(TIMEOUT - 1);
    assertEquals(test.expired, 0);
    test.time.tick(1);
    assertEquals(test.expired, 1);
  });
}

function start(timeout = TIMEOUT, now: number | string = 0): Started {
  const started = new Started(now);
  started.timer.set(timeout);
  return started;
}
