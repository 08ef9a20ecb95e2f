// What the other tests need of "@std/...", so that JSR's and npm's are known to agree on it.

import * as assertions from "@std/assert";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { abortable, deadline, debounce, delay, pooledMap, retry } from "@std/async";
import { assertSpyCall, assertSpyCalls, spy, stub } from "@std/testing/mock";
import { FakeTime, TimeError } from "@std/testing/time";

Deno.test("FakeTime fires timers in the order they are due", () => {
  using time = new FakeTime(0);
  const fired: string[] = [];
  const log = (name: string) => fired.push(`${name} at ${Date.now()}`);
  setTimeout(log, 30, "late");
  setTimeout(log, 10, "first");
  setTimeout(log, 10, "second");
  time.tick(9);
  assertEquals(fired, []);
  time.tick(21);
  assertEquals(fired, ["first at 10", "second at 10", "late at 30"]);
});

Deno.test("FakeTime fires in the same tick what a timer sets for 0 ms", () => {
  using time = new FakeTime();
  const outer = () => setTimeout(inner, 0);
  const inner = spy();
  setTimeout(outer, 10);
  time.tick(10);
  assertSpyCalls(inner, 1);
});

Deno.test("FakeTime repeats intervals until they are cleared", () => {
  using time = new FakeTime();
  const beat = spy();
  const interval = setInterval(beat, 10);
  time.tick(35);
  assertSpyCalls(beat, 3);
  clearInterval(interval);
  time.tick(100);
  assertSpyCalls(beat, 3);
});

Deno.test("FakeTime does not fire a cleared timeout", () => {
  using time = new FakeTime();
  const callback = spy();
  clearTimeout(setTimeout(callback, 10));
  time.tick(10);
  assertSpyCalls(callback, 0);
});

Deno.test("FakeTime lets through a clear of what is not its timer", () => {
  const realTimer = setTimeout(() => {}, 60_000);
  {
    using _time = new FakeTime();
    clearTimeout(undefined);
    clearInterval(undefined);
    clearTimeout({} as never);
    clearInterval({} as never);
    clearTimeout(realTimer);
  }
  clearTimeout(realTimer);
});

Deno.test("FakeTime.tick throws what a timer throws", () => {
  using time = new FakeTime();
  setTimeout(() => {
    throw new RangeError("from a timer");
  }, 10);
  assertThrows(() => time.tick(10), RangeError, "from a timer");
});

Deno.test("FakeTime.tickAsync runs microtasks before the timers", async () => {
  using time = new FakeTime();
  const order: string[] = [];
  queueMicrotask(() => {
    order.push("microtask");
    setTimeout(() => order.push("timer of the microtask"), 5);
  });
  setTimeout(() => order.push("timer"), 10);
  await time.tickAsync(10);
  assertEquals(order, ["microtask", "timer of the microtask", "timer"]);
});

Deno.test("FakeTime.next fires all that is due next", async () => {
  using time = new FakeTime(1_000);
  const callback = spy();
  setTimeout(callback, 10);
  setTimeout(callback, 10);
  setTimeout(callback, 20);
  assert(time.next());
  assertEquals(time.now, 1_010);
  assertSpyCalls(callback, 2);
  assert(await time.nextAsync());
  assertSpyCalls(callback, 3);
  assertEquals(time.next(), false);
  assertEquals(time.now, 1_020);
});

Deno.test("FakeTime.runAll also fires what timers set", async () => {
  using time = new FakeTime();
  const second = spy();
  setTimeout(() => setTimeout(second, 1_000), 1_000);
  time.runAll();
  assertSpyCalls(second, 1);
  assertEquals(time.now, time.start + 2_000);
  setTimeout(second, 1_000);
  await time.runAllAsync();
  assertSpyCalls(second, 2);
});

Deno.test("FakeTime holds Date still", () => {
  using time = new FakeTime("2020-01-01T00:00:00Z");
  assertEquals(new Date().toISOString(), "2020-01-01T00:00:00.000Z");
  time.now += 500;
  assertEquals(Date.now() - time.start, 500);
  assert(new Date(0) instanceof Date);
  assertThrows(() => time.now = 0, RangeError);
});

Deno.test("FakeTime fakes AbortSignal.timeout", () => {
  using time = new FakeTime();
  const signal = AbortSignal.timeout(10);
  assertEquals(signal.aborted, false);
  time.tick(10);
  assertEquals(signal.reason.name, "TimeoutError");
});

Deno.test("FakeTime leaves microtasks, immediates and performance alone", async () => {
  const before = { queueMicrotask, setImmediate, clearImmediate, now: performance.now };
  using _time = new FakeTime();
  const { queueMicrotask: microtask, setImmediate: set, clearImmediate: clear } = globalThis;
  assertEquals({
    queueMicrotask: microtask,
    setImmediate: set,
    clearImmediate: clear,
    now: performance.now,
  }, before);
  await new Promise<void>((resolve) => setImmediate(resolve));
});

Deno.test("FakeTime.delay waits in real time", async () => {
  using time = new FakeTime(0);
  const start = performance.now();
  await time.delay(20);
  assert(performance.now() - start >= 15);
  assertEquals(time.now, 0);

  const controller = new AbortController();
  const aborted = time.delay(60_000, { signal: controller.signal });
  await time.runMicrotasks();
  controller.abort();
  await assertRejects(() => aborted, DOMException);
});

Deno.test("FakeTime restores what it fakes", () => {
  const before = globalsThatAreFaked();
  const time = new FakeTime();
  assert(globalsThatAreFaked().every((fake, i) => fake !== before[i]));
  assertThrows(() => new FakeTime(), TimeError);
  FakeTime.restore();
  assertEquals(globalsThatAreFaked(), before);
  assertThrows(() => time.restore(), TimeError);
  {
    using _time = new FakeTime();
  }
  assertEquals(globalsThatAreFaked(), before);
});

Deno.test("FakeTime.restoreFor restores until the callback is done", async () => {
  const before = globalsThatAreFaked();
  using _time = new FakeTime();
  const fakes = globalsThatAreFaked();
  const during = await FakeTime.restoreFor(async () => {
    await Promise.resolve();
    return globalsThatAreFaked();
  });
  assertEquals(during, before);
  assertEquals(globalsThatAreFaked(), fakes);
  await assertRejects(() =>
    FakeTime.restoreFor(() => {
      throw new RangeError("from the callback");
    }), RangeError);
  assertEquals(globalsThatAreFaked(), fakes);
});

Deno.test("@std/async follows FakeTime", async () => {
  using time = new FakeTime();
  const delayed = delay(1_000).then(() => "done");
  const late = assertRejects(() => deadline(new Promise(() => {}), 1_000), DOMException);
  const debounced = spy();
  debounce(debounced, 1_000)();
  await time.tickAsync(1_000);
  assertEquals(await delayed, "done");
  await late;
  assertSpyCalls(debounced, 1);
});

Deno.test("@std/async has abortable, pooledMap and retry", async () => {
  await assertRejects(() => abortable(new Promise(() => {}), AbortSignal.abort()), DOMException);
  const doubled = await Array.fromAsync(pooledMap(2, [1, 2, 3], (n) => Promise.resolve(2 * n)));
  assertEquals(doubled, [2, 4, 6]);
  let attempts = 0;
  const succeedTheSecondTime = () => {
    if (++attempts < 2) throw new Error("not yet");
    return attempts;
  };
  assertEquals(await retry(succeedTheSecondTime, { minTimeout: 1 }), 2);
});

Deno.test("@std/testing/mock spies and stubs", () => {
  const add = spy((a: number, b: number) => a + b);
  assertEquals(add(1, 2), 3);
  assertSpyCall(add, 0, { args: [1, 2], returned: 3 });
  assertThrows(() => assertSpyCalls(add, 2), assertions.AssertionError);

  const shop = { price: (name: string) => name.length };
  {
    using price = stub(shop, "price", () => 42);
    assertEquals(shop.price("tea"), 42);
    assertEquals(price.calls[0]?.args, ["tea"]);
  }
  assertEquals(shop.price("tea"), 3);
});

Deno.test("@std/assert accepts what holds", async () => {
  const error = assertThrows(() => assertions.fail("on purpose"), assertions.AssertionError);
  assertions.assertIsError(error, assertions.AssertionError, "on purpose");
  assertions.assertInstanceOf(error, Error);
  assertThrows(() => assertions.unreachable(), assertions.AssertionError);
  const rejected = await assertRejects(() => Promise.reject(new TypeError("no")), TypeError, "no");
  assertStrictEquals(rejected.message, "no");

  assertions.assertNotEquals({ a: 1 }, { a: 2 });
  assertions.assertNotStrictEquals({}, {});
  assert(assertions.equal(new Uint8Array([1]), new Uint8Array([1])));
  assertions.assertAlmostEquals(0.1 + 0.2, 0.3);
  assertions.assertGreater(2, 1);
  assertions.assertGreaterOrEqual(2, 2);
  assertions.assertLess(1, 2);
  assertions.assertLessOrEqual(2, 2);
  assertions.assertExists(0);
  assertions.assertFalse(0);
  assertions.assertMatch("frame", /^f/);
  assertions.assertNotMatch("frame", /^g/);
  assertions.assertStringIncludes("frame", "ram");
  assertions.assertArrayIncludes([1, 2, 3], [2]);
  assertions.assertObjectMatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } });
  assertions.assertNotInstanceOf(error, TypeError);
});

Deno.test("@std/assert rejects what does not hold", () => {
  const failing: (() => void)[] = [
    () => assert(false),
    () => assertEquals([1], [2]),
    () => assertStrictEquals<unknown>({}, {}),
    () => assertThrows(() => {}),
    () => assertThrows(() => fail(new Error("other")), TypeError),
    () => assertions.assertNotEquals([1], [1]),
    () => assertions.assertInstanceOf(new Error(), TypeError),
    () => assertions.assertExists(null),
    () => assertions.assertMatch("frame", /^g/),
    () => assertions.assertLess(2, 1),
  ];
  for (const assertion of failing) assertThrows(assertion, assertions.AssertionError);
});

function globalsThatAreFaked(): unknown[] {
  const { Date, setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  return [Date, setTimeout, clearTimeout, setInterval, clearInterval, AbortSignal.timeout];
}

function fail(error: Error): never {
  throw error;
}
