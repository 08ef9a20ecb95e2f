/**
 * The part that both servers over `Deno.serve` share: a plain request is answered with what the process has used so far,
 * and the process ends when its parent does.
 */
import { exitWithParent, tellPort, toUsage } from "./_usage.ts";

/** Serves `upgrade` on a free port, printed as the first line of stdout, until stdin is closed. */
export async function serveMeasured(
  upgrade: (request: Request) => Response | Promise<Response>,
): Promise<void> {
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => tellPort(port),
  }, (request) => request.headers.has("upgrade") ? upgrade(request) : Response.json(toUsage()));
  await exitWithParent();
}
