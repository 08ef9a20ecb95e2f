import type { NumberedEnding } from "./_adversary_audit.ts";
import type { Farewell, Report } from "./_fortress.ts";
import { bundle } from "./_node.ts";
import { kill } from "./_program.ts";
import { milliseconds } from "./_server.ts";

const SOURCE = new URL("./_fortress.ts", import.meta.url);

const PATIENCE = 20_000;

// Of glibc: the pages of a big buffer go back when it is freed.
const FRUGAL = { MALLOC_MMAP_THRESHOLD_: "32768" };

/** What a fortress may stand on: `Deno.serve`, or `node:http` with `ws`, on Deno or on Node. */
export const GROUNDS = ["deno", "ws", "node"] as const;

/** One of {@linkcode GROUNDS}. */
export type Ground = typeof GROUNDS[number];

/** The fortress's process, as the adversary sees it. */
export class Fortress implements AsyncDisposable {
  readonly port: number;
  readonly #process: Deno.ChildProcess;
  readonly #errors: Promise<string>;

  private constructor(process: Deno.ChildProcess, errors: Promise<string>, port: number) {
    this.#process = process;
    this.#errors = errors;
    this.port = port;
  }

  /** Starts one on that ground. */
  static async start(ground: Ground, v8Flags: readonly string[] = []): Promise<Fortress> {
    const folder = await Deno.makeTempDir();
    try {
      const [program, ...args] = await toCommand(ground, ["--expose-gc", ...v8Flags], folder);
      const process = new Deno.Command(program, {
        args,
        env: FRUGAL,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const errors = new Response(process.stderr).text();
      return new Fortress(process, errors, await readPort(process.stdout));
    } finally {
      // By now it has read all that it runs.
      await Deno.remove(folder, { recursive: true });
    }
  }

  /** How it is, its garbage collected. */
  report(): Promise<Report> {
    return this.#get("report");
  }

  /** How it is once that holds, or after twenty seconds. */
  async settled(holds: (report: Report) => boolean): Promise<Report> {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const report = await this.report();
      if (holds(report) || Date.now() > end) return report;
      await milliseconds(50);
    }
  }

  /** How the sessions ended since the last time. */
  endings(): Promise<NumberedEnding[]> {
    return this.#get("endings");
  }

  /** Ends all connections and stops listening. */
  drain(): Promise<Farewell> {
    return this.#get("drain");
  }

  /** Whether the process ends by itself within so many milliseconds. */
  async endsWithin(ms: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const ended = this.#process.status.then(({ success }) => success);
    const result = await Promise.race([ended, late]);
    clearTimeout(timer);
    return result === true;
  }

  /** What it has printed as errors, once it has ended. */
  async kill(): Promise<string> {
    kill(this.#process);
    await this.#process.status;
    return await this.#errors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #get<Answer>(path: string): Promise<Answer> {
    try {
      return await getJson(`http://127.0.0.1:${this.port}/${path}`);
    } catch (cause) {
      throw new Error(`The fortress has fallen: ${await this.kill()}`, { cause });
    }
  }
}

async function toCommand(
  ground: Ground,
  v8Flags: readonly string[],
  folder: string,
): Promise<readonly [program: string, ...args: string[]]> {
  if (ground === "node") {
    const file = `${folder}/fortress.mjs`;
    await bundle(SOURCE, file);
    return ["node", ...v8Flags, file, "ws"];
  }
  const flags = ["-A", "--no-check", `--v8-flags=${v8Flags.join()}`];
  return [Deno.execPath(), "run", ...flags, SOURCE.pathname, ground];
}

// A connection of its own each time: a kept one would be one more descriptor.
async function getJson<Answer>(url: string): Promise<Answer> {
  const response = await fetch(url, {
    headers: { connection: "close" },
    signal: AbortSignal.timeout(PATIENCE),
  });
  return await response.json();
}

async function readPort(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<number> {
  for await (const line of stdout.pipeThrough(new TextDecoderStream())) return Number(line);
  throw new Error("Cannot storm the fortress: it ended before it listened");
}
