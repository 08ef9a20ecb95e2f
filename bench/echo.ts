/**
 * What does a message cost with `serveWebsocket`, compared with a bare `Deno.upgradeWebSocket`?
 *
 *     deno run -A bench/echo.ts [--seconds 1] [--rounds 7] [--noise]
 *
 * Both echo servers are processes of their own, with the same heartbeat, under the same load over
 * loopback. `--noise` measures the raw server against itself: no difference smaller than what that
 * prints means anything. Of the numbers, CPU per message is the one to trust, as it depends least
 * on what else the machine is doing.
 */
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
import { print, printMachine, printTable } from "./_print.ts";
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

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "1" },
    rounds: { type: "string", default: "7" },
    noise: { type: "boolean", default: false },
  },
});

await main(
  { seconds: toPositive("seconds", values.seconds), rounds: toPositive("rounds", values.rounds) },
  { raw: "./raw_server.ts", ours: values.noise ? "./raw_server.ts" : "./our_server.ts" },
);

async function main(patience: Patience, files: Contestants) {
  printMachine();
  print(`${patience.rounds} rounds of ${patience.seconds} s on each server, in turns; medians`);
  if (files.raw === files.ours) print(`"ours" is the raw server again: the differences are noise`);
  const results: Result[] = [];
  for (const load of LOADS) results.push({ load, ...await compare(files, load, patience) });
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
