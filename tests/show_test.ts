import { assertEquals } from "@std/assert";
import { show } from "../_connection/show.ts";

const ROWS: readonly (readonly [value: unknown, shown: string])[] = [
  ["hi", '"hi"'],
  ["", '""'],
  [5, "5"],
  [-0.5, "-0.5"],
  [NaN, "NaN"],
  [Infinity, "Infinity"],
  [5n, "5n"],
  [true, "true"],
  [undefined, "undefined"],
  [null, "null"],
  [Symbol("s"), "Symbol(s)"],
  [[1, 2], "an array"],
  [() => {}, "a function"],
  [class Foo {}, "a function"],
  [{ a: 1 }, "an object"],
  [Object.create(null), "an object"],
  [Object.create({ constructor: 5 }), "an object"],
  [Object.create({ constructor: { name: 5 } }), "an object"],
  [new Date(0), "a Date"],
  [new Map(), "a Map"],
  [Promise.resolve(), "a Promise"],
  [new (class Foo {})(), "a Foo"],
];

Deno.test("show() shows strings in quotes and objects by their type", () => {
  for (const [value, shown] of ROWS) assertEquals(show(value), shown);
});

Deno.test("show() does not say what is in an object", () => {
  assertEquals(show({ password: "secret", toString: () => "secret" }), "an object");
});
