/** The same as `_measured.ts` over `node:http`: what both servers over `ws` share, on Deno and on Node. */
import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { exitWithParent, tellPort, toUsage } from "./_usage.ts";

/** Serves `upgrade` on a free port, printed as the first line of stdout, until stdin is closed. */
export async function serveMeasuredUpgrades(
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => unknown,
): Promise<void> {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(toUsage()));
  });
  server.on("upgrade", upgrade);
  server.listen(0, "127.0.0.1", () => tellPort((server.address() as AddressInfo).port));
  await exitWithParent();
}
