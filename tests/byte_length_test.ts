import { assertEquals } from "@std/assert";
import { byteLength, isLongerThan } from "../_connection/byte_length.ts";

const ROWS: readonly (readonly [name: string, text: string, bytes: number])[] = [
  ["nothing", "", 0],
  ["ASCII", "abc", 3],
  ["two bytes a character", "éé", 4],
  ["three bytes a character", "漢字", 6],
  ["four bytes for two units", "😀", 4],
  ["a lone surrogate, sent as U+FFFD", "\ud800", 3],
  ["all of them", "aé漢😀\udc00", 13],
];

for (const [name, text, bytes] of ROWS) {
  Deno.test(`byteLength() counts bytes of UTF-8: ${name}`, () => {
    assertEquals(byteLength(text), bytes);
  });

  Deno.test(`isLongerThan() agrees with byteLength() at every limit: ${name}`, () => {
    for (let limit = 0; limit <= bytes * 3 + 1; limit++) {
      assertEquals(isLongerThan(limit, text), bytes > limit, `at ${limit}`);
    }
  });
}

Deno.test("isLongerThan() counts the bytes of a view, not of the buffer behind it", () => {
  const view = new Uint8Array(new ArrayBuffer(100), 10, 5);
  assertEquals(isLongerThan(5, view), false);
  assertEquals(isLongerThan(4, view), true);
});

Deno.test("isLongerThan() says no to everything under an infinite limit", () => {
  assertEquals(isLongerThan(Infinity, "漢".repeat(1_000)), false);
  assertEquals(isLongerThan(Infinity, new Uint8Array(1_000)), false);
});
