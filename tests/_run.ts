/** `deno task test`: runs `deno test` with the @std of JSR, or with its stand-in from npm. */

const TESTS = import.meta.dirname;
const PROBE = `${TESTS}/npm_fallback_test.ts`;
const IMPORT_MAP = `${TESTS}/_npm/import_map.json`;
const PROBE_TIMEOUT = 5_000;

const TEST_FLAGS = ["-A", "--doc", "--sanitize-ops", "--sanitize-resources", "--trace-leaks"];

/** The flags that make "@std/..." resolve on this machine, for `deno test` and `deno check`. */
export async function importMapFlags(): Promise<string[]> {
  if (await isJsrUsable()) return [];
  say(`JSR does not answer: "@std" comes from npm instead, see tests/_npm/import_map.json.`);
  return ["--import-map", IMPORT_MAP];
}

/** JSR is usable when the imports of deno.json load, be it from the cache. */
async function isJsrUsable(): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", PROBE],
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(PROBE_TIMEOUT),
  }).output();
  return success;
}

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function runTests(args: string[]): Promise<number> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", ...await importMapFlags(), ...TEST_FLAGS, ...args],
  }).spawn().status;
  return code;
}

if (import.meta.main) Deno.exit(await runTests(Deno.args));
