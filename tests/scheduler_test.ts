import { assertEquals, assertGreaterOrEqual } from "@std/assert";
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

Deno.test("schedule() runs one that wakes itself as often as it does, past a hundred rounds too", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let runs = 0;
  const again = { run: () => ++runs < 1_000 ? schedule(again) : resolve() };
  schedule(again);
  await promise;
  await eventLoopTurn();
  assertEquals(runs, 1_000);
});

Deno.test("schedule() lets the event loop turn while two wake each other without end", async () => {
  let rounds = 0;
  let stopped = false;
  const wake = (other: Runnable) => {
    rounds++;
    if (!stopped) schedule(other);
  };
  const one: Runnable = { run: () => wake(two) };
  const two: Runnable = { run: () => wake(one) };
  schedule(one);
  await eventLoopTurn();
  stopped = true;
  assertGreaterOrEqual(rounds, 100);
  await eventLoopTurn();
});

Deno.test("schedule() takes a hundred rounds in one turn of the event loop", async () => {
  assertEquals(await roundsInOneTurn(() => {}), 100);
});

Deno.test("turn() starts the hundred anew", async () => {
  assertEquals(await roundsInOneTurn((round) => round === 50 ? turn() : undefined), 150);
});

async function roundsInOneTurn(inRound: (round: number) => void): Promise<number> {
  let rounds = 0;
  let stopped = false;
  const again = {
    run: () => {
      if (stopped) return;
      inRound(++rounds);
      schedule(again);
    },
  };
  turn();
  schedule(again);
  await microtasks(1_000);
  stopped = true;
  const inOneTurn = rounds;
  await eventLoopTurn();
  return inOneTurn;
}

async function microtasks(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await Promise.resolve();
}

function eventLoopTurn(): Promise<void> {
  return new Promise((turned) => setTimeout(turned, 0));
}
