/**
 * What does a message cost with `serveWebsocket`, compared with a bare `Deno.upgradeWebSocket`?
 *
 *     deno run -A bench/echo.ts [--seconds 2] [--rounds 5] [--noise]
 *
 * Both echo servers are processes of their own, with the same heartbeat, under the same load. Rounds alternate between
 * them, so that a machine that slows down does so for both, and each ratio is of two neighbouring rounds. `--noise`
 * measures the raw server against itself: no difference smaller than what it prints means anything.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { checkEchoes, type Load, prepare, runLoad } from "./_load.ts";
import { print, printMachine, printTable } from "./_print.ts";
import { type ServerProcess, startServer } from "./_server_process.ts";
import { median, showRatios } from "./_statistics.ts";
import { closeAll, openAll } from "./_wire.ts";

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

interface Round {
  readonly rate: number;
  /** Microseconds of the server's CPU for one message, all threads. */
  readonly cpu: number;
  /** The server's CPU time by the clock's: at 1 the server was the limit, and not the load. */
  readonly busy: number;
  /** Microseconds of the load's own CPU for one message. */
  readonly loadCpu: number;
}

interface Compared {
  readonly load: Load;
  readonly raw: readonly Round[];
  readonly ours: readonly Round[];
}

async function compare(load: Load, ourFile: string, seconds: number, rounds: number) {
  await using rawServer = await startServer("./raw_server.ts");
  await using ourServer = await startServer(ourFile);
  const [raw, ours]: [Round[], Round[]] = [[], []];
  await measure(rawServer, load, seconds / 2);
  await measure(ourServer, load, seconds / 2);
  for (let round = 0; round < rounds; round++) {
    raw.push(await measure(rawServer, load, seconds));
    ours.push(await measure(ourServer, load, seconds));
  }
  return { load, raw, ours };
}

async function measure(server: ServerProcess, load: Load, seconds: number): Promise<Round> {
  const prepared = prepare(load);
  const conns = await openAll(server.port, load.connections);
  await checkEchoes(conns, prepared);
  const before = await readCpu(server);
  const echoed = await runLoad(conns, prepared, seconds);
  const after = await readCpu(server);
  await closeAll(conns);
  return {
    rate: echoed.messages / echoed.seconds,
    cpu: (after.server - before.server) / echoed.messages,
    busy: (after.server - before.server) / 1e6 / echoed.seconds,
    loadCpu: (after.load - before.load) / echoed.messages,
  };
}

async function readCpu(server: ServerProcess): Promise<{ server: number; load: number }> {
  const { cpuMicroseconds } = await server.usage();
  const { user, system } = process.cpuUsage();
  return { server: cpuMicroseconds, load: user + system };
}

function printResults(results: readonly Compared[], ourName: string): void {
  print("\nMessages per second (more is better)");
  printTable([
    toHeader(ourName),
    ...results.map((result) => toRow(result, ({ rate }) => rate, toWhole)),
  ]);
  print("\nServer CPU, microseconds per message (less is better; the number to trust)");
  printTable([
    toHeader(ourName),
    ...results.map((result) => toRow(result, ({ cpu }) => cpu, toTenths)),
  ]);
  print("\nWas the server the limit? (CPU time by clock time; the load's own microseconds)");
  printTable([
    ["", "raw busy", `${ourName} busy`, "load CPU per message"],
    ...results.map(toLimitRow),
  ]);
}

function toHeader(ourName: string): string[] {
  return ["", "connections", "raw", ourName, `${ourName}/raw (least-greatest)`];
}

function toRow(
  { load, raw, ours }: Compared,
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

function toLimitRow({ load, raw, ours }: Compared): string[] {
  return [
    load.name,
    median(raw.map(({ busy }) => busy)).toFixed(2),
    median(ours.map(({ busy }) => busy)).toFixed(2),
    median([...raw, ...ours].map(({ loadCpu }) => loadCpu)).toFixed(1),
  ];
}

function toWhole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function toTenths(value: number): string {
  return value.toFixed(1);
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "5" },
    noise: { type: "boolean", default: false },
  },
});
const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
const [ourFile, ourName] = values.noise
  ? ["./raw_server.ts", "raw again"]
  : ["./our_server.ts", "ours"];

printMachine();
print(`${rounds} rounds of ${seconds} s on each server, alternating; medians`);
const results: Compared[] = [];
for (const load of LOADS) results.push(await compare(load, ourFile, seconds, rounds));
printResults(results, ourName);
