import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { close, type CloseFrame } from "../frame.ts";
import type { TerminateReason } from "../handler.ts";
import { type DrainResult, type Member, Registry } from "../_connection/registry.ts";

const DRAIN: TerminateReason = { kind: "normal", cause: "drain" };
const BYE = close(1001, "bye");
const STOP = ["stop", DRAIN, BYE] as const;
const END = ["end", DRAIN, BYE] as const;
const DEADLINE = 10_000;

/** A member that notes what it is told. */
class TestMember implements Member<never> {
  readonly self = { send: () => true, signal: new AbortController().signal, buffered: 0 };
  readonly told: (readonly ["stop" | "end", TerminateReason, CloseFrame])[] = [];
  onStop: () => void = () => {};

  stop(reason: TerminateReason, close: CloseFrame): void {
    this.told.push(["stop", reason, close]);
    this.onStop();
  }

  end(reason: TerminateReason, close: CloseFrame): void {
    this.told.push(["end", reason, close]);
  }
}

/** As many as were asked for. */
type Members = TestMember[] & readonly [TestMember, TestMember, TestMember];

Deno.test("Registry.isClosed says yes at the maximum, until one leaves or is turned away", () => {
  const registry = new Registry<never>(2);
  const [first, second] = [new TestMember(), new TestMember()];
  const isClosed = [
    () => registry.join(first),
    () => registry.join(second),
    () => registry.leave(first),
    () => registry.join(first),
    () => registry.turnAway(second),
    () => registry.release(first, false),
  ].map((change) => [change(), registry.isClosed][1]);
  assertEquals(isClosed, [false, true, false, true, false, false]);
});

Deno.test("Registry.isClosed says yes from the start for a maximum of 0", () => {
  assertEquals(new Registry<never>(0).isClosed, true);
  assertEquals(new Registry<never>(Infinity).isClosed, false);
});

Deno.test("Registry.live has a member from join() to leave() or turnAway()", () => {
  const registry = new Registry<never>(Infinity);
  const [first, second] = [new TestMember(), new TestMember()];
  const sizes = [
    () => registry.join(first),
    () => registry.join(second),
    () => registry.leave(first),
    () => registry.leave(first),
    () => registry.release(first, false),
    () => registry.turnAway(second),
  ].map((change) => [change(), registry.live.size][1]);
  assertEquals(sizes, [1, 2, 1, 1, 1, 0]);
});

Deno.test("Registry.release() counts as abandoned whoever holds the line", () => {
  const { registry, members } = registryWith(3);
  const abandoned = members.map((member, index) => {
    registry.leave(member);
    registry.release(member, index === 1);
    return registry.abandoned;
  });
  assertEquals(abandoned, [0, 1, 1]);
});

Deno.test("Registry.drain() of nothing is done at once and leaves the registry closed", async () => {
  const registry = new Registry<never>(Infinity);
  const drained = registry.drain(BYE, DEADLINE, 0);
  assertEquals(registry.isClosed, true);
  assertEquals(await drained, { drained: 0, abandoned: 0 });
  assertEquals(registry.isClosed, true);
});

Deno.test("Registry.drain() stops the live at once and the ending not again, and waits for both", async () => {
  const { registry, members: [live, ending] } = registryWith(2);
  registry.leave(ending);
  const { results } = watch(registry.drain(BYE, DEADLINE, 0));
  assertEquals([live.told, ending.told], [[STOP], []]);
  release(registry, live);
  await settled();
  assertEquals(results, []);
  release(registry, ending);
  await settled();
  assertEquals(results, [{ drained: 2, abandoned: 0 }]);
});

Deno.test("Registry.drain() is done when the last is released, and counts who holds the line", async () => {
  const { registry, members: [a, b, c] } = registryWith(3);
  const { results } = watch(registry.drain(BYE, DEADLINE, 0));
  for (const [member, held] of [[a, false], [b, true]] as const) {
    registry.leave(member);
    registry.release(member, held);
    await settled();
    assertEquals(results, []);
  }
  registry.leave(c);
  await settled();
  assertEquals(results, []);
  registry.release(c, false);
  await settled();
  assertEquals(results, [{ drained: 2, abandoned: 1 }]);
});

Deno.test("Registry.turnAway() lets a drain go on and counts nobody, whose end is decided or not", async () => {
  const { registry, members: [first, second] } = registryWith(2);
  const { results } = watch(registry.drain(BYE, DEADLINE, 0));
  registry.turnAway(first);
  await settled();
  assertEquals(results, []);
  registry.leave(second);
  registry.turnAway(second);
  await settled();
  assertEquals(results, [{ drained: 0, abandoned: 0 }]);
  assertEquals(await registry.drain(BYE, DEADLINE, 0), { drained: 0, abandoned: 0 });
});

Deno.test("Registry.drain() is done when being told is all that it takes", async () => {
  const { registry, members } = registryWith(5);
  for (const member of members) member.onStop = () => release(registry, member);
  assertEquals(await registry.drain(BYE, DEADLINE, 0), { drained: 5, abandoned: 0 });
});

Deno.test("Registry.drain() is done when the stop of one releases them all", async () => {
  const { registry, members } = registryWith(3);
  for (const member of members) {
    member.onStop = () => members.forEach((other) => release(registry, other));
  }
  assertEquals(await registry.drain(BYE, DEADLINE, 0), { drained: 3, abandoned: 0 });
  assertEquals(members.map(({ told }) => told.length), [1, 1, 1]);
});

const SPREADS: readonly (readonly [members: number, spread: number, told: number[]])[] = [
  [4, 0, [4, 4, 4, 4, 4]],
  [4, 20, [4, 4, 4, 4, 4]],
  [4, 40, [2, 4, 4, 4, 4]],
  [4, 80, [1, 2, 3, 4, 4]],
  [12, 60, [4, 8, 12, 12, 12]],
  [11, 60, [4, 8, 11, 11, 11]],
];

for (const [count, spread, expected] of SPREADS) {
  Deno.test(`Registry.drain() tells ${count} over ${spread} ms slice by slice`, async () => {
    using time = new FakeTime();
    const { registry, members } = registryWith(count);
    const drained = registry.drain(BYE, DEADLINE, spread);
    const told = expected.map(() => {
      const now = members.filter(({ told }) => told.length === 1).length;
      time.tick(19);
      assertEquals(members.filter(({ told }) => told.length === 1).length, now);
      time.tick(1);
      return now;
    });
    assertEquals(told, expected);
    for (const member of members) release(registry, member);
    assertEquals(await drained, { drained: count, abandoned: 0 });
  });
}

for (const [count, spread, told] of [[3, 1_000, 2], [51, 1_000, 32], [100, 60_000, 61]] as const) {
  Deno.test(`Registry.drain() has told ${told} of ${count} after 60% of ${spread} ms`, async () => {
    using time = new FakeTime();
    const { registry, members } = registryWith(count);
    const drained = registry.drain(BYE, 2 * spread, spread);
    time.tick(spread * 0.6);
    assertEquals(members.filter(({ told }) => told.length === 1).length, told);
    time.tick(spread * 0.4);
    assertEquals(members.filter(({ told }) => told.length === 1).length, count);
    for (const member of members) release(registry, member);
    assertEquals(await drained, { drained: count, abandoned: 0 });
  });
}

Deno.test("Registry.drain() ends the rest at the deadline and not one tick before", async () => {
  using time = new FakeTime();
  const { registry, members: [gone, stuck] } = registryWith(2);
  const { results } = watch(registry.drain(BYE, DEADLINE, 0));
  release(registry, gone);
  time.tick(DEADLINE - 1);
  await settled();
  assertEquals([results, stuck.told], [[], [STOP]]);
  time.tick(1);
  await settled();
  assertEquals(results, [{ drained: 1, abandoned: 1 }]);
  assertEquals([gone.told, stuck.told], [[STOP], [STOP, END]]);
});

Deno.test("Registry.drain() ends at the deadline those it had not come to, and tells them no more", async () => {
  using time = new FakeTime();
  const { registry, members } = registryWith(4);
  const { results } = watch(registry.drain(BYE, 30, 80));
  time.tick(30);
  await settled();
  assertEquals(results, [{ drained: 0, abandoned: 4 }]);
  time.tick(1_000);
  assertEquals(members.map(({ told }) => told), [[STOP, END], [STOP, END], [END], [END]]);
});

Deno.test("Registry.drain() leaves no timer behind, however it is done", async () => {
  using time = new FakeTime();
  const { registry, members: [member] } = registryWith(1);
  const drained = registry.drain(BYE, DEADLINE, 1_000);
  release(registry, member);
  await drained;
  assertEquals(time.next(), false);
});

Deno.test("Registry.drain() with a deadline of 0 ends all that are left in the next turn", async () => {
  using time = new FakeTime();
  const { registry, members: [member] } = registryWith(1);
  const drained = registry.drain(BYE, 0, 0);
  time.tick(0);
  assertEquals(await drained, { drained: 0, abandoned: 1 });
  assertEquals(member.told, [STOP, END]);
});

Deno.test("Registry.drain() twice waits twice, each to its own deadline", async () => {
  using time = new FakeTime();
  const { registry, members: [first, second] } = registryWith(2);
  const patient = watch(registry.drain(BYE, DEADLINE, 0));
  const hasty = watch(registry.drain(BYE, 10, 0));
  release(registry, first);
  time.tick(10);
  await settled();
  assertEquals([patient.results, hasty.results], [[], [{ drained: 1, abandoned: 1 }]]);
  release(registry, second);
  await settled();
  assertEquals(patient.results, [{ drained: 2, abandoned: 0 }]);
  assertEquals(await registry.drain(BYE, DEADLINE, 0), { drained: 0, abandoned: 0 });
});

function registryWith(count: number): { registry: Registry<never>; members: Members } {
  const registry = new Registry<never>(Infinity);
  const members = Array.from({ length: count }, () => new TestMember());
  for (const member of members) registry.join(member);
  return { registry, members: members as Members };
}

function release(registry: Registry<never>, member: TestMember): void {
  registry.leave(member);
  registry.release(member, false);
}

/** Notes when a drain is done. */
function watch(drain: Promise<DrainResult>): { readonly results: DrainResult[] } {
  const results: DrainResult[] = [];
  drain.then((result) => results.push(result));
  return { results };
}

async function settled(): Promise<void> {
  for (let turns = 0; turns < 10; turns++) await Promise.resolve();
}
