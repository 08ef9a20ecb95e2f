import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Heartbeat } from "../_connection/heartbeat.ts";

const PERIOD = 1_000;
const MIB = 2 ** 20;

/** A heartbeat under fake time, over a line that notes its pings. */
class Beating implements Disposable {
  readonly time: FakeTime = new FakeTime(0);
  readonly log: string[] = [];
  readonly line = { buffered: 0, read: 0, ping: () => this.#note("ping") };
  readonly heartbeat: Heartbeat;

  constructor(period = PERIOD) {
    this.heartbeat = new Heartbeat(period, this.line, () => {
      this.#note("dead");
      this.heartbeat.stop();
    });
  }

  #note(what: string): void {
    this.log.push(`${what} at ${this.time.now}`);
  }

  [Symbol.dispose](): void {
    this.heartbeat.stop();
    this.time.restore();
  }
}

Deno.test("Heartbeat pings a silent client after half a period and finds it dead after a whole one", () => {
  using test = new Beating();
  test.time.tick(499);
  assertEquals(test.log, []);
  test.time.tick(1);
  assertEquals(test.log, ["ping at 500"]);
  test.time.tick(499);
  assertEquals(test.log, ["ping at 500"]);
  test.time.tick(1);
  assertEquals(test.log, ["ping at 500", "dead at 1000"]);
});

Deno.test("Heartbeat with a period of 0 sets no timer", () => {
  using test = new Beating(0);
  test.heartbeat.heard();
  assertEquals([test.time.next(), test.log], [false, []]);
});

Deno.test("Heartbeat.heard() in each half of a period needs no ping", () => {
  using test = new Beating();
  for (let half = 0; half < 100; half++) {
    test.heartbeat.heard();
    test.time.tick(PERIOD / 2);
  }
  assertEquals(test.log, []);
  test.time.tick(PERIOD);
  assertEquals(test.log, ["ping at 50500", "dead at 51000"]);
});

for (const when of [1, 250, 499]) {
  Deno.test(`Heartbeat keeps a client that answers each ping after ${when} ms`, () => {
    using test = new Beating();
    for (let count = 1; count <= 100; count++) {
      test.time.tick(PERIOD / 2);
      assertEquals(test.log.splice(0), [`ping at ${test.time.now}`]);
      test.time.tick(when);
      test.heartbeat.heard();
      test.time.tick(PERIOD / 2 - when);
    }
    assertEquals(test.log, []);
  });
}

Deno.test("Heartbeat finds a client dead within a period and a half of its last word", () => {
  for (const last of [501, 750, 999]) {
    using test = new Beating();
    test.time.tick(500);
    test.log.length = 0;
    test.time.tick(last - 500);
    test.heartbeat.heard();
    test.time.tick(10 * PERIOD);
    assertEquals(test.log, ["ping at 1500", "dead at 2000"]);
  }
});

Deno.test("Heartbeat.stop() leaves no timer behind", () => {
  using test = new Beating();
  test.time.tick(500);
  test.heartbeat.stop();
  test.heartbeat.stop();
  assertEquals([test.time.next(), test.log], [false, ["ping at 500"]]);
});

Deno.test("Heartbeat keeps a client for as long as its backlog gets less, without a ping", () => {
  using test = new Beating();
  test.line.buffered = 10 * MIB;
  test.time.tick(PERIOD / 2);
  assertEquals(test.log.splice(0), ["ping at 500"]);
  for (let half = 0; half < 100; half++) {
    test.line.buffered--;
    test.time.tick(PERIOD / 2);
  }
  assertEquals(test.log, []);
});

const PATIENCE: readonly (readonly [backlog: number, dead: number])[] = [
  [0, 1_000],
  [MIB - 1, 1_000],
  [MIB, 1_500],
  [2 * MIB - 1, 1_500],
  [2 * MIB, 2_000],
  [16 * MIB, 9_000],
];

for (const [backlog, dead] of PATIENCE) {
  Deno.test(`Heartbeat pings once and finds a client dead after ${dead} ms that takes nothing of ${backlog} bytes`, () => {
    using test = new Beating();
    test.line.buffered = backlog;
    test.time.tick(20 * PERIOD);
    assertEquals(test.log, ["ping at 500", `dead at ${dead}`]);
  });
}

Deno.test("Heartbeat gives no more patience for a backlog that grows", () => {
  using test = new Beating();
  for (let half = 0; half < 10; half++) {
    test.line.buffered += 1_000;
    test.time.tick(PERIOD / 2);
  }
  assertEquals(test.log, ["ping at 500", "dead at 1000"]);
});

Deno.test("Heartbeat hears a client of which bytes come, though no message is whole", () => {
  using test = new Beating();
  for (let count = 0; count < 10; count++) {
    test.line.read++;
    test.time.tick(PERIOD / 2);
  }
  assertEquals(test.log, []);
  test.time.tick(PERIOD);
  assertEquals(test.log, ["ping at 5500", "dead at 6000"]);
});
