/**
 * What does a message cost with `serveWebsocket`, compared with a bare `Deno.upgradeWebSocket`?
 *
 *     deno run -A bench/echo.ts [--seconds 1] [--rounds 7] [--noise]
 *
 * Both echo servers are processes of their own, with the same heartbeat, under the same load over
 * loopback. `--noise` measures the raw server against itself: no difference smaller than what that
 * prints means anything. Of the numbers, CPU per message is the one to trust, as it depends least
 * on what else the machine is doing.
 */
import { compareEchoes, parseArguments } from "./_echo.ts";
import { printMachine } from "./_print.ts";
import { startServer } from "./_server_process.ts";

printMachine();
await compareEchoes({
  raw: () => startServer("./raw_server.ts"),
  ours: () => startServer("./our_server.ts"),
}, parseArguments());
