// Random programs of what may happen to one connection, played by the library and by a model of the contract.
//
// A failure says how to play it again. MODEL_RUNS is how many programs there are.

import { assert, assertEquals, assertFalse } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { Model } from "./_model.ts";
import { type LineKind, programs } from "./_model_arbitrary.ts";
import { Library } from "./_model_library.ts";
import type { Player, Program, Seen, Step } from "./_model_program.ts";
import { UNIT } from "./_model_program.ts";
import { SocketModel } from "./_model_socket.ts";
import { type Connect, ScriptedLine, ScriptedSocket } from "./_model_transport.ts";

const RUNS = Number(Deno.env.get("MODEL_RUNS") ?? 20_000);
const SEED = Number(Deno.env.get("MODEL_SEED") ?? crypto.getRandomValues(new Int32Array(1))[0]);
const PATH = Deno.env.get("MODEL_PATH");

interface Place {
  readonly Model: new (program: Program) => Player;
  readonly connect: Connect;
  /** Milliseconds: as often as the socket looks whether its backlog is written. */
  readonly tick: number;
}

/** Who plays the same program. */
interface Stage {
  readonly model: Player;
  readonly library: Player;
  readonly tick: number;
  readonly isWatched: boolean;
}

const PLACES: Readonly<Record<LineKind, Place>> = {
  line: { Model, connect: (...all) => new ScriptedLine(...all), tick: UNIT / 2 },
  socket: { Model: SocketModel, connect: (...all) => new ScriptedSocket(...all), tick: UNIT / 5 },
};

const LEAVING: readonly Step[] = [
  { do: "lost", by: "close 1005" },
  { do: "released", held: false },
];

// If nothing is left to do a drain has nothing to wait for.
const ENDING: readonly Step[] = [
  { do: "turn" },
  { do: "drain", deadline: 30, spread: 0, code: 1001 },
  { do: "turn" },
  { do: "info", to: "self", then: {} },
];

const LATE_ENDING: readonly Step[] = [
  { do: "pass", units: 4 },
  { do: "answer" },
  { do: "turn" },
  { do: "answer" },
  { do: "turn" },
  { do: "pass", units: 4 },
];

for (const kind of ["line", "socket"] as const) {
  const name = `a connection on a ${kind} does what the contract says`;

  Deno.test(name, async () => {
    say(`MODEL_SEED=${SEED}: ${RUNS} programs on a ${kind}\n`);
    const result = await fc.check(
      fc.asyncProperty(programs(kind), (program) => play(program, PLACES[kind])),
      { numRuns: RUNS, seed: SEED, ...(PATH !== undefined && { path: PATH }) },
    );
    if (result.failed) throw new Error(report(result, name), { cause: result.errorInstance });
  });
}

function report(
  { seed, counterexamplePath, counterexample, numRuns }: fc.RunDetails<[Program]>,
  name: string,
): string {
  return `program ${numRuns}, shrunk: ${fc.stringify(counterexample?.[0])}
Play it again with MODEL_SEED=${seed} MODEL_PATH=${counterexamplePath} deno task test tests/model_test.ts --filter "${name}"`;
}

async function play(program: Program, { Model, connect, tick }: Place): Promise<void> {
  using time = new FakeTime();
  const model = new Model(program);
  const library = new Library(program, time, connect);
  const stage = { model, library, tick, isWatched: program.isWatched };
  try {
    const leaving = program.stays ? [] : LEAVING;
    await takeAll([{ do: "begin" }, ...program.steps, ...leaving, ...ENDING], stage);
    if (isWaiting(model)) await takeAll(LATE_ENDING, stage);
    assertSame({ ...stage, isWatched: true });
    assertLaws(library.seen);
    if (!isWaiting(model)) assertFalse(time.next(), "a timer is left");
  } finally {
    // What is left of a failure is not to reach the next program.
    await library.turn();
  }
}

function isWaiting({ seen }: Player): boolean {
  return seen.drains.includes("waits");
}

async function takeAll(steps: readonly Step[], stage: Stage): Promise<void> {
  for (const step of steps) {
    for (const player of [stage.model, stage.library]) {
      const taken = take(step, player, stage.tick);
      // To wait for nothing would let microtasks run.
      if (taken !== undefined) await taken;
    }
    assertSame(stage);
  }
}

function take(step: Step, player: Player, tick: number): void | Promise<void> {
  switch (step.do) {
    case "begin":
      return begin(player);
    case "turn":
      return player.turn();
    case "answer":
      return player.answer();
    case "pass":
      return pass(step.units * UNIT, player, tick);
    case "take":
      return player.take(step.share);
    default:
      return player.act(step);
  }
}

async function begin(player: Player): Promise<void> {
  player.begin();
  await player.turn();
}

async function pass(ms: number, player: Player, tick: number): Promise<void> {
  await player.turn();
  // What is due already comes first.
  for (let left = ms + tick; left > 0; left -= tick) {
    player.tick(left > ms ? 0 : tick);
    await player.turn();
  }
}

function assertSame({ model, library, isWatched }: Stage): void {
  const actual = visible(library, isWatched);
  const expected = visible(model, isWatched);
  // assertEquals shows the difference, and is slow to see that there is none.
  if (JSON.stringify(actual) !== JSON.stringify(expected)) assertEquals(actual, expected);
}

function visible(player: Player, isWatched: boolean): unknown {
  const { seen, size, abandoned, buffered } = player;
  return { ...seen, size, abandoned, buffered, ...(isWatched && { isAborted: player.isAborted }) };
}

// What would hold even if the model were wrong.
function assertLaws({ calls, wire }: Seen): void {
  const last = calls.findIndex((call) => call.startsWith("terminate"));
  const ends = calls.filter((call) => call.startsWith("ended"));
  assertEquals(calls.filter((call) => call.startsWith("OVERLAPPING")), []);
  const ids = calls.map((call) => Number(/^(?:frame|info|control) (\d+)/.exec(call)?.[1]))
    .filter((id) => !Number.isNaN(id));
  assertEquals(ids, ids.toSorted((one, other) => one - other));
  assert(ends.length <= 1);
  assert(last < 0 || calls.slice(last + 1).every((call) => call.startsWith("ended")));
  const closed = wire.findIndex((sent) => sent.startsWith("close"));
  assert(closed < 0 || closed === wire.length - 1, "something is sent behind the close frame");
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line));
}
