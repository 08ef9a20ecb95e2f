import type { Stats } from "./_victim.ts";

/** The victim's process, as a test sees it. */
export class Victim implements AsyncDisposable {
  readonly port: number;
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(process: Deno.ChildProcess, lines: AsyncIterator<string>, port: number) {
    this.#process = process;
    this.#lines = lines;
    this.port = port;
  }

  static async start(which: "raw" | "ours"): Promise<Victim> {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", new URL("./_victim.ts", import.meta.url).pathname, which],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const lines = linesOf(process.stdout);
    const { value } = await lines.next();
    return new Victim(process, lines, Number(value));
  }

  /** How it is; undefined if it does not answer. */
  async stats(): Promise<Stats | undefined> {
    return await this.#get("stats") as Stats | undefined;
  }

  /** Whether `server.shutdown()` returns within a second. */
  async shutsDown(): Promise<boolean> {
    await this.#get("shutdown");
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, 1_000);
    const down = await Promise.race([this.#lines.next(), late]);
    clearTimeout(timer);
    return down?.value === "shut down";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has died already.
    }
    await this.#process.status;
    await this.#lines.return?.();
  }

  async #get(path: string): Promise<unknown> {
    try {
      // A connection of its own each time: a kept one would be one more descriptor.
      const headers = { connection: "close" };
      return await (await fetch(`http://127.0.0.1:${this.port}/${path}`, { headers })).json();
    } catch {
      return undefined;
    }
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
