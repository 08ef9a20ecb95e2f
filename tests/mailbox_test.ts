import { assertEquals, assertStrictEquals } from "@std/assert";
import { text } from "../frame.ts";
import { Mailbox, type Message } from "../_connection/mailbox.ts";

const frame = (bytes: number): Message<number> => ({ kind: "frame", frame: text("x"), bytes });
const info = (info: number): Message<number> => ({ kind: "info", info });

Deno.test("Mailbox.take() answers undefined when nothing waits", () => {
  const mailbox = new Mailbox<number>(10, 10);
  assertEquals([mailbox.take(), mailbox.size], [undefined, 0]);
  mailbox.put(info(1));
  mailbox.take();
  assertEquals([mailbox.take(), mailbox.size], [undefined, 0]);
});

// Long stretches of more in than out and of more out than in, so that it grows past every compaction.
for (const seed of [1, 2, 3]) {
  Deno.test(`Mailbox agrees with a plain array over thousands of put and take (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const mailbox = new Mailbox<number>(Infinity, Infinity);
    const array: Message<number>[] = [];
    for (let i = 0; i < 40_000; i++) {
      const putting = Math.floor(i / 5_000) % 2 === 0 ? 0.8 : 0.2;
      if (random() < putting) {
        const message = random() < 0.5 ? info(i) : frame(i);
        mailbox.put(message);
        array.push(message);
      } else {
        assertSame(mailbox.take(), array.shift());
      }
      assertSame(mailbox.size, array.length);
    }
    while (array.length > 0) assertSame(mailbox.take(), array.shift());
    assertSame(mailbox.take(), undefined);
  });

  Deno.test(`Mailbox.fits() agrees with a plain array at random limits (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    for (let round = 0; round < 200; round++) {
      const [maxCount, maxBytes] = [1 + below(8), 1 + below(40)];
      const mailbox = new Mailbox<number>(maxCount, maxBytes);
      const array: Message<number>[] = [];
      for (let i = 0; i < 50; i++) {
        const message = random() < 0.3 ? info(i) : frame(below(maxBytes + 2));
        const bytes = [...array, message].reduce((sum, one) => sum + bytesOf(one), 0);
        const fits = array.length < maxCount && bytes <= maxBytes;
        assertSame(mailbox.fits(message), fits);
        if (fits) mailbox.put(message);
        if (fits) array.push(message);
        if (random() < 0.4) assertSame(mailbox.take(), array.shift());
      }
    }
  });
}

Deno.test("Mailbox.fits() allows as many messages as the limit and not one more", () => {
  const mailbox = new Mailbox<number>(2, 100);
  mailbox.put(info(1));
  assertEquals(mailbox.fits(frame(0)), true);
  mailbox.put(frame(0));
  assertEquals([mailbox.fits(frame(0)), mailbox.fits(info(2))], [false, false]);
  mailbox.take();
  assertEquals(mailbox.fits(info(2)), true);
});

Deno.test("Mailbox.fits() allows as many bytes as the limit and not one more", () => {
  const mailbox = new Mailbox<number>(100, 10);
  assertEquals([mailbox.fits(frame(10)), mailbox.fits(frame(11))], [true, false]);
  mailbox.put(frame(6));
  assertEquals([mailbox.fits(frame(4)), mailbox.fits(frame(5))], [true, false]);
  mailbox.take();
  assertEquals(mailbox.fits(frame(10)), true);
});

Deno.test("Mailbox.fits() counts no bytes for an info", () => {
  const mailbox = new Mailbox<number>(100, 10);
  mailbox.put(frame(10));
  assertEquals([mailbox.fits(info(1)), mailbox.fits(frame(0))], [true, true]);
});

Deno.test("Mailbox.isOver tells that more waits than may, on both sides of each limit", () => {
  const mailbox = new Mailbox<number>(2, 10);
  mailbox.put(frame(10));
  mailbox.put(info(1));
  assertEquals(mailbox.isOver, false);
  mailbox.put(info(2));
  assertEquals(mailbox.isOver, true);
  mailbox.clear();
  mailbox.put(frame(11));
  assertEquals(mailbox.isOver, true);
});

Deno.test("Mailbox.clear() forgets messages and bytes, and the mailbox goes on", () => {
  const mailbox = new Mailbox<number>(2, 10);
  mailbox.put(frame(10));
  mailbox.put(info(1));
  mailbox.clear();
  assertEquals([mailbox.size, mailbox.take(), mailbox.fits(frame(10))], [0, undefined, true]);
  mailbox.put(info(2));
  assertEquals([mailbox.size, mailbox.take()], [1, info(2)]);
});

Deno.test("Mailbox.take() keeps count of the bytes across a compaction", () => {
  const mailbox = new Mailbox<number>(Infinity, 3_000);
  for (let i = 0; i < 3_000; i++) mailbox.put(frame(1));
  for (let i = 0; i < 2_000; i++) mailbox.take();
  assertEquals([mailbox.fits(frame(2_000)), mailbox.fits(frame(2_001))], [true, false]);
});

function bytesOf(message: Message<number>): number {
  return message.kind === "frame" ? message.bytes : 0;
}

// Compares first: over so many, the assertion alone is slow.
function assertSame(actual: unknown, expected: unknown): void {
  if (actual !== expected) assertStrictEquals(actual, expected);
}

// A small generator (mulberry32), so that a failure can be repeated.
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6D2B79F5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
