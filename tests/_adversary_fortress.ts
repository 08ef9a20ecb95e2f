import type { Report } from "./_fortress.ts";

const PATIENCE = 5_000;

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

  static async start(): Promise<Fortress> {
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "--v8-flags=--expose-gc",
        new URL("./_fortress.ts", import.meta.url).pathname,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const errors = new Response(process.stderr).text();
    return new Fortress(process, errors, await readPort(process.stdout));
  }

  /** How it is, its garbage collected. */
  report(): Promise<Report> {
    return this.#get("report");
  }

  /** How the sessions ended since the last time. */
  endings(): Promise<[number: string, ending: string][]> {
    return this.#get("endings");
  }

  /** Ends all connections and stops listening; resolves to whether the process then ends by itself in time. */
  async drain(patience: number): Promise<boolean> {
    await this.#get("drain");
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patience);
    const isOver = this.#process.status.then(({ success }) => success);
    const result = await Promise.race([isOver, late]);
    clearTimeout(timer);
    return result === true;
  }

  /** What it has printed as errors, once it has ended. */
  async kill(): Promise<string> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    return await this.#errors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  // A connection of its own each time: a kept one would be one more descriptor.
  async #get<Answer>(path: string): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.port}/${path}`, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(PATIENCE),
    });
    return await response.json();
  }
}

async function readPort(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<number> {
  for await (const line of stdout.pipeThrough(new TextDecoderStream())) return Number(line);
  throw new Error("Cannot storm the fortress: it ended before it listened");
}
