/**
 * The part that both measured servers share: a plain request is answered with what the process has
 * used so far, and the process ends when its parent does.
 */
import process from "node:process";

/** What a server process has used since it began. */
export interface Usage {
  readonly cpuMicroseconds: number;
  readonly rss: number;
  readonly heapUsed: number;
}

/** Serves `upgrade` on a free port, printed as the first line of stdout, until stdin is closed. */
export async function serveMeasured(
  upgrade: (request: Request) => Response | Promise<Response>,
): Promise<void> {
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => void Deno.stdout.writeSync(new TextEncoder().encode(`${port}\n`)),
  }, (request) => request.headers.has("upgrade") ? upgrade(request) : Response.json(toUsage()));
  await exitWithParent();
}

function toUsage(): Usage {
  collectGarbage();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = Deno.memoryUsage();
  return { cpuMicroseconds: user + system, rss, heapUsed };
}

// There only with --v8-flags=--expose-gc, which the memory bench gives and the echo bench does not.
function collectGarbage(): void {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc === "function") gc();
}

// The pipe on stdin closes when the parent closes it, and when the parent dies, however it dies.
async function exitWithParent(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit();
}
