/** `deno task npm`: makes npm/lariat-websocket.tgz, the package for Node and TypeScript. */

const ROOT = new URL("../", import.meta.url);

/** What Deno this takes: an older one's `deno pack` leaves `[Symbol.iterator]` out of the types. */
export const OLDEST_DENO = "2.9.6";

// `deno pack` does it all but this: it has no words for which Node the package needs, and whose types its own name.
const FOR_NODE = {
  engines: { node: ">=20" },
  peerDependencies: { "@types/node": ">=20" },
  peerDependenciesMeta: { "@types/node": { optional: true } },
};

/** Whether this Deno can make the package. */
export function canPack(): boolean {
  return Deno.version.deno.localeCompare(OLDEST_DENO, "en", { numeric: true }) >= 0;
}

async function pack(): Promise<void> {
  if (!canPack()) throw new Error(`Run this with Deno ${OLDEST_DENO} or later`);
  await Deno.mkdir(new URL("npm/", ROOT), { recursive: true });
  // Not in npm/: `deno check .` would read the types there.
  const folder = await Deno.makeTempDir();
  try {
    await packIn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function packIn(folder: string): Promise<void> {
  const packed = `${folder}/packed.tgz`;
  const manifest = `${folder}/package/package.json`;
  // Quiet: of every private module it says that it has no types. A door without types fails tests/npm_package_test.ts.
  const flags = ["--quiet", "--allow-dirty", "--no-source-maps"];
  await run(Deno.execPath(), "pack", ...flags, "--output", packed);
  await run("tar", "-xzf", packed, "-C", folder);
  const known = JSON.parse(await Deno.readTextFile(manifest));
  await Deno.writeTextFile(manifest, `${JSON.stringify({ ...known, ...FOR_NODE }, null, 2)}\n`);
  await run("tar", "-czf", "npm/lariat-websocket.tgz", "-C", folder, "package");
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(program, { args, cwd: ROOT }).spawn().status;
  if (!success) throw new Error(`Failed: ${program} ${args.join(" ")}`);
}

if (import.meta.main) await pack();
