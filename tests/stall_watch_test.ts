import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { StallWatch } from "../_connection/stall_watch.ts";

const PERIOD = 1_000;
const MIB = 2 ** 20;

/** A watch under fake time, over a line of which a test decides what waits there, that counts how often it stalls. */
class Watched implements Disposable {
  readonly time: FakeTime = new FakeTime();
  readonly line = { buffered: 0 };
  readonly watch: StallWatch;
  stalled = 0;

  constructor(period = PERIOD) {
    this.watch = new StallWatch(period, this.line, () => this.stalled++);
  }

  /** Sends so many bytes, of which the network takes none. */
  send(bytes: number): void {
    this.line.buffered += bytes;
    this.watch.sent(new Uint8Array(bytes));
  }

  /** Lets so many periods pass, and tells whether the last tick is the one in which it stalls. */
  isStalledAfter(periods: number): boolean {
    this.time.tick(periods * PERIOD - 1);
    const before = this.stalled;
    this.time.tick(1);
    return before === 0 && this.stalled === 1;
  }

  [Symbol.dispose](): void {
    this.time.restore();
  }
}

Deno.test("StallWatch sets no timer while nothing is sent", () => {
  using test = new Watched();
  test.line.buffered = 10;
  test.watch.heard();
  assertEquals([test.time.next(), test.stalled], [false, 0]);
});

Deno.test("StallWatch.sent() sets one timer, however much is sent, and none once all is taken", () => {
  using test = new Watched();
  for (let count = 0; count < 100; count++) {
    test.send(10);
    test.time.tick(1);
  }
  test.line.buffered = 0;
  assertEquals([test.time.next(), test.time.next()], [true, false]);
  test.send(10);
  assertEquals(test.time.next(), true);
  test.line.buffered = 0;
  assertEquals([test.time.next(), test.time.next(), test.stalled], [true, false, 0]);
});

// A backlog is seen in the first period; the others are those in which nothing of it is taken.
const PATIENCE: readonly (readonly [backlog: number, periods: number])[] = [
  [1, 2],
  [MIB - 1, 2],
  [MIB, 3],
  [2 * MIB - 1, 3],
  [2 * MIB, 4],
  [16 * MIB, 18],
];

for (const [backlog, periods] of PATIENCE) {
  Deno.test(`StallWatch stalls after ${periods} periods of a backlog of ${backlog} that does not move`, () => {
    using test = new Watched();
    test.send(backlog);
    assertEquals(test.isStalledAfter(periods), true);
  });
}

Deno.test("StallWatch stalls once, and leaves no timer behind", () => {
  using test = new Watched();
  test.send(10);
  test.time.tick(100 * PERIOD);
  assertEquals([test.time.next(), test.stalled], [false, 1]);
});

Deno.test("StallWatch never stalls while a client is heard in each period", () => {
  using test = new Watched();
  test.send(10);
  for (let period = 0; period < 100; period++) {
    test.time.tick(1);
    test.watch.heard();
    test.time.tick(PERIOD - 1);
  }
  assertEquals(test.stalled, 0);
  assertEquals(test.isStalledAfter(1), true);
});

Deno.test("StallWatch.heard() starts the count of periods anew", () => {
  using test = new Watched();
  test.send(2 * MIB);
  test.time.tick(3 * PERIOD);
  test.watch.heard();
  assertEquals(test.isStalledAfter(4), true);
});

Deno.test("StallWatch never stalls while a byte is taken in each period", () => {
  using test = new Watched();
  test.send(1_000);
  for (let period = 0; period < 100; period++) {
    test.time.tick(1);
    test.line.buffered--;
    test.time.tick(PERIOD - 1);
  }
  assertEquals(test.stalled, 0);
  assertEquals(test.isStalledAfter(1), true);
});

Deno.test("StallWatch starts the count of periods anew when a byte is taken", () => {
  using test = new Watched();
  test.send(3 * MIB + 1);
  test.time.tick(4 * PERIOD);
  test.line.buffered--;
  assertEquals(test.isStalledAfter(5), true);
});

Deno.test("StallWatch starts anew with what is sent after all was taken", () => {
  using test = new Watched();
  for (let count = 0; count < 10; count++) {
    test.send(10);
    test.time.tick(1.5 * PERIOD);
    test.line.buffered = 0;
    test.time.tick(PERIOD);
    assertEquals(test.time.next(), false);
  }
  test.send(10);
  assertEquals(test.isStalledAfter(2), true);
});

Deno.test("StallWatch of a period of 0 sets no timer", () => {
  using test = new Watched(0);
  test.send(10);
  test.watch.heard();
  test.send(10);
  assertEquals([test.time.next(), test.stalled], [false, 0]);
});

Deno.test("StallWatch.stop() leaves no timer behind", () => {
  using test = new Watched();
  test.send(10);
  test.time.tick(1.5 * PERIOD);
  test.watch.stop();
  assertEquals([test.time.next(), test.stalled], [false, 0]);
});

Deno.test("StallWatch finds no stall in a client that reads what it is sent once a period", () => {
  using watched = new Watched();
  for (let periods = 20; periods > 0; periods--) {
    // Sent in the turn of the look: what waits now is not what waited then.
    watched.line.buffered = 0;
    watched.send(4);
    watched.time.tick(PERIOD);
  }
  assertEquals(watched.stalled, 0);
});

Deno.test("StallWatch finds the client that takes nothing though it is sent more and more", () => {
  using watched = new Watched();
  for (let periods = 2; periods > 0; periods--) {
    watched.send(10);
    watched.time.tick(PERIOD);
  }
  assertEquals(watched.stalled, 1);
});
