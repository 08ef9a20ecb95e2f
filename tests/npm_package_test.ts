/** The package for Node, as its users get it: built, packed, installed into an empty folder, used. */

import { pathToFileURL } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { hasNode, OLDEST_NODE, versionOf } from "./_node.ts";
import { canPack, OLDEST_DENO } from "./_pack.ts";
import { kill, listen } from "./_program.ts";

const ROOT = new URL("../", import.meta.url);
const TARBALL = new URL("npm/lariat-websocket.tgz", ROOT);
const EXAMPLES = ["http.mjs", "express.mjs", "fastify.mjs"];

const NPM = Deno.build.os === "windows" ? "npm.cmd" : "npm";
const NPM_FLAGS = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
// What a user of TypeScript has, and what the examples and tests import.
const TOOLS = ["typescript@7", "@types/node@20"];
const OTHERS = ["@types/ws@8", "express@5", "fastify@5"];

const PATIENCE = 60_000;
const LISTENING_REGEXP = /^Listening on (http:\/\/localhost:\d+\/)$/m;

// Every check there is, and of the library's own types too.
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    target: "es2022",
    module: "nodenext",
    // Without "dom": a server has none.
    lib: ["es2022"],
    types: ["node"],
    outDir: "out",
  },
};

const missing = await whatIsMissing();

Deno.test({
  name: `the package for Node${missing && ` (needs ${missing})`}`,
  ignore: missing !== "",
  async fn(t) {
    await using folder = await emptyFolder();
    await t.step("deno task npm packs it", async () => {
      await run(ROOT, Deno.execPath(), "task", "--quiet", "npm");
    });
    await t.step("npm installs it, and ws beside it", async () => {
      await install(folder, TARBALL.href);
      const installed = await names(new URL("node_modules/", folder.url));
      assertEquals(installed.filter((name) => !name.startsWith(".")), ["@lariat", "ws"]);
    });
    await t.step("each door has code and types", () => checkDoors(folder));
    await t.step("its types need those of Node and nothing else", async () => {
      await install(folder, ...TOOLS);
      const imports = (await doors(folder)).map((door, i) => `export * as _${i} from "${door}";\n`);
      await compile(folder, "doors.ts", imports.join(""));
    });
    await install(folder, ...OTHERS);
    await t.step("node --test passes in plain JavaScript", async () => {
      await copy("tests/node/echo.test.mjs", folder);
      await copy("tests/node/certificate.json", folder);
      await run(folder.url, "node", "--test", "echo.test.mjs");
    });
    await t.step("node --test passes in TypeScript", async () => {
      const code = await Deno.readTextFile(new URL("tests/node/typed.test.ts", ROOT));
      await compile(folder, "typed.test.ts", code);
      await run(folder.url, "node", "--test", "out/typed.test.js");
    });
    for (const example of EXAMPLES) {
      await t.step(`examples/node/${example} answers on Node`, async () => {
        await copy(`examples/node/${example}`, folder);
        await speakTo(folder.url, "node", example, "0");
      });
    }
  },
});

for (const example of EXAMPLES) {
  Deno.test(`examples/node/${example} answers on Deno`, async () => {
    const flags = ["--no-prompt", "--allow-net", "--allow-env"];
    await speakTo(ROOT, Deno.execPath(), "run", ...flags, `examples/node/${example}`, "0");
  });
}

async function whatIsMissing(): Promise<string> {
  if (!canPack()) return `Deno ${OLDEST_DENO}`;
  if (await hasNode() && await versionOf(NPM) !== undefined) return "";
  return `Node ${OLDEST_NODE} or later, and npm`;
}

/** A folder of a user. */
interface Folder extends AsyncDisposable {
  readonly url: URL;
}

async function emptyFolder(): Promise<Folder> {
  const path = await Deno.makeTempDir();
  return {
    url: pathToFileURL(`${path}/`),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

async function names(folder: URL): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

function copy(path: string, { url }: Folder): Promise<void> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return Deno.copyFile(new URL(path, ROOT), new URL(name, url));
}

function install({ url }: Folder, ...packages: string[]): Promise<void> {
  return run(url, NPM, "install", ...NPM_FLAGS, ...packages);
}

/** Compiles one file of TypeScript into `out`. */
async function compile({ url }: Folder, name: string, code: string): Promise<void> {
  await Deno.writeTextFile(new URL(name, url), code);
  const config = JSON.stringify({ ...TSCONFIG, files: [name] });
  await Deno.writeTextFile(new URL("tsconfig.json", url), config);
  // Otherwise to tsc a .ts file is CommonJS, and so is what it emits.
  await run(url, NPM, "pkg", "set", "type=module");
  await run(url, "node", "node_modules/typescript/bin/tsc");
}

/** What the package is asked for by, one name a door. */
async function doors(folder: Folder): Promise<string[]> {
  const { name, exports } = (await manifests(folder)).npm;
  return Object.keys(exports).map((path) => name + path.slice(1));
}

async function checkDoors(folder: Folder): Promise<void> {
  const { npm, deno } = await manifests(folder);
  assertEquals([npm.name, npm.version, npm.license], [deno.name, deno.version, deno.license]);
  assertEquals(Object.keys(npm.exports), Object.keys(deno.exports));
  assertEquals(npm.dependencies, { ws: deno.imports.ws.slice("npm:ws@".length) });
  assertEquals([npm.type, npm.engines.node], ["module", `>=${OLDEST_NODE}`]);
  const home = new URL(`node_modules/${npm.name}/`, folder.url);
  for (const door of Object.values<Record<string, string>>(npm.exports)) {
    for (const kind of ["types", "import"]) {
      const { isFile } = await Deno.stat(new URL(door[kind] ?? kind, home));
      assert(isFile);
    }
  }
}

async function manifests({ url }: Folder) {
  const deno = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const path = `node_modules/${deno.name}/package.json`;
  return { deno, npm: JSON.parse(await Deno.readTextFile(new URL(path, url))) };
}

/** Runs a program to its end; a failure shows what it said. */
async function run(cwd: URL, program: string, ...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(PATIENCE),
  }).output();
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  assert(success, `Failed: ${program} ${args.join(" ")}\n${said}`);
}

/** Starts a server, and talks to it in HTTP and over a WebSocket. */
async function speakTo(cwd: URL, program: string, ...args: string[]): Promise<void> {
  await using server = await start(cwd, program, args);
  const response = await fetch(server.url);
  assertEquals([response.status, (await response.text()).slice(0, 5)], [200, "Hello"]);
  const socket = new WebSocket(server.url.replace("http:", "ws:"));
  socket.onopen = () => socket.send("hello ☕");
  const answer = await new Promise((resolve) => {
    socket.onmessage = ({ data }) => resolve(data);
    socket.onclose = ({ code }) => resolve(code);
  });
  assertEquals(answer, "hello ☕");
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  socket.close(1000);
  assertEquals((await closed).code, 1000);
}

async function start(cwd: URL, program: string, args: string[]) {
  const child = new Deno.Command(program, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(PATIENCE),
  }).spawn();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const end = listen(child.stdout, LISTENING_REGEXP, resolve).then(() => {
    reject(new Error(`Ended before it listened: ${args.join(" ")}`));
  });
  const stop = async () => {
    kill(child);
    await Promise.all([child.status, end]);
  };
  try {
    return { url: await promise, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
