import { assertEquals, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { close, type CloseFrame } from "../frame.ts";
import type { Self, TerminateReason } from "../handler.ts";
import { type Member, Registry } from "../_connection/registry.ts";

const DRAIN: TerminateReason = { kind: "normal", cause: "drain" };
const BYE = close(1001, "bye");
const DEADLINE = 10_000;

type Told = readonly ["stop" | "end", TerminateReason, CloseFrame];

/** A member that notes what it is told. */
class TestMember implements Member<string> {
  readonly self: Self<string> = {
    send: () => true,
    signal: new AbortController().signal,
    buffered: 0,
  };
  readonly told: Told[] = [];

  stop = (reason: TerminateReason, close: CloseFrame) =>
    void this.told.push(["stop", reason, close]);
  end = (reason: TerminateReason, close: CloseFrame) => void this.told.push(["end", reason, close]);
}

Deno.test("Registry counts those arriving and those live towards its maximum", () => {
  const registry = new Registry<string>(2);
  const [a, b] = [new TestMember(), new TestMember()];
  assertEquals(registry.isClosed, false);
  registry.arrive(a);
  assertEquals(registry.isClosed, false);
  registry.join(a);
  assertEquals(registry.isClosed, false);
  registry.arrive(b);
  assertEquals(registry.isClosed, true);
  registry.join(b);
  assertEquals(registry.isClosed, true);
  registry.leave(a);
  assertEquals(registry.isClosed, false);
});
