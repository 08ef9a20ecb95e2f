import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Closing } from "../_connection/closing.ts";

const TIMEOUT = 1_000;
const POLL = 20;

/** A closing under fake time, over a line of which a test decides what waits there, that notes what is done to it. */
class Closed implements Disposable {
  readonly time: FakeTime = new FakeTime(0);
  readonly log: string[] = [];
  readonly closing: Closing;
  readonly line = {
    buffered: 0,
    sayGoodbye: (code: number, reason: string) => this.#note(`close ${code} ${reason}`.trim()),
    giveUp: () => this.#note("give up"),
  };

  constructor(timeout = TIMEOUT) {
    this.closing = new Closing(this.line, timeout);
  }

  /** Lets time pass, poll by poll: each has a turn of the event loop, which is not faked, between it and the next. */
  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= POLL) {
      await turn();
      this.time.tick(Math.min(POLL, left));
    }
    await turn();
  }

  #note(what: string): void {
    this.log.push(`${what} at ${this.time.now}`);
  }

  [Symbol.dispose](): void {
    this.closing.end();
    this.time.restore();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

Deno.test("Closing.begin() says good-bye in a turn of its own, and gives up after the timeout", async () => {
  using test = new Closed();
  test.closing.begin(1000, "bye");
  await Promise.resolve();
  assertEquals(test.log, []);
  await turn();
  assertEquals(test.log, ["close 1000 bye at 0"]);
  test.time.tick(TIMEOUT - 1);
  assertEquals(test.log, ["close 1000 bye at 0"]);
  test.time.tick(1);
  assertEquals(test.log, ["close 1000 bye at 0", "give up at 1000"]);
  assertEquals(test.time.next(), false);
});

Deno.test("Closing.begin() counts once", async () => {
  using test = new Closed();
  test.closing.begin(1000, "first");
  test.closing.begin(1001, "second");
  await turn();
  test.closing.begin(1002, "third");
  await test.pass(2 * TIMEOUT);
  assertEquals(test.log, ["close 1000 first at 0", "give up at 1000"]);
});

Deno.test("Closing.begin() with a timeout of 0 gives up as soon as the close is sent", async () => {
  using test = new Closed(0);
  test.closing.begin(1000, "");
  await turn();
  assertEquals(test.log, ["close 1000 at 0"]);
  test.time.tick(0);
  assertEquals(test.log, ["close 1000 at 0", "give up at 0"]);
});

Deno.test("Closing.begin() waits until what was sent before is written", async () => {
  using test = new Closed();
  test.line.buffered = 10;
  test.closing.begin(1000, "");
  await test.pass(500);
  assertEquals(test.log, []);
  test.line.buffered = 0;
  await test.pass(POLL);
  assertEquals(test.log, ["close 1000 at 520"]);
});

Deno.test("Closing gives up with a last word on a line of which nothing is taken for the timeout", async () => {
  using test = new Closed();
  test.line.buffered = 10;
  test.closing.begin(1013, "slow");
  // What waits at the start is seen first, and counts from then on.
  await test.pass(TIMEOUT);
  assertEquals(test.log, []);
  await test.pass(POLL);
  assertEquals(test.log, ["close 1013 slow at 1020", "give up at 1020"]);
  assertEquals(test.time.next(), false);
});

Deno.test("Closing waits for as long as a byte is taken within each timeout", async () => {
  using test = new Closed();
  test.line.buffered = 10;
  test.closing.begin(1000, "");
  for (let left = 9; left > 0; left--) {
    await test.pass(TIMEOUT - POLL);
    assertEquals(test.log, []);
    test.line.buffered = left;
    await test.pass(POLL);
  }
  assertEquals([test.log, test.time.now], [[], 9 * TIMEOUT]);
  test.line.buffered = 0;
  await test.pass(POLL);
  assertEquals(test.log, ["close 1000 at 9020"]);
});

Deno.test("Closing.end() leaves no timer behind, whenever it comes", async () => {
  const moments: ((test: Closed) => unknown)[] = [
    () => {},
    turn,
    (test) => test.pass(POLL),
    (test) => test.pass(TIMEOUT / 2),
  ];
  for (const buffered of [0, 10]) {
    for (const moment of moments) {
      using test = new Closed();
      test.line.buffered = buffered;
      test.closing.begin(1000, "");
      await moment(test);
      test.closing.end();
      const noted = [...test.log];
      await test.pass(2 * TIMEOUT);
      assertEquals([test.time.next(), test.log], [false, noted]);
    }
  }
});

Deno.test("Closing.begin() does nothing when the line is gone", async () => {
  using test = new Closed();
  test.closing.end();
  test.closing.begin(1000, "");
  await test.pass(2 * TIMEOUT);
  assertEquals([test.time.next(), test.log], [false, []]);
});

const MIB = 2 ** 20;

for (const [patient, patience] of [[true, 4 * TIMEOUT], [false, TIMEOUT]] as const) {
  Deno.test(`Closing.begin() waits ${patience} ms for 3 MiB of which nothing seems to be taken when it is ${patient ? "" : "not "}patient`, async () => {
    using test = new Closed();
    test.line.buffered = 3 * MIB;
    test.closing.begin(1000, "", patient);
    await test.pass(patience);
    assertEquals(test.log, []);
    await test.pass(POLL);
    assertEquals(test.log, [`close 1000 at ${patience + POLL}`, `give up at ${patience + POLL}`]);
  });
}
