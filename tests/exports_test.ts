import { assert, assertEquals } from "@std/assert";
import * as frame from "../frame.ts";
import * as handler from "../handler.ts";
import * as mod from "../mod.ts";
import * as testing from "../testing.ts";
import * as ws from "../ws.ts";

const ROOT = new URL("../", import.meta.url);
const DOORS = ["mod.ts", "handler.ts", "frame.ts", "testing.ts"];
const WS_DOOR = "ws.ts";
const FRAME = ["binary", "close", "isCloseCode", "ping", "pong", "text"];

const IMPORT_REGEXP = /^(?:import|export)\b[^;]*?\bfrom "([^"]+)";/gm;
const COMMENT_REGEXP = /\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g;

/** A file of the package, without its comments. */
interface Room {
  readonly code: string;
  readonly imports: readonly string[];
}

const ROOMS = await roomsBehind(DOORS);
const ALL_ROOMS = await roomsBehind([...DOORS, WS_DOOR]);

Deno.test("mod.ts exports its functions, those of frame.ts, and nothing else", () => {
  assertEquals(Object.keys(mod).sort(), ["Connections", ...FRAME, "serveWebsocket"].sort());
});

Deno.test("ws.ts exports what mod.ts does", () => {
  assertEquals(Object.keys(ws).sort(), Object.keys(mod).sort());
});

Deno.test("frame.ts exports the constructors and isCloseCode", () => {
  assertEquals(Object.keys(frame).sort(), FRAME);
});

Deno.test("testing.ts exports connect", () => {
  assertEquals(Object.keys(testing), ["connect"]);
});

Deno.test("handler.ts emits no code", () => {
  assertEquals(Object.keys(handler), []);
  const statements = codeOf("handler.ts").match(/^\S.*/gm) ?? [];
  const types = statements.filter((line) => /^(import type|export (type|interface)|})/.test(line));
  assertEquals(statements, types);
});

Deno.test("the doors lead to every room", () => {
  assert(ROOMS.size > 20);
  for (const name of ["upgrade", "connection", "memory_line", "hibernation"]) {
    assert(ROOMS.has(`_connection/${name}.ts`), name);
  }
});

Deno.test("the doors import nothing from outside the package but node:v8", () => {
  const outside = [...ROOMS.values()].flatMap(({ imports }) => imports.filter(isOutside));
  assertEquals(outside, ["node:v8"]);
});

Deno.test("only the rooms behind ws.ts import ws", () => {
  const outside = [...ALL_ROOMS].filter(([, { imports }]) => imports.includes("ws"));
  assertEquals(outside.map(([path]) => path).filter((path) => ROOMS.has(path)), []);
  assert(outside.length > 0);
});

Deno.test("CONTRIBUTING.md names every door and room", async () => {
  const text = await Deno.readTextFile(new URL("CONTRIBUTING.md", ROOT));
  const names = [...ALL_ROOMS.keys()].map((path) => path.replace("_connection/", ""));
  assertEquals(names.filter((name) => !text.includes(`\`${name}\``)), []);
});

Deno.test("README.md fits a screen or three", async () => {
  const text = await Deno.readTextFile(new URL("README.md", ROOT));
  assert(text.trimEnd().split("\n").length < 150);
});

Deno.test("frame.ts imports nothing", () => {
  assertEquals(ROOMS.get("frame.ts")?.imports, []);
});

Deno.test("only _connection/upgrade.ts says Deno as a value", () => {
  assertEquals(roomsThatSay(/\bDeno\b(?!\.Addr\b)/), ["_connection/upgrade.ts"]);
});

Deno.test("only deno_socket.ts and ws_socket.ts call a method of a WebSocket", () => {
  const methods = "send|close|addEventListener|removeEventListener|dispatchEvent";
  const call = RegExp(`(?:socket|WebSocket\\))\\s*\\.\\s*(?:${methods})\\(`, "i");
  assertEquals(roomsThatSay(call), ["_connection/deno_socket.ts", "_connection/ws_socket.ts"]);
});

Deno.test("no room says any", () => {
  assertEquals(roomsThatSay(/[:<,|&(]\s*any\b(?!")|\bas any\b|\bany\[\]/), []);
});

Deno.test("the rooms import each other without a cycle", () => {
  const visiting = new Set<string>();
  const done = new Set<string>();
  const visit = (room: string): void => {
    if (done.has(room)) return;
    assert(!visiting.has(room), `a cycle: ${[...visiting, room].join(" > ")}`);
    visiting.add(room);
    for (const name of ALL_ROOMS.get(room)?.imports ?? []) if (!isOutside(name)) visit(name);
    visiting.delete(room);
    done.add(room);
  };
  for (const room of ALL_ROOMS.keys()) visit(room);
});

/** Everything that is reached from `doors`, by its path in the package. */
async function roomsBehind(doors: readonly string[]): Promise<Map<string, Room>> {
  const rooms = new Map<string, Room>();
  const waiting = [...doors];
  for (const path of waiting) {
    if (rooms.has(path)) continue;
    const code = (await Deno.readTextFile(new URL(path, ROOT))).replace(COMMENT_REGEXP, "");
    const imports = [...code.matchAll(IMPORT_REGEXP)].map(([, name = ""]) => pathOf(name, path));
    rooms.set(path, { code, imports });
    waiting.push(...imports.filter((name) => !isOutside(name)));
  }
  return rooms;
}

/** A relative import as a path in the package; any other as it is. */
function pathOf(name: string, importer: string): string {
  return name.startsWith(".")
    ? new URL(name, new URL(importer, ROOT)).href.slice(ROOT.href.length)
    : name;
}

function isOutside(name: string): boolean {
  return !name.startsWith("_") && !name.endsWith(".ts");
}

function roomsThatSay(regexp: RegExp): string[] {
  return [...ALL_ROOMS].filter(([, { code }]) => regexp.test(code)).map(([path]) => path);
}

function codeOf(path: string): string {
  return ROOMS.get(path)?.code ?? "";
}
