import { assertEquals } from "@std/assert";
import { close, type CloseFrame } from "../frame.ts";
import type { TerminateReason } from "../handler.ts";
import {
  CLOSED,
  ERROR_TEXTS,
  fromCloseEvent,
  fromErrorText,
  toCloseFrame,
} from "../_connection/terminate_reason.ts";

const CLOSE_FRAMES: readonly (readonly [TerminateReason, CloseFrame | undefined])[] = [
  [{ kind: "normal", cause: "shutdown" }, close(1000)],
  [{ kind: "normal", cause: "timeout" }, close(1000)],
  [{ kind: "normal", cause: "drain" }, close(1001)],
  [{ kind: "remote", code: 4000, reason: "bye" }, undefined],
  [{ kind: "remote", code: 1005, reason: "" }, undefined],
  [{ kind: "error", cause: "closed" }, undefined],
  [{ kind: "error", cause: "heartbeat" }, close(1001)],
  [{ kind: "error", cause: "badframe" }, close(1002)],
  [{ kind: "error", cause: "badencoding" }, close(1007)],
  [{ kind: "error", cause: "badsize" }, close(1009)],
  [{ kind: "error", cause: "crash", error: new Error("secret") }, close(1011)],
  [{ kind: "error", cause: "overflow" }, close(1013)],
  [{ kind: "error", cause: "slow" }, close(1013)],
];

for (const [reason, frame] of CLOSE_FRAMES) {
  const name = reason.kind === "remote"
    ? `remote ${reason.code}`
    : `${reason.kind}/${reason.cause}`;
  Deno.test(`toCloseFrame() tells the client of ${name} with ${frame?.code ?? "nothing"}`, () => {
    assertEquals(toCloseFrame(reason), frame);
  });
}

Deno.test("fromCloseEvent() takes 0 and 1006 for a line that went away", () => {
  assertEquals(fromCloseEvent(0, ""), CLOSED);
  assertEquals(fromCloseEvent(1006, "whatever"), { kind: "error", cause: "closed" });
});

Deno.test("fromCloseEvent() takes every other code for the client's good-bye", () => {
  for (const code of [1000, 1001, 1005, 1007, 1015, 4000, 4999]) {
    assertEquals(fromCloseEvent(code, "bye"), { kind: "remote", code, reason: "bye" });
  }
  assertEquals(fromCloseEvent(1005, ""), { kind: "remote", code: 1005, reason: "" });
});

const TEXTS: readonly (readonly [text: string, cause: string])[] = [
  ["Invalid UTF-8", "badencoding"],
  ["Invalid string data", "badencoding"],
  ["Invalid close code", "badframe"],
  ["Invalid close frame", "badframe"],
  ["Reserved bits are not zero", "badframe"],
  ["Control frame must not be fragmented", "badframe"],
  ["Ping frame too large", "badframe"],
  ["Invalid value", "badframe"],
  ["Invalid fragment", "badframe"],
  ["Invalid continuation frame", "badframe"],
  ["Frame too large", "badsize"],
  ["No response from ping frame.", "heartbeat"],
];

Deno.test("fromErrorText() knows the texts of Deno", () => {
  for (const [text, cause] of TEXTS) {
    assertEquals<unknown>(fromErrorText(text), { kind: "error", cause });
  }
  assertEquals<unknown>(ERROR_TEXTS, Object.fromEntries(TEXTS));
});

Deno.test("fromErrorText() takes every other text for a line that broke", () => {
  const texts = [
    "",
    "Unexpected EOF",
    "invalid utf-8",
    "Invalid UTF-8 ",
    "Connection reset by peer",
  ];
  const inherited = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];
  for (const text of [...texts, ...inherited]) assertEquals(fromErrorText(text), CLOSED);
});

Deno.test("fromCloseEvent() takes a reason of 124 bytes for a broken frame, one of 123 as it is", () => {
  assertEquals(fromCloseEvent(1000, "x".repeat(124)), { kind: "error", cause: "badframe" });
  const longest = "x".repeat(123);
  assertEquals(fromCloseEvent(1000, longest), { kind: "remote", code: 1000, reason: longest });
});
