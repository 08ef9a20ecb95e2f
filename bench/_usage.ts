/** What a measured server process tells of itself, on Deno and on Node, and its end with its parent. */
import process from "node:process";

/** What a server process has used since it began. */
export interface Usage {
  readonly cpuMicroseconds: number;
  readonly rss: number;
  readonly heapUsed: number;
}

/** What this process has used so far. */
export function toUsage(): Usage {
  collectGarbage();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuMicroseconds: user + system, rss, heapUsed };
}

// There only with --v8-flags=--expose-gc, which the memory bench gives and the echo benches do not.
function collectGarbage(): void {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc === "function") gc();
}

/** Tells the parent the port. */
export function tellPort(port: number): void {
  process.stdout.write(`${port}\n`);
}

/** Ends this process with its parent: the pipe on stdin closes when it closes it, and when it dies, however it dies. */
export async function exitWithParent(): Promise<void> {
  for await (const _ of process.stdin);
  process.exit();
}
