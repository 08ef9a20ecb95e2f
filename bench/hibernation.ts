/**
 * What does `hibernate: true` save, and what does it cost? Memory of an idle state as it is and as bytes, and the time to
 * put one to sleep and to wake it: `deno task bench:hibernation`.
 */

import { hibernate, wake } from "../_connection/hibernation.ts";
import { printMachine, printTable } from "./_print.ts";

const COPIES = 1_000;
const ROUNDS = 1_000;

const STATES: Readonly<Record<string, () => unknown>> = {
  "a user's name and id": () => ({ id: crypto.randomUUID(), name: "Ada Lovelace" }),
  "100 entries in a Map": () =>
    new Map(Array.from({ length: 100 }, (_, id) => [id, { id, x: id / 3 }])),
  "1,000 objects": () => Array.from({ length: 1_000 }, (_, id) => ({ id, tags: ["a", `t${id}`] })),
};

/** Heap and buffers of `COPIES` values, in bytes each. */
function bytesEach(make: () => unknown): number {
  const before = used();
  const held = Array.from({ length: COPIES }, make);
  return (used() - before) / held.length;
}

function used(): number {
  collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

function collect(): void {
  const { gc } = globalThis as { readonly gc?: () => void };
  if (gc === undefined) throw new Error("Cannot measure memory: run with --v8-flags=--expose-gc");
  gc();
  gc();
}

/** Microseconds for one call. */
function time(act: () => unknown): number {
  for (let left = ROUNDS / 10; left > 0; left--) act();
  const start = performance.now();
  for (let left = ROUNDS; left > 0; left--) act();
  return (performance.now() - start) / ROUNDS * 1_000;
}

function measure([name, make]: [string, () => unknown]): string[] {
  const state = make();
  const asleep = hibernate(state);
  return [
    name,
    bytesEach(make).toFixed(0),
    bytesEach(() => hibernate(make())).toFixed(0),
    time(() => hibernate(state)).toFixed(1),
    time(() => wake(asleep)).toFixed(1),
  ];
}

printMachine();
printTable([
  ["state", "bytes awake", "bytes asleep", "µs to sleep", "µs to wake"],
  ...Object.entries(STATES).map(measure),
]);
