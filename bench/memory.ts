/**
 * What does an idle connection keep in memory with `serveWebsocket`, compared with a bare
 * `Deno.upgradeWebSocket`?
 *
 *     deno run -A bench/memory.ts [--connections 2000] [--rounds 3] [--noise]
 *
 * Each round starts both servers anew and lets each collect its garbage before it is asked.
 * `--noise` measures the raw server against itself. JS heap is the number to trust: RSS moves in
 * whole pages, and the allocator keeps what it had.
 */
import { parseArgs } from "node:util";
import { toPositive } from "./_arguments.ts";
import { print, printMachine, printTable } from "./_print.ts";
import { type ServerProcess, startServer } from "./_server_process.ts";
import { median, showRatios } from "./_statistics.ts";
import { closeAll, openAll } from "./_wire.ts";

// What the first connections cost once, such as compiled code, is not a cost of each.
const WARM_UP_CONNECTIONS = 200;

/** Bytes for one connection. */
interface Kept {
  readonly rss: number;
  readonly heap: number;
}

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "2000" },
    rounds: { type: "string", default: "3" },
    noise: { type: "boolean", default: false },
  },
});

await main(
  toPositive("connections", values.connections),
  toPositive("rounds", values.rounds),
  values.noise ? "./raw_server.ts" : "./our_server.ts",
);

async function main(connections: number, rounds: number, ourFile: string) {
  printMachine();
  print(`${connections} idle connections, ${rounds} rounds on each server, in turns; medians`);
  if (ourFile === "./raw_server.ts") print(`"ours" is the raw server again: differences are noise`);
  const [raw, ours]: [Kept[], Kept[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    raw.push(await measure("./raw_server.ts", connections));
    ours.push(await measure(ourFile, connections));
  }
  printResults(raw, ours);
}

async function measure(file: string, connections: number): Promise<Kept> {
  await using server = await startServer(file, ["--v8-flags=--expose-gc"]);
  const first = await openAll(server.port, WARM_UP_CONNECTIONS);
  const before = await settle(server);
  const rest = await openAll(server.port, connections);
  const after = await settle(server);
  await closeAll([...first, ...rest]);
  return {
    rss: (after.rss - before.rss) / connections,
    heap: (after.heapUsed - before.heapUsed) / connections,
  };
}

// The first answer is given away: what was alive while it was made is collected before the second.
async function settle(server: ServerProcess) {
  await server.usage();
  return await server.usage();
}

function printResults(raw: readonly Kept[], ours: readonly Kept[]): void {
  print();
  printTable([
    ["KiB per connection", "raw", "ours", "ours/raw (least-greatest)"],
    toRow("JS heap", raw.map(({ heap }) => heap), ours.map(({ heap }) => heap)),
    toRow("RSS", raw.map(({ rss }) => rss), ours.map(({ rss }) => rss)),
  ]);
}

function toRow(name: string, raw: readonly number[], ours: readonly number[]): string[] {
  return [name, toKiB(median(raw)), toKiB(median(ours)), showRatios(ours, raw)];
}

function toKiB(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}
