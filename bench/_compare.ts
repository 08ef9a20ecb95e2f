/**
 * The comparison of two servers under one load. Every round starts both anew, as one run of a
 * program can be faster than another for its whole life, and loads them in turn for slices of a
 * tenth of a second, so that a machine that slows down does so for both.
 */
import { checkEchoes, type Load, prepare, type Prepared, runLoad } from "./_load.ts";
import type { ServerProcess } from "./_server_process.ts";
import { closeAll, openAll } from "./_wire.ts";

const WARM_UP_SECONDS = 0.5;
const SLICE_SECONDS = 0.1;

/** The two servers that are compared, as what starts them. */
export interface Contestants {
  readonly raw: () => Promise<ServerProcess>;
  readonly ours: () => Promise<ServerProcess>;
}

/** How long to measure: `seconds` on each server, in each of the `rounds`. */
export interface Patience {
  readonly seconds: number;
  readonly rounds: number;
}

/** What one server did in one round. */
export interface Round {
  /** Messages per second. */
  readonly rate: number;
  /** Microseconds of the server's CPU for one message, all threads. */
  readonly cpu: number;
  /** The server's CPU time by the clock's: near 1 the server was the limit, and not the load. */
  readonly busy: number;
}

/** The rounds of both; those with the same index are of the same time. */
export interface Comparison {
  readonly raw: readonly Round[];
  readonly ours: readonly Round[];
}

/** Measures both servers under `load`. */
export async function compare(
  start: Contestants,
  load: Load,
  { seconds, rounds }: Patience,
): Promise<Comparison> {
  const [raw, ours]: [Round[], Round[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    await using rawServer = await start.raw();
    await using ourServer = await start.ours();
    const [rawRound, ourRound] = await measurePair(rawServer, ourServer, load, seconds);
    raw.push(rawRound);
    ours.push(ourRound);
  }
  return { raw, ours };
}

async function measurePair(
  rawServer: ServerProcess,
  ourServer: ServerProcess,
  load: Load,
  seconds: number,
): Promise<[Round, Round]> {
  await using raw = await Lane.open(rawServer, load);
  await using ours = await Lane.open(ourServer, load);
  await alternate(raw, ours, WARM_UP_SECONDS);
  await raw.begin();
  await ours.begin();
  await alternate(raw, ours, seconds);
  return [await raw.end(), await ours.end()];
}

async function alternate(first: Lane, second: Lane, seconds: number): Promise<void> {
  for (let slice = 0; slice < Math.round(seconds / SLICE_SECONDS); slice++) {
    await first.run(SLICE_SECONDS);
    await second.run(SLICE_SECONDS);
    [first, second] = [second, first];
  }
}

// The connections to one server, and the count of what went through them.
class Lane implements AsyncDisposable {
  readonly #server: ServerProcess;
  readonly #conns: readonly Deno.TcpConn[];
  readonly #load: Prepared;
  #cpuAtBegin = 0;
  #messages = 0;
  #seconds = 0;

  private constructor(server: ServerProcess, conns: readonly Deno.TcpConn[], load: Prepared) {
    this.#server = server;
    this.#conns = conns;
    this.#load = load;
  }

  static async open(server: ServerProcess, load: Load): Promise<Lane> {
    const conns = await openAll(server.port, load.connections);
    const prepared = prepare(load);
    await checkEchoes(conns, prepared);
    return new Lane(server, conns, prepared);
  }

  async begin(): Promise<void> {
    [this.#messages, this.#seconds] = [0, 0];
    this.#cpuAtBegin = (await this.#server.usage()).cpuMicroseconds;
  }

  async run(seconds: number): Promise<void> {
    const echoed = await runLoad(this.#conns, this.#load, seconds);
    this.#messages += echoed.messages;
    this.#seconds += echoed.seconds;
  }

  async end(): Promise<Round> {
    const cpu = (await this.#server.usage()).cpuMicroseconds - this.#cpuAtBegin;
    return {
      rate: this.#messages / this.#seconds,
      cpu: cpu / this.#messages,
      busy: cpu / 1e6 / this.#seconds,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.#conns);
  }
}
