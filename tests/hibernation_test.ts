import {
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { hibernate, Hibernated, wake } from "../_connection/hibernation.ts";

const SURVIVING: readonly (readonly [name: string, state: unknown])[] = [
  ["undefined", undefined],
  ["null", null],
  ["a boolean", false],
  ["numbers", [0, -0, 0.1, NaN, Infinity, 2 ** 53]],
  ["a BigInt", [5n, -(2n ** 70n)]],
  ["strings", ["", "é漢😀", "\ud800", "\0"]],
  ["an object", { a: { b: [1, "two", null, undefined] } }],
  ["an array with a hole", [, 1]],
  ["a Date", new Date(5)],
  ["a RegExp", /a+\/b/giu],
  ["a Map", new Map<unknown, unknown>([["a", new Map([[1, 2]])], [{ key: 1 }, null]])],
  ["a Set", new Set<unknown>(["a", 1, new Set([2])])],
  ["an ArrayBuffer", new Uint8Array([1, 2, 3]).buffer],
  ["bytes", new Uint8Array([0, 1, 255])],
  ["typed arrays", [new Float64Array([0.1]), new Int16Array([-1, 2]), new BigInt64Array([5n])]],
  ["bytes behind a text of odd length", { odd: "xyz", doubles: new Float64Array([0.1, 0.2]) }],
];

for (const [name, state] of SURVIVING) {
  Deno.test(`hibernate() and wake() keep ${name}`, () => assertEquals(sleep(state), state));
}

Deno.test("wake() gives back an Error with its name, message, cause and stack", () => {
  const error = new RangeError("out of range", { cause: new Error("deeper") });
  const woken = sleep({ error }).error;
  assertInstanceOf(woken, RangeError);
  assertInstanceOf(woken.cause, Error);
  assertEquals([woken.name, woken.message], ["RangeError", "out of range"]);
  assertEquals([woken.stack, woken.cause.message], [error.stack, "deeper"]);
});

Deno.test("wake() gives back cycles and shared parts as one", () => {
  const part = { name: "part" };
  const state: Record<string, unknown> = { parts: [part, part], map: new Map([["part", part]]) };
  state.self = state;
  const woken = sleep(state);
  assertStrictEquals(woken.self, woken);
  const [first, second] = woken.parts as (typeof part)[];
  assertEquals(first, part);
  assertStrictEquals(first, second);
  assertStrictEquals((woken.map as Map<string, typeof part>).get("part"), first);
});

Deno.test("wake() gives back a view as a view of the same bytes", () => {
  const bytes = new Uint8Array([1, 2, 3, 4, 5]);
  const view = sleep(new DataView(bytes.buffer, 1, 3));
  assertEquals([view.byteLength, view.getUint8(0), view.getUint8(2)], [3, 2, 4]);
  assertEquals(sleep(bytes.subarray(1, 3)), new Uint8Array([2, 3]));
});

Deno.test("wake() gives back what was hibernated, whatever became of it since", () => {
  const state = { list: [1], bytes: new Uint8Array([1]) };
  const hibernated = hibernate(state);
  state.list.push(2);
  state.bytes[0] = 2;
  assertEquals(wake(hibernated), { list: [1], bytes: new Uint8Array([1]) });
  assertEquals(wake(hibernated), { list: [1], bytes: new Uint8Array([1]) });
});

Deno.test("hibernate() keeps bytes", () => {
  const hibernated = hibernate("x".repeat(1_000));
  assertInstanceOf(hibernated, Hibernated);
  assertInstanceOf(hibernated.bytes, Uint8Array);
  assertLess(hibernated.bytes.length, 1_100);
});

const f = () => {};
const cyclic: Record<string, unknown> = { first: 1 };
cyclic.self = cyclic;
cyclic.list = [cyclic, f];

const child: Record<string, unknown> = {};
const parent = { child, f };
child.parent = parent;

const NOT_CLONABLE: readonly (readonly [path: string, state: unknown])[] = [
  ["state", f],
  ["state", Symbol("s")],
  ["state", new WeakMap()],
  ["state", Promise.resolve()],
  ["state.a.b", { a: { b: f } }],
  ["state.s", { s: Symbol("s") }],
  ["state[1][1]", [0, [1, new WeakMap()]]],
  ["state.users[1].job", { users: [{ name: "a" }, { name: "b", job: Promise.resolve() }] }],
  ['state.get("b")', new Map<string, unknown>([["a", 1], ["b", f]])],
  ["state.m.get(5).f", { m: new Map([[5, { f }]]) }],
  ["state.key", new Map([[f, 1]])],
  ["state.key.f", new Map([[{ f }, 1]])],
  ["state.s.value.f", { s: new Set([1, { f }]) }],
  ['state.m.get("w").value', { m: new Map([["w", new Set([new WeakSet()])]]) }],
  ["state.first", { fine: 1, first: f, second: Symbol("s") }],
  ["state.list[1]", cyclic],
  ["state.f", parent],
  ["state.get(an object)", new Map([[Object.create(null), f]])],
];

for (const [path, state] of NOT_CLONABLE) {
  const what = Object.prototype.toString.call(state);
  Deno.test(`hibernate() names ${path} of ${what} as what cannot be cloned`, () => {
    const { message, cause } = assertThrows(() => hibernate(state), TypeError);
    assertStringIncludes(message, `Cannot hibernate as "${path}" must be clonable: `);
    assertInstanceOf(cause, Error);
    assertStringIncludes(message, cause.message);
  });
}

Deno.test("hibernate() names an Error as a whole, whatever it is in it that cannot be cloned", () => {
  const state = { error: new Error("x", { cause: f }) };
  assertThrows(() => hibernate(state), TypeError, 'as "state.error" must be clonable');
});

Deno.test("hibernate() names the whole state when it is nested too deep to be cloned", () => {
  let list: unknown = null;
  for (let length = 0; length < 20_000; length++) list = { list };
  const { message, cause } = assertThrows(() => hibernate(list), TypeError);
  assertStringIncludes(message, 'Cannot hibernate as "state" must be clonable: ');
  assertInstanceOf(cause, RangeError);
});

function sleep<T>(state: T): T {
  return wake(hibernate(state)) as T;
}
