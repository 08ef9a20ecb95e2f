// Random programs of what may happen to one connection, played by the library and by a model of the contract.
//
// A failure prints how to play it again; MODEL_RUNS is how many programs there are.

import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { Model } from "./_model.ts";
import { programs } from "./_model_arbitrary.ts";
import { Library } from "./_model_library.ts";
import { type Act, type Player, type Program, type Step, UNIT } from "./_model_program.ts";
import { SocketModel } from "./_model_socket.ts";
import { type Connect, ScriptedLine, ScriptedSocket } from "./_model_transport.ts";

const RUNS = Number(Deno.env.get("MODEL_RUNS") ?? 20_000);
const SEED = Number(Deno.env.get("MODEL_SEED") ?? crypto.getRandomValues(new Int32Array(1))[0]);
const PATH = Deno.env.get("MODEL_PATH");

// Small enough for each poll of a line, and a divisor of half a unit.
const TICK = 10;

interface Place {
  readonly Model: typeof Model;
  readonly connect: Connect;
}

const PLACES: Readonly<Record<"line" | "socket", Place>> = {
  line: { Model, connect: (...all) => new ScriptedLine(...all) },
  socket: { Model: SocketModel, connect: (...all) => new ScriptedSocket(...all) },
};

for (const [name, place] of Object.entries(PLACES)) {
  Deno.test(`the model and the library see the same of a ${name}`, async () => {
    say(`model of a ${name}: ${RUNS} programs, MODEL_SEED=${SEED}\n`);
    await fc.assert(
      fc.asyncProperty(programs(name as "line" | "socket"), (program) => play(program, place)),
      { numRuns: RUNS, seed: SEED, ...(PATH !== undefined && { path: PATH }) },
    );
  });
}
