import { assertEquals, assertNotStrictEquals } from "@std/assert";
// @ts-types="@types/ws"
import * as ws from "ws";
import { encodeFrame } from "../_connection/ws_frame.ts";
import type { DataFrame } from "../_connection/line.ts";

/** What `ws` makes of a frame: documented in its code, and missing in its types. */
interface Sender {
  frame(data: Uint8Array, options: Readonly<Record<string, unknown>>): readonly Uint8Array[];
}

const { Sender } = ws as unknown as { readonly Sender: Sender };
const OPCODES = { text: 1, binary: 2, ping: 9, pong: 10 } as const;

const TEXTS: Readonly<Record<string, string>> = {
  "no text": "",
  ASCII: "hi",
  "125 bytes in letters of two": "é".repeat(62) + "!",
  "126 bytes in letters of three": "€".repeat(42),
  "signs of four bytes": "😀".repeat(1_000),
  "a text of 70,000 bytes": "x".repeat(70_000),
  "a lone surrogate": "a\ud800b",
};

for (const [name, data] of Object.entries(TEXTS)) {
  Deno.test(`encodeFrame() makes the bytes that ws makes of ${name}`, () => {
    assertSameAsWs({ kind: "text", data }, new TextEncoder().encode(data));
  });
}

for (const kind of ["binary", "ping", "pong"] as const) {
  for (const length of [0, 1, 125, ...kind === "binary" ? [126, 65_535, 65_536, 70_000] : []]) {
    Deno.test(`encodeFrame() makes the bytes that ws makes of a ${kind} of ${length} bytes`, () => {
      const data = Uint8Array.from({ length }, (_, index) => index);
      assertSameAsWs({ kind, data }, data);
    });
  }
}

Deno.test("encodeFrame() takes a part of a buffer, and keeps it as it is", () => {
  const whole = Uint8Array.of(1, 2, 3, 4);
  const data = whole.subarray(1, 3);
  const encoded = encodeFrame({ kind: "binary", data });
  whole.fill(0);
  assertEquals([...encoded], [0x82, 2, 2, 3]);
  assertNotStrictEquals(encoded.buffer, whole.buffer);
});

function assertSameAsWs(frame: DataFrame, payload: Uint8Array): void {
  const parts = Sender.frame(payload, { fin: true, mask: false, opcode: OPCODES[frame.kind] });
  assertEquals([...encodeFrame(frame)], parts.flatMap((part) => [...part]));
}
