/**
 * `deno task ok`: all that must hold before a commit, or only what is named, such as
 * `deno task ok lint docs`.
 */

import { importMapFlags } from "./_run.ts";

const ROOT = new URL("../", import.meta.url);
const DOORS = ["mod.ts", "handler.ts", "frame.ts", "testing.ts", "ws.ts"];

const CHECKS: Record<string, () => string[] | Promise<string[]>> = {
  format: () => ["fmt", "--check"],
  lint: () => ["lint"],
  types: async () => ["check", "--quiet", ...await importMapFlags(), "."],
  docs: () => ["doc", "--lint", ...DOORS],
  tests: () => ["run", "-A", "tests/_run.ts"],
  package: () => ["publish", "--dry-run", "--allow-dirty"],
};

async function runChecks(names: readonly string[]): Promise<number> {
  let failed = 0;
  for (const name of names) if (!await passes(name)) failed++;
  return failed;
}

async function passes(name: string): Promise<boolean> {
  const args = await CHECKS[name]?.();
  if (args === undefined) return tell(name, false, `Name one of ${Object.keys(CHECKS).join(", ")}`);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    stdin: "null",
  }).output();
  return tell(name, success, `${decode(stdout)}${decode(stderr)}`);
}

function tell(name: string, success: boolean, output: string): boolean {
  say(`${success ? "ok" : "FAILED"} ${name}\n`);
  if (!success) say(`${output.trimEnd()}\n`);
  return success;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

if (import.meta.main) {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(CHECKS);
  Deno.exitCode = await runChecks(names) > 0 ? 1 : 0;
}
