/** Node, for tests and benches of what runs there. */

import { fileURLToPath } from "node:url";

/** The oldest major version that the README names. */
export const OLDEST_NODE = 20;

/** Whether a Node is there that is new enough. */
export async function hasNode(): Promise<boolean> {
  const version = await versionOf("node");
  return Number.parseInt(version?.replace("v", "") ?? "") >= OLDEST_NODE;
}

/** What a program says to `--version`; undefined if there is none. */
export async function versionOf(program: string): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command(program, { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).trim();
  } catch {
    return undefined;
  }
}

/** Makes one file for Node of a source and all that it imports, with the same `ws` that Deno runs. */
export async function bundle(source: URL, output: string): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--output", output, fileURLToPath(source)],
  }).spawn().status;
  if (!success) throw new Error(`Cannot bundle ${source}`);
}
