import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { binary, close, isCloseCode, ping, pong, text } from "../frame.ts";

const SENDABLE = [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999];
const NOT_SENDABLE = [
  0,
  999,
  1004,
  1005,
  1006,
  1015,
  1016,
  2999,
  5000,
  1000.5,
  -1000,
  NaN,
  Infinity,
];

// Two bytes and four bytes a character, so that 123 bytes are not 123 characters.
const FITS = ["a".repeat(123), "é".repeat(61) + "a", "😀".repeat(30) + "abc"];
const TOO_LONG = ["a".repeat(124), "é".repeat(62), "😀".repeat(31)];

Deno.test("text() makes a text frame of any string", () => {
  for (const data of ["", "hi", "é😀", "\ud800", "\0"]) {
    assertEquals(text(data), { kind: "text", data });
  }
});

Deno.test("binary() makes a binary frame without copying the bytes", () => {
  const data = new Uint8Array([1, 2]);
  assertEquals(binary(data), { kind: "binary", data });
  assertStrictEquals(binary(data).data, data);
});

Deno.test("close() makes a close frame, by default 1000 and no reason", () => {
  assertEquals(close(), { kind: "close", code: 1000, reason: "" });
  assertEquals(close(1001), { kind: "close", code: 1001, reason: "" });
  assertEquals(close(4000, "bye"), { kind: "close", code: 4000, reason: "bye" });
});

Deno.test("close() takes every code that may be sent", () => {
  for (const code of SENDABLE) assertEquals(close(code).code, code);
});

Deno.test("close() rejects every other code and names it", () => {
  const wanted =
    'Cannot build a close frame as "code" must be 1000-1003, 1007-1014 or 3000-4999: received ';
  for (const code of NOT_SENDABLE) {
    assertThrowsExactly(() => close(code), RangeError, wanted + code);
  }
  for (const code of ["1000", null, 1000n, {}, []]) {
    assertThrowsExactly(() => close(code as never), RangeError, `${wanted}${code}`);
  }
});

Deno.test("close() takes a reason of 123 bytes of UTF-8", () => {
  for (const reason of FITS) assertEquals(close(1000, reason).reason, reason);
});

Deno.test("close() rejects a reason of 124 bytes of UTF-8", () => {
  const message = 'Cannot build a close frame as "reason" must be at most 123 bytes: received 124';
  for (const reason of TOO_LONG) {
    assertThrowsExactly(() => close(1000, reason), RangeError, message);
  }
});

Deno.test("close() counts a lone surrogate of the reason as the three bytes it is sent as", () => {
  assertEquals(close(1000, "\ud800".repeat(41)).reason.length, 41);
  assertThrowsExactly(
    () => close(1000, "\ud800".repeat(42)),
    RangeError,
    'Cannot build a close frame as "reason" must be at most 123 bytes: received 126',
  );
});

Deno.test("isCloseCode() agrees with close()", () => {
  for (const code of SENDABLE) assertEquals(isCloseCode(code), true);
  for (const code of NOT_SENDABLE) assertEquals(isCloseCode(code), false);
});

for (const constructor of [ping, pong]) {
  const kind = constructor.name;

  Deno.test(`${kind}() makes a ${kind} frame, by default an empty one`, () => {
    assertEquals<unknown>(constructor(), { kind, data: new Uint8Array() });
    assertEquals<unknown>(constructor(new Uint8Array([7])), { kind, data: new Uint8Array([7]) });
  });

  Deno.test(`${kind}() takes 125 bytes and rejects 126`, () => {
    assertEquals(constructor(new Uint8Array(125)).data.length, 125);
    assertThrowsExactly(
      () => constructor(new Uint8Array(126)),
      RangeError,
      `Cannot build a ${kind} frame as "data" must be at most 125 bytes: received 126`,
    );
  });
}

Deno.test("the constructors reject data of another type and name it", () => {
  const notAString = '"data" must be a string: received';
  const notBytes = '"data" must be a Uint8Array: received';
  const rows: readonly (readonly [() => unknown, string])[] = [
    [() => text(5 as never), `a text frame as ${notAString} number`],
    [() => text(undefined as never), `a text frame as ${notAString} undefined`],
    [() => text(new Uint8Array() as never), `a text frame as ${notAString} object`],
    [() => binary("hi" as never), `a binary frame as ${notBytes} string`],
    [() => binary(new ArrayBuffer(1) as never), `a binary frame as ${notBytes} object`],
    [() => binary(new Uint16Array(1) as never), `a binary frame as ${notBytes} object`],
    [() => binary([1] as never), `a binary frame as ${notBytes} object`],
    [() => ping("hi" as never), `a ping frame as ${notBytes} string`],
    [() => pong(null as never), `a pong frame as ${notBytes} object`],
    [() => close(1000, 5 as never), 'a close frame as "reason" must be a string: received number'],
  ];
  for (const [build, rest] of rows) assertThrowsExactly(build, TypeError, `Cannot build ${rest}`);
});

function assertThrowsExactly(
  build: () => unknown,
  errorClass: typeof RangeError | typeof TypeError,
  message: string,
): void {
  assertEquals(assertThrows(build, errorClass).message, message);
}
