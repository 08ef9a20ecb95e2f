import { Buffer } from "node:buffer";
import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { binary, close, type InFrame, type OutFrame, text } from "../frame.ts";
import type { HandleResult } from "../handler.ts";
import { isList } from "../_connection/outgoing.ts";
import { notAResult, type OkResult, toOkStep, toOpeningStep, toStep } from "../_connection/step.ts";

const STATE = { count: 1 };
const ONE = text("one");
const TWO = binary(new Uint8Array([2]));
const BYE = close(4000, "bye");
const ON = { kind: "continue", timeout: undefined, hibernate: false } as const;

Deno.test('toStep() goes on after "ok" with nothing to send', () => {
  assertEquals(toStep({ kind: "ok", state: STATE }), { ...ON, frames: [], state: STATE });
});

Deno.test('toStep() goes on after "reply" with its frames', () => {
  for (const frames of [ONE, TWO, [], [ONE], [ONE, TWO, ONE]]) {
    assertEquals(toStep({ kind: "reply", frames, state: STATE }), { ...ON, frames, state: STATE });
  }
});

Deno.test('toStep() stops with 1000 after "shutdown"', () => {
  assertEquals(toStep({ kind: "shutdown", state: STATE }), {
    kind: "stop",
    frames: [],
    state: STATE,
    close: close(1000),
  });
});

Deno.test("toStep() carries the very state, whatever it is", () => {
  const state = { count: 1 };
  const results: readonly HandleResult<unknown>[] = [
    { kind: "ok", state },
    { kind: "reply", frames: ONE, state },
    { kind: "reply", frames: BYE, state },
    { kind: "shutdown", state },
  ];
  for (const result of results) assertStrictEquals(toStep(result).state, state);
  for (const state of [undefined, null, 0, "", NaN]) {
    assertEquals(toStep({ kind: "ok", state }).state, state);
  }
});

for (const kind of ["ok", "reply"] as const) {
  Deno.test(`toStep() carries "timeout" and "hibernate" of "${kind}"`, () => {
    const result = { kind, frames: [], state: STATE, timeout: 5, hibernate: true };
    assertEquals(toStep(result), { ...result, kind: "continue" });
  });
}

const CLOSING: readonly (readonly [name: string, OutFrame | OutFrame[], sent: InFrame[]])[] = [
  ["a close frame alone", BYE, []],
  ["a list of one", [BYE], []],
  ["the close frame last", [ONE, TWO, BYE], [ONE, TWO]],
  ["frames behind the close frame", [ONE, BYE, TWO], [ONE]],
  ["the close frame first", [BYE, ONE, TWO], []],
  ["a second close frame", [ONE, BYE, close(4001), TWO], [ONE]],
  ["garbage behind the close frame", [ONE, BYE, 5 as never], [ONE]],
];

for (const [name, frames, sent] of CLOSING) {
  Deno.test(`toStep() stops at the first close frame and drops the rest: ${name}`, () => {
    const stop = { kind: "stop", frames: sent, state: STATE, close: BYE } as const;
    assertEquals(toStep({ kind: "reply", frames, state: STATE }), stop);
  });

  Deno.test(`toOpeningStep() stops init's frames at the first close frame: ${name}`, () => {
    const stop = { kind: "stop", frames: sent, state: STATE, close: BYE } as const;
    assertEquals(toOkStep({ kind: "ok", frames, state: STATE }), stop);
    assertEquals(toOpeningStep({ kind: "ok", frames, state: STATE }), stop);
  });
}

Deno.test("toStep() does not touch the list it is given", () => {
  const frames = Object.freeze([ONE, BYE, TWO]);
  toStep({ kind: "reply", frames, state: STATE });
  assertEquals(frames, [ONE, BYE, TWO]);
});

Deno.test("toOpeningStep() copies frames, whatever becomes of the originals", () => {
  const bytes = new Uint8Array([1]);
  const part = { kind: "text" as const, data: "before" };
  const list: OutFrame[] = [part, binary(bytes)];
  const one = toOpeningStep({ kind: "ok", frames: part, state: STATE });
  const bin = toOpeningStep({ kind: "ok", frames: binary(bytes), state: STATE });
  const many = toOpeningStep({ kind: "ok", frames: list, state: STATE });

  part.data = "after";
  bytes[0] = 2;
  list.push(BYE);

  const [sentPart, sentBytes] = [text("before"), binary(new Uint8Array([1]))];
  assertEquals(one, { ...ON, frames: sentPart, state: STATE });
  assertEquals(bin, { ...ON, frames: sentBytes, state: STATE });
  assertEquals(many, { ...ON, frames: [sentPart, sentBytes], state: STATE });
});

Deno.test("toOpeningStep() copies a view without the rest of its buffer", () => {
  for (const data of [new Uint8Array([0, 1, 2]).subarray(1, 2), Buffer.of(1)]) {
    const { frames } = toOpeningStep({ kind: "ok", frames: [binary(data)], state: STATE });
    const [frame] = frames as readonly InFrame[];
    assertEquals(frame, binary(new Uint8Array([1])));
    assertEquals(frame?.kind === "binary" && frame.data.buffer.byteLength, 1);
  }
});

Deno.test("toOpeningStep() carries the very state, the timeout and hibernate", () => {
  const result = { kind: "ok", state: STATE, timeout: 5, hibernate: true } as const;
  const step = toOpeningStep(result);
  assertEquals(step, { ...result, kind: "continue", frames: [] });
  assertStrictEquals(step.state, STATE);
});

Deno.test('toOkStep() goes on after "ok" of init, with frames or without', () => {
  assertEquals(toOkStep({ kind: "ok", state: 1 }), { ...ON, frames: [], state: 1 });
  for (const frames of [ONE, [ONE, TWO], []]) {
    assertEquals(toOkStep({ kind: "ok", frames, state: 1 }), { ...ON, frames, state: 1 });
  }
});

Deno.test("toOkStep() takes frames that are there and undefined for none", () => {
  const result = { kind: "ok", frames: undefined, state: 1 } as never as OkResult<number>;
  assertEquals(toOkStep(result), { ...ON, frames: [], state: 1 });
});

Deno.test("toStep() and toOkStep() take a timeout above 0 and up to 2^31 - 1, or Infinity", () => {
  for (const timeout of [Number.MIN_VALUE, 0.5, 1, 2 ** 31 - 1, Infinity]) {
    const step = { ...ON, frames: [], state: 1, timeout };
    assertEquals(toStep({ kind: "ok", state: 1, timeout }), step);
    assertEquals(toOkStep({ kind: "ok", state: 1, timeout }), step);
  }
});

Deno.test("toStep() and toOkStep() reject every other timeout and name it", () => {
  const wanted = 'Cannot set the timeout as "timeout" must be above 0 and at most ' +
    "2147483647 milliseconds, or Infinity: received ";
  const rows = [
    [0, "0"],
    [-1, "-1"],
    [-Infinity, "-Infinity"],
    [NaN, "NaN"],
    [2 ** 31, "2147483648"],
    [null, "null"],
    ["soon", '"soon"'],
    ["60000", '"60000"'],
    [5n, "5n"],
    [true, "true"],
    [{}, "an object"],
    [[5], "an array"],
    [new Date(50), "a Date"],
    [{ valueOf: () => 50 }, "an object"],
  ] as const;
  for (const [timeout, shown] of rows) {
    const result = { kind: "ok", state: 1, timeout } as never;
    for (const convert of [toStep, toOkStep]) {
      const Class = typeof timeout === "number" ? RangeError : TypeError;
      const error = assertThrows(() => convert(result), Class);
      assertEquals(error.message, wanted + shown);
    }
  }
});

Deno.test("toStep() rejects what is not a result and names it", () => {
  const rows: readonly (readonly [result: unknown, shown: string])[] = [
    [undefined, "undefined"],
    [null, "null"],
    [5, "5"],
    ["ok", '"ok"'],
    [[], "an array"],
    [{}, "an object"],
    [() => {}, "a function"],
    [new Response(), "a Response"],
    [{ state: 1 }, "an object"],
    [{ kind: undefined }, "an object"],
    [{ kind: "shut down" }, '"shut down"'],
    [{ kind: "close" }, '"close"'],
    [{ kind: "toString" }, '"toString"'],
    [{ kind: 0 }, "0"],
    [[{ kind: "ok", state: 1 }], "an array"],
  ];
  for (const [result, shown] of rows) {
    const error = assertThrows(() => toStep(result as never), TypeError);
    assertEquals(
      error.message,
      `Cannot go on as "kind" of the result must be "ok", "reply" or "shutdown": received ${shown}`,
    );
  }
});

Deno.test("notAResult() says what is wanted and what came", () => {
  const error = notAResult({ kind: "reply" }, '"ok" or "shutdown"');
  assertInstanceOf(error, TypeError);
  assertEquals(
    error.message,
    'Cannot go on as "kind" of the result must be "ok" or "shutdown": received "reply"',
  );
});

const KIND = '"kind" of a frame must be "text", "binary" or "close"';
const TEXT = '"data" of a text frame must be a string';
const BINARY = '"data" of a binary frame must be a Uint8Array';

const NOT_SENDABLE: readonly (readonly [frame: unknown, wanted: string, shown: string])[] = [
  [undefined, KIND, "undefined"],
  [null, KIND, "null"],
  ["hi", KIND, '"hi"'],
  [5, KIND, "5"],
  [{}, KIND, "an object"],
  [new Uint8Array(1), KIND, "a Uint8Array"],
  [new Set([ONE]), KIND, "a Set"],
  [{ kind: "ping", data: new Uint8Array() }, KIND, '"ping"'],
  [{ kind: "pong", data: new Uint8Array() }, KIND, '"pong"'],
  [{ kind: "Text", data: "hi" }, KIND, '"Text"'],
  [{ kind: "text" }, TEXT, "undefined"],
  [{ kind: "text", data: 5 }, TEXT, "5"],
  [{ kind: "text", data: null }, TEXT, "null"],
  [{ kind: "text", data: { a: 1 } }, TEXT, "an object"],
  [{ kind: "text", data: new Uint8Array() }, TEXT, "a Uint8Array"],
  [{ kind: "text", data: Object("hi") }, TEXT, "a String"],
  [{ kind: "binary" }, BINARY, "undefined"],
  [{ kind: "binary", data: "hi" }, BINARY, '"hi"'],
  [{ kind: "binary", data: [1] }, BINARY, "an array"],
  [{ kind: "binary", data: new DataView(new ArrayBuffer(1)) }, BINARY, "a DataView"],
  [{ kind: "binary", data: new Uint16Array(1) }, BINARY, "a Uint16Array"],
  [{ kind: "binary", data: new Uint8Array(new SharedArrayBuffer(1)) }, BINARY, "a Uint8Array"],
];

Deno.test("toStep() rejects a frame that cannot be sent, alone or in a list", () => {
  for (const [frame, wanted, shown] of NOT_SENDABLE) {
    for (const frames of [frame, [frame], [ONE, frame], [frame, BYE]]) {
      const result = { kind: "reply", frames, state: 1 } as HandleResult<number>;
      const error = assertThrows(() => toStep(result), TypeError);
      assertEquals(error.message, `Cannot send a frame as ${wanted}: received ${shown}`);
    }
  }
});

Deno.test("toOkStep() rejects a frame of init that cannot be sent", () => {
  // Without frames is what init may do; handle may not reply without.
  for (const [frame, wanted, shown] of NOT_SENDABLE.slice(1)) {
    const result = { kind: "ok", frames: frame, state: 1 } as OkResult<number>;
    const error = assertThrows(() => toOkStep(result), TypeError);
    assertEquals(error.message, `Cannot send a frame as ${wanted}: received ${shown}`);
  }
});

Deno.test("toStep() rejects a hole in a list of frames", () => {
  const frames: OutFrame[] = [ONE];
  frames[2] = TWO;
  const error = assertThrows(() => toStep({ kind: "reply", frames, state: 1 }), TypeError);
  assertEquals(error.message, `Cannot send a frame as ${KIND}: received undefined`);
});

Deno.test("toStep() rejects a close frame that close() would not make", () => {
  const rows = [
    [1005, "", RangeError, '"code" must be 1000-1003, 1007-1014 or 3000-4999: received 1005'],
    ["1000", "", RangeError, '"code" must be 1000-1003, 1007-1014 or 3000-4999: received 1000'],
    [1000, "a".repeat(124), RangeError, '"reason" must be at most 123 bytes: received 124'],
    [1000, 5, TypeError, '"reason" must be a string: received number'],
  ] as const;
  for (const [code, reason, errorClass, tail] of rows) {
    const frames = [{ kind: "close", code, reason }] as never;
    const error = assertThrows(() => toStep({ kind: "reply", frames, state: 1 }), errorClass);
    assertEquals(error.message, `Cannot build a close frame as ${tail}`);
  }
});

Deno.test("toStep() fills in the code and the reason that a close frame lacks", () => {
  const rows = [
    [{}, close(1000)],
    [{ code: 4000 }, close(4000)],
    [{ reason: "bye" }, close(1000, "bye")],
  ] as const;
  for (const [parts, bye] of rows) {
    const frames = { kind: "close", ...parts } as OutFrame;
    const stop = { kind: "stop", frames: [], state: 1, close: bye } as const;
    assertEquals(toStep({ kind: "reply", frames, state: 1 }), stop);
    assertEquals(toOpeningStep({ kind: "ok", frames, state: 1 }), stop);
  }
});

Deno.test("toStep() takes every Uint8Array, a view into a larger buffer too, and does not copy it", () => {
  for (const data of [new Uint8Array(new ArrayBuffer(8), 2, 4), new Uint8Array(), Buffer.of(1)]) {
    const frames = binary(data);
    const step = toStep({ kind: "reply", frames, state: 1 });
    assertStrictEquals(step.frames, frames);
  }
});

Deno.test("isList() tells a list from a frame", () => {
  assertEquals([isList([]), isList([ONE]), isList(ONE)], [true, true, false]);
});
