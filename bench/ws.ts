/**
 * What does a message cost with `serveWebsocket` of `./ws`, compared with bare npm `ws`, on Deno and on Node?
 *
 *     deno run -A bench/ws.ts [--seconds 1] [--rounds 7] [--noise]
 *
 * As `echo.ts`, which says how to read it. Node runs the same two files, each bundled with the same `ws` that Deno runs.
 */
import { bundle, versionOf } from "../tests/_node.ts";
import type { Contestants } from "./_compare.ts";
import { compareEchoes, parseArguments } from "./_echo.ts";
import { print, printMachine } from "./_print.ts";
import { startProgram, startServer } from "./_server_process.ts";

const [RAW, OURS] = ["ws_raw_server", "ws_our_server"] as const;

await main();

async function main() {
  const args = parseArguments();
  printMachine();
  print("\nOn Deno");
  await compareEchoes(onDeno(), args);
  const folder = await Deno.makeTempDir();
  try {
    print(`\nOn Node ${await versionOf("node")}`);
    await compareEchoes(await onNode(folder), args);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function onDeno(): Contestants {
  return { raw: () => startServer(`./${RAW}.ts`), ours: () => startServer(`./${OURS}.ts`) };
}

async function onNode(folder: string): Promise<Contestants> {
  for (const name of [RAW, OURS]) {
    await bundle(new URL(`${name}.ts`, import.meta.url), `${folder}/${name}.mjs`);
  }
  const start = (name: string) => startProgram("node", [`${folder}/${name}.mjs`]);
  return { raw: () => start(RAW), ours: () => start(OURS) };
}
