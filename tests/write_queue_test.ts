import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { MAX_QUEUED_MESSAGES, WriteQueue } from "../_connection/write_queue.ts";

/** A line of which a test decides how many messages stay unwritten. */
class TestLine {
  asks = 0;
  readonly #queue: WriteQueue;
  readonly #most: number;
  #bytes: number[] = [];
  #buffered = 0;

  /** The client reads as much as leaves `most` messages waiting. */
  constructor(maxBytes: number, most = Infinity) {
    this.#queue = new WriteQueue(maxBytes);
    this.#most = most;
  }

  get buffered(): number {
    this.asks++;
    return this.#buffered;
  }

  /** Sends a message of so many bytes; whether the queue is full then. */
  send(bytes: number, data: string | Uint8Array = new Uint8Array(bytes)): boolean {
    this.#bytes.push(bytes);
    this.#buffered += bytes - (this.#bytes[this.#bytes.length - 1 - this.#most] ?? 0);
    return this.#queue.isFull(data, this);
  }

  /** Sends messages of a byte until the queue is full; gives up after `count`. */
  fill(count: number): boolean {
    const data = new Uint8Array(1);
    for (let left = count; left > 0; left--) if (this.send(1, data)) return true;
    return false;
  }
}

Deno.test("WriteQueue.isFull() allows as many bytes as the limit and not one more", () => {
  for (const messages of [[10], [5, 5], [0, 9, 1], [3, 3, 3, 1]]) {
    const line = new TestLine(10);
    assertEquals(messages.map((bytes) => line.send(bytes)), messages.map(() => false));
    assertEquals(line.send(1), true);
  }
  assertEquals(new TestLine(10).send(11), true);
});

Deno.test("WriteQueue.isFull() is not full once the line has written", () => {
  const queue = new WriteQueue(10);
  const data = new Uint8Array(8);
  assertEquals(queue.isFull(data, { buffered: 8 }), false);
  assertEquals(queue.isFull(data, { buffered: 8 }), false);
  assertEquals(queue.isFull(data, { buffered: 10 }), false);
  assertEquals(queue.isFull(data, { buffered: 11 }), true);
});

Deno.test("WriteQueue.isFull() counts a text as three bytes a unit, but lets the line decide", () => {
  const line = new TestLine(9);
  assertEquals([line.send(3, "abc"), line.asks], [false, 0]);
  assertEquals([line.send(1, "d"), line.asks], [false, 1]);
  assertEquals([line.send(5, "efghi"), line.asks], [false, 2]);
  assertEquals([line.send(1, "j"), line.asks], [true, 3]);
});

Deno.test("WriteQueue.isFull() misses no text, whatever it is made of", () => {
  for (const text of ["a", "é", "漢", "😀", "\ud800"]) {
    const bytes = new TextEncoder().encode(text).length;
    const line = new TestLine(bytes * 5);
    for (let i = 0; i < 5; i++) assertEquals(line.send(bytes, text), false, text);
    assertEquals(line.send(bytes, text), true, text);
  }
});

Deno.test("WriteQueue.isFull() limits the messages of a client that does not read", () => {
  const line = new TestLine(Infinity);
  assertEquals(line.fill(MAX_QUEUED_MESSAGES), false);
  assertEquals(line.fill(MAX_QUEUED_MESSAGES / 8), true);
});

Deno.test("WriteQueue.isFull() limits them from when the client stops reading", () => {
  const queue = new WriteQueue(Infinity);
  const data = new Uint8Array(1);
  for (let i = 0; i < 100_003; i++) assertEquals(queue.isFull(data, { buffered: 0 }), false);
  let waiting = 1;
  while (!queue.isFull(data, { buffered: waiting })) waiting++;
  assertGreater(waiting, MAX_QUEUED_MESSAGES);
  assertLess(waiting, MAX_QUEUED_MESSAGES * 1.25);
});

Deno.test("WriteQueue.isFull() limits empty messages, of which the line does not tell", () => {
  const queue = new WriteQueue(Infinity);
  let count = 1;
  while (!queue.isFull("", { buffered: 0 }) && count < 1_000_000) count++;
  assertGreater(count, MAX_QUEUED_MESSAGES);
  assertLess(count, MAX_QUEUED_MESSAGES * 1.25);
});

Deno.test("WriteQueue.isFull() limits empty messages behind one that is not written", () => {
  const queue = new WriteQueue(Infinity);
  let count = 1;
  while (!queue.isFull(count === 1 ? "x" : "", { buffered: 1 }) && count < 1_000_000) count++;
  assertGreater(count, MAX_QUEUED_MESSAGES);
  assertLess(count, MAX_QUEUED_MESSAGES * 1.25);
});

Deno.test("WriteQueue.isFull() forgets empty messages when one behind them is written", () => {
  const queue = new WriteQueue(Infinity);
  for (let run = 0; run < 5; run++) {
    for (let i = 0; i < MAX_QUEUED_MESSAGES * 0.75; i++) {
      assertEquals(queue.isFull("", { buffered: 0 }), false);
    }
    assertEquals(queue.isFull("x", { buffered: 0 }), false);
  }
});

Deno.test("WriteQueue.isFull() is not full of empty messages while others are written now and then", () => {
  const queue = new WriteQueue(Infinity);
  for (let i = 0; i < 300_000; i++) {
    assertEquals(queue.isFull(i % 8_000 === 0 ? "x" : "", { buffered: 0 }), false);
  }
});

for (const most of [0, 1, 5_000, MAX_QUEUED_MESSAGES]) {
  Deno.test(`WriteQueue.isFull() is never full for a client that reads, ${most} messages behind`, () => {
    const line = new TestLine(Infinity, most);
    const data = new Uint8Array(64);
    for (let i = 0; i < 300_000; i++) {
      const bytes = 1 + (i * 7919) % 64;
      assertEquals(line.send(bytes, data.subarray(0, bytes)), false);
    }
  });
}

Deno.test("WriteQueue.isFull() seldom asks a line that is idle", () => {
  const line = new TestLine(2 ** 20, 0);
  const data = new Uint8Array(100);
  for (let i = 0; i < 200_000; i++) assertEquals(line.send(100, data), false);
  // Once for each MiB and once for each 8192 messages.
  assertLess(line.asks, 200_000 * 100 / 2 ** 20 + 200_000 / 8192);
});

Deno.test("WriteQueue.isFull() does not ask for what fits in any case", () => {
  const line = new TestLine(8_000);
  assertEquals([line.fill(8_000), line.asks], [false, 0]);
  assertEquals([line.fill(1), line.asks], [true, 1]);
});

Deno.test("WriteQueue.isFull() allows any number of empty messages that a line shows and has written", () => {
  const queue = new WriteQueue(1_000_000);
  const line = { buffered: 0, overhead: 2 };
  for (let count = 0; count < 200_000; count++) assertEquals(queue.isFull("", line), false);
});

Deno.test("WriteQueue.isFull() limits empty messages that a line shows and has not written", () => {
  const queue = new WriteQueue(1_000_000);
  let count = 1;
  while (!queue.isFull("", { buffered: 2 * count, overhead: 2 }) && count < 200_000) count++;
  assertEquals(count, 73_728);
});
