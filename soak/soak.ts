/**
 * Does anything grow while clients come, talk, misbehave and leave for minutes?
 *
 *     deno task soak [minutes] [deno|ws|node]
 *
 * Ten minutes of `Deno.serve` when left out; `ws` is `./ws` on Deno, `node` the same on Node. Ctrl-C ends it early, with a
 * summary. The server is the fortress of the tests, in a process of its own; the clients are here. The exit code is 0 if
 * nothing grew and nothing went wrong. `SOAK_SEED=<seed>` draws the sessions of an earlier run again.
 */

import { isQuiet, isRid } from "../tests/_adversary.ts";
import { Fortress, type Ground, GROUNDS } from "../tests/_adversary_fortress.ts";
import type { Report } from "../tests/_fortress.ts";
import { Load } from "./_load.ts";
import { type Sample, toProgress, toSummary } from "./_summary.ts";

const SEED = Number(Deno.env.get("SOAK_SEED") ?? crypto.getRandomValues(new Uint32Array(1)));
const MINUTE = 60_000;
const SECOND = 1_000;

// V8 grows its nursery when there is much to do, and RSS with it by leaps. At its full size from the start it cannot.
const V8_FLAGS = ["--min-semi-space-size=16", "--max-semi-space-size=16"];

const [minutes = "10", ground = "deno"] = Deno.args;
Deno.exitCode = await soak(toMinutes(minutes), toGround(ground));

async function soak(minutes: number, ground: Ground): Promise<number> {
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  Deno.addSignalListener("SIGINT", stop);
  await using fortress = await Fortress.start(ground, V8_FLAGS);
  say(`SOAK_SEED=${SEED}, ${minutes} minutes on ${ground}`);
  const before = await fortress.report();
  const load = new Load(fortress.port, ground, SEED);
  const samples = await watch(fortress, load, minutes, interrupt.signal);
  await load.stop();
  const after = await rest(fortress, before);
  const errors = await fortress.kill();
  const { complaints } = load;
  const { text, passed } = toSummary({ samples, before, after, complaints, errors });
  say(text);
  Deno.removeSignalListener("SIGINT", stop);
  return passed ? 0 : 1;
}

/** Looks at the server each second, to the end or until it is told to stop or the server has died. */
async function watch(
  fortress: Fortress,
  load: Load,
  minutes: number,
  signal: AbortSignal,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const start = performance.now();
  for (let second = 1; second <= minutes * 60 && !signal.aborted; second++) {
    await until(start + second * SECOND, signal);
    const report = await look(fortress);
    if (report === undefined) break;
    const { visits, attacks, traffic } = load;
    const minute = (performance.now() - start) / MINUTE;
    const sample = { minute, visits, attacks, ...traffic, report };
    samples.push(sample);
    say(toProgress(sample));
  }
  return samples;
}

// The endings are of no use here, but would pile up.
async function look(fortress: Fortress): Promise<Report | undefined> {
  try {
    await fortress.endings();
    return await fortress.report();
  } catch {
    return undefined;
  }
}

async function rest(fortress: Fortress, before: Report): Promise<Report | undefined> {
  try {
    return await fortress.settled((now) =>
      isQuiet(now) && isRid(now, before) && now.timers === before.timers
    );
  } catch {
    return undefined;
  }
}

function until(time: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, time - performance.now()));
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

function toMinutes(argument: string): number {
  const minutes = Number(argument);
  if (minutes > 0) return minutes;
  throw new RangeError(`Cannot soak as "minutes" must be > 0: received "${argument}"`);
}

function toGround(argument: string): Ground {
  const ground = GROUNDS.find((one) => one === argument);
  if (ground !== undefined) return ground;
  throw new TypeError(
    `Cannot soak as "ground" must be ${GROUNDS.join(", ")}: received "${argument}"`,
  );
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
