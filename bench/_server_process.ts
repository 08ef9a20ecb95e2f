/**
 * A measured server as its parent sees it: a process of its own, its port, and what it has used so
 * far.
 */
import type { Usage } from "./_usage.ts";

/** A running server process, ended by `await using`. */
export interface ServerProcess extends AsyncDisposable {
  readonly port: number;
  usage(): Promise<Usage>;
}

/** Starts a file of this folder as a server process. */
export function startServer(file: string, flags: string[] = []): Promise<ServerProcess> {
  const { href } = new URL(file, import.meta.url);
  return startProgram(Deno.execPath(), ["run", "-A", ...flags, href]);
}

/** Starts a server process that prints its port. */
export async function startProgram(
  program: string | URL,
  args: readonly string[],
): Promise<ServerProcess> {
  const process = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const port = await readPort(process.stdout);
  return {
    port,
    usage: () => fetchUsage(port),
    [Symbol.asyncDispose]: () => stop(process),
  };
}

async function readPort(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<number> {
  for await (const line of stdout.pipeThrough(new TextDecoderStream())) return Number(line);
  throw new Error("Cannot measure: the server process ended before it listened");
}

async function fetchUsage(port: number): Promise<Usage> {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  return await response.json();
}

async function stop(process: Deno.ChildProcess): Promise<void> {
  await process.stdin.close();
  await process.status;
}
