import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { ownTurn, passed, turns } from "../_connection/turns.ts";

Deno.test("passed() resolves when the milliseconds have passed, be the time a fake one or not", async () => {
  for (const isFake of [false, true]) {
    using time = isFake ? new FakeTime() : undefined;
    const start = performance.now();
    await passed(20);
    // A timer rounds to the millisecond.
    assertGreaterOrEqual(performance.now() - start, 19);
    assertEquals(time?.now, time?.start);
  }
});

Deno.test("passed() leaves no timer in a fake time", async () => {
  using time = new FakeTime();
  const over = passed(1);
  assertEquals(time.next(), false);
  await over;
});

Deno.test("turns() resolves when the event loop has turned so often", async () => {
  for (const count of [0, 1, 2, 10]) {
    let turned = 0;
    let isOver = false;
    const next = () => {
      turned++;
      if (!isOver) setImmediate(next);
    };
    setImmediate(next);
    await turns(count);
    isOver = true;
    assertEquals(turned, count);
    await turns(1);
  }
});

Deno.test("turns() goes on in a fake time", async () => {
  using time = new FakeTime();
  await turns(2);
  assertEquals(time.now, time.start);
});

Deno.test("ownTurn() admits one in each turn, in order", async () => {
  const admitted: number[] = [];
  for (const name of [1, 2, 3]) ownTurn().then(() => admitted.push(name));
  const seen: number[][] = [];
  for (let turn = 0; turn < 4; turn++) {
    seen.push([...admitted]);
    await turns(1);
  }
  assertEquals(seen, [[], [1], [1, 2], [1, 2, 3]]);
});

Deno.test("ownTurn() admits who comes later behind those who wait", async () => {
  const admitted: string[] = [];
  const enter = (name: string) => ownTurn().then(() => admitted.push(name));
  const first = enter("first").then(() => enter("first again"));
  const second = enter("second");
  await turns(1);
  const third = enter("third");
  assertEquals(admitted, ["first"]);
  await Promise.all([first, second, third]);
  assertEquals(admitted, ["first", "second", "first again", "third"]);
});

Deno.test("ownTurn() takes one turn when nobody waits, the next time too", async () => {
  for (let time = 0; time < 3; time++) {
    let isAdmitted = false;
    ownTurn().then(() => isAdmitted = true);
    await Promise.resolve();
    assertEquals(isAdmitted, false);
    await turns(1);
    assertEquals(isAdmitted, true);
  }
});
