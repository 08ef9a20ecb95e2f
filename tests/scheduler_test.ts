import { assertEquals } from "@std/assert";
import { type Runnable, schedule, turn } from "../_connection/scheduler.ts";

Deno.test("schedule() never runs a receiver inside its sender", async () => {
  const log: string[] = [];
  const receiver = { run: () => log.push("receiver") };
  schedule({
    run: () => {
      schedule(receiver);
      log.push("sender");
    },
  });
  log.push("caller");
  await microtasks(2);
  assertEquals(log, ["caller", "sender", "receiver"]);
});

Deno.test("schedule() runs those woken together in one round, in order", async () => {
  const log: string[] = [];
  const name = (name: string): Runnable => ({
    run: () => {
      log.push(name);
      queueMicrotask(() => log.push(`after ${name}`));
    },
  });
  for (const one of ["a", "b", "c"]) schedule(name(one));
  await microtasks(2);
  assertEquals(log, ["a", "b", "c", "after a", "after b", "after c"]);
});

Deno.test("schedule() runs those woken in a round in the next one", async () => {
  const log: string[] = [];
  const late = { run: () => log.push("late") };
  const first = {
    run: () => {
      log.push("first");
      schedule(late);
    },
  };
  schedule(first);
  schedule({ run: () => log.push("second") });
  await microtasks(2);
  assertEquals(log, ["first", "second", "late"]);
});

Deno.test("schedule() runs one that wakes itself as often as it does, also past a hundred rounds", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let runs = 0;
  const again = {
    run: () => {
      if (++runs < 1_000) schedule(again);
      else resolve();
    },
  };
  schedule(again);
  await promise;
  await new Promise((turned) => setTimeout(turned, 0));
  assertEquals(runs, 1_000);
});

Deno.test("schedule() lets the event loop turn while two wake each other without end", async () => {
  let rounds = 0;
  let stopped = false;
  const ping: Runnable = { run: () => wake(pong) };
  const pong: Runnable = { run: () => wake(ping) };
  const wake = (other: Runnable) => {
    rounds++;
    if (!stopped) schedule(other);
  };
  schedule(ping);
  await new Promise((turned) => setTimeout(turned, 0));
  stopped = true;
  const before = rounds;
  await new Promise((turned) => setTimeout(turned, 0));
  assertEquals(rounds - before <= 1, true);
  assertEquals(before >= 100, true);
});

Deno.test("schedule() takes a hundred rounds in one turn of the event loop, and as many again after turn()", async () => {
  const rounds = { count: 0, stopped: false };
  const again = {
    run: () => {
      if (rounds.stopped) return;
      if (++rounds.count === 50) turn();
      schedule(again);
    },
  };
  turn();
  schedule(again);
  await microtasks(1_000);
  const inOneTurn = rounds.count;
  rounds.stopped = true;
  await new Promise((turned) => setTimeout(turned, 0));
  assertEquals(inOneTurn, 149);
});

async function microtasks(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await Promise.resolve();
}
