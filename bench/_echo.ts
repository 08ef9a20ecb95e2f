/** What the echo benches share: their arguments, their loads, and their tables. */
import { parseArgs } from "node:util";
import { toPositive } from "./_arguments.ts";
import {
  compare,
  type Comparison,
  type Contestants,
  type Patience,
  type Round,
} from "./_compare.ts";
import type { Load } from "./_load.ts";
import { print, printTable } from "./_print.ts";
import { median, showRatios } from "./_statistics.ts";

const LOADS: readonly Load[] = [
  { name: "64 B text, 1 in flight", kind: "text", size: 64, inFlight: 1, connections: 100 },
  { name: "64 B text, 16 in flight", kind: "text", size: 64, inFlight: 16, connections: 100 },
  {
    name: "16 KiB binary, 1 in flight",
    kind: "binary",
    size: 16_384,
    inFlight: 1,
    connections: 20,
  },
];

const HEADER = ["", "connections", "raw", "ours", "ours/raw (least-greatest)"];

/** What was asked for on the command line. */
export interface Arguments extends Patience {
  /** Whether to measure the raw server against itself. */
  readonly noise: boolean;
}

/** Reads the command line. */
export function parseArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "1" },
      rounds: { type: "string", default: "7" },
      noise: { type: "boolean", default: false },
    },
  });
  return {
    seconds: toPositive("seconds", values.seconds),
    rounds: toPositive("rounds", values.rounds),
    noise: values.noise,
  };
}

/** Measures two servers under every load, and prints the tables. */
export async function compareEchoes(
  { raw, ours }: Contestants,
  { noise, ...patience }: Arguments,
): Promise<void> {
  print(`${patience.rounds} rounds of ${patience.seconds} s on each server, in turns; medians`);
  if (noise) print(`"ours" is the raw server again: the differences are noise`);
  const results: Result[] = [];
  for (const load of LOADS) {
    results.push({ load, ...await compare({ raw, ours: noise ? raw : ours }, load, patience) });
  }
  printResults(results);
}

interface Result extends Comparison {
  readonly load: Load;
}

function printResults(results: readonly Result[]): void {
  print("\nMessages per second: more is better");
  printTable([HEADER, ...results.map((result) => toRow(result, ({ rate }) => rate, toWhole))]);
  print("\nServer CPU, microseconds per message: less is better, and the number to trust");
  printTable([HEADER, ...results.map((result) => toRow(result, ({ cpu }) => cpu, toTenths))]);
  print("\nServer CPU time by clock time: near 1 the server was the limit, and not the load");
  printTable([["", "raw", "ours"], ...results.map(toBusyRow)]);
}

function toRow(
  { load, raw, ours }: Result,
  field: (round: Round) => number,
  show: (value: number) => string,
): string[] {
  const [rawValues, ourValues] = [raw.map(field), ours.map(field)];
  return [
    load.name,
    `${load.connections}`,
    show(median(rawValues)),
    show(median(ourValues)),
    showRatios(ourValues, rawValues),
  ];
}

function toBusyRow({ load, raw, ours }: Result): string[] {
  const [rawBusy, ourBusy] = [raw, ours].map((rounds) => median(rounds.map(({ busy }) => busy)));
  return [load.name, (rawBusy ?? NaN).toFixed(2), (ourBusy ?? NaN).toFixed(2)];
}

function toWhole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function toTenths(value: number): string {
  return value.toFixed(1);
}
