import { assertEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { close, type CloseFrame } from "../frame.ts";
import type { TerminateReason } from "../handler.ts";
import { Connections, type DrainOptions, registryOf } from "../_connection/connections.ts";
import type { Member, Registry } from "../_connection/registry.ts";

const DRAIN: TerminateReason = { kind: "normal", cause: "drain" };

/** A member that notes what it is sent and told. */
class TestMember implements Member<string> {
  readonly infos: string[] = [];
  readonly told: unknown[] = [];
  readonly self = {
    send: (info: string) => this.listens && this.infos.push(info) > 0,
    signal: new AbortController().signal,
    buffered: 0,
  };
  readonly listens: boolean;

  constructor(listens = true) {
    this.listens = listens;
  }

  stop(reason: TerminateReason, close: CloseFrame): void {
    this.told.push(["stop", reason, close]);
  }

  end(reason: TerminateReason, close: CloseFrame): void {
    this.told.push(["end", reason, close]);
  }
}

Deno.test("Connections.size and its iterator follow who joins, leaves and is turned away", () => {
  const connections = new Connections<string>();
  const [a, b] = [new TestMember(), new TestMember()];
  const names = new Map([[a.self, "a"], [b.self, "b"]]);
  const here = [
    (registry: Registry<string>) => registry.join(a),
    (registry: Registry<string>) => registry.join(b),
    (registry: Registry<string>) => registry.leave(a),
    (registry: Registry<string>) => registry.turnAway(b),
  ].map((change) => {
    change(inside(connections));
    return [connections.size, ...[...connections].map((self) => names.get(self as typeof a.self))];
  });
  assertEquals(here, [[1, "a"], [2, "a", "b"], [1, "b"], [0]]);
});

Deno.test("Connections.send() sends to all and counts who took it", () => {
  const connections = new Connections<string>();
  const members = [new TestMember(), new TestMember(false), new TestMember()];
  assertEquals(connections.send("nobody"), 0);
  for (const member of members) inside(connections).join(member);
  assertEquals(connections.send("news"), 2);
  assertEquals(members.map(({ infos }) => infos), [["news"], [], ["news"]]);
});

Deno.test("Connections.send() goes on when one leaves because of it", () => {
  const connections = new Connections<string>();
  const registry = inside(connections);
  const [first, last] = [new TestMember(), new TestMember()];
  const leaver = {
    self: { ...first.self, send: () => (registry.leave(leaver), false) },
    stop: () => {},
    end: () => {},
  };
  for (const member of [first, leaver, last]) registry.join(member);
  assertEquals([connections.send("news"), connections.size], [2, 2]);
  assertEquals([first.infos, last.infos], [["news"], ["news"]]);
});

Deno.test("Connections takes as many as max says", () => {
  const connections = new Connections<string>({ max: 1 });
  assertEquals(inside(connections).isClosed, false);
  inside(connections).join(new TestMember());
  assertEquals(inside(connections).isClosed, true);
  assertEquals(inside(new Connections({ max: 0 })).isClosed, true);
  assertEquals(inside(new Connections({ max: Infinity })).isClosed, false);
});

Deno.test("Connections rejects a max that is no count and names it", () => {
  const rows = [
    [-1, RangeError, "at least 0: received -1"],
    [NaN, RangeError, "at least 0: received NaN"],
    ["5", TypeError, 'a number: received "5"'],
    [5n, TypeError, "a number: received 5n"],
  ] as const;
  for (const [max, errorClass, tail] of rows) {
    const error = assertThrows(() => new Connections({ max: max as never }), errorClass);
    assertEquals(error.message, `Cannot limit connections as "max" must be ${tail}`);
  }
});

Deno.test("Connections.abandoned counts who was let go of and holds the line", () => {
  const connections = new Connections<string>();
  const [polite, stubborn] = [new TestMember(), new TestMember()];
  for (const member of [polite, stubborn]) {
    inside(connections).join(member);
    inside(connections).leave(member);
    inside(connections).release(member, member === stubborn);
  }
  assertEquals(connections.abandoned, 1);
});

Deno.test("Connections.drain() by default says 1001 to all at once and gives up after ten seconds", async () => {
  using time = new FakeTime();
  const connections = new Connections<string>();
  const members = [new TestMember(), new TestMember()];
  for (const member of members) inside(connections).join(member);
  const drained = connections.drain();
  const stop = ["stop", DRAIN, close(1001)];
  assertEquals(members.map(({ told }) => told), [[stop], [stop]]);
  time.tick(9_999);
  await time.runMicrotasks();
  assertEquals(members.map(({ told }) => told.length), [1, 1]);
  time.tick(1);
  assertEquals(await drained, { drained: 0, abandoned: 2 });
  assertEquals(members[0]?.told, [stop, ["end", DRAIN, close(1001)]]);
});

Deno.test("Connections.drain() takes code, reason, spread and deadline", async () => {
  using time = new FakeTime();
  const connections = new Connections<string>();
  const members = [new TestMember(), new TestMember()];
  for (const member of members) inside(connections).join(member);
  const options = { code: 4000, reason: "bye", spread: 40, deadline: 30 };
  const drained = connections.drain(options);
  assertEquals(members.map(({ told }) => told), [[["stop", DRAIN, close(4000, "bye")]], []]);
  time.tick(29);
  await time.runMicrotasks();
  assertEquals(members.map(({ told }) => told.length), [1, 1]);
  time.tick(1);
  assertEquals(await drained, { drained: 0, abandoned: 2 });
});

Deno.test("Connections.drain() takes no new ones, at once and for good", async () => {
  const connections = new Connections<string>();
  const drained = connections.drain();
  assertEquals(inside(connections).isClosed, true);
  assertEquals(await drained, { drained: 0, abandoned: 0 });
  assertEquals(await connections.drain(), { drained: 0, abandoned: 0 });
  assertEquals(inside(connections).isClosed, true);
});

Deno.test("Connections.drain() throws at the call for a wrong option, and nothing is drained", () => {
  const rows: readonly (readonly [DrainOptions, typeof Error, string])[] = [
    [
      { code: 1005 },
      RangeError,
      `build a close frame as "code" must be 1000-1003, 1007-1014 or 3000-4999: received 1005`,
    ],
    [
      { reason: "a".repeat(124) },
      RangeError,
      'build a close frame as "reason" must be at most 123 bytes: received 124',
    ],
    [{ deadline: -1 }, RangeError, 'drain as "deadline" must be 0-2147483647: received -1'],
    [{ deadline: NaN }, RangeError, 'drain as "deadline" must be 0-2147483647: received NaN'],
    [
      { deadline: 2 ** 31 },
      RangeError,
      'drain as "deadline" must be 0-2147483647: received 2147483648',
    ],
    [
      { deadline: Infinity },
      RangeError,
      'drain as "deadline" must be 0-2147483647: received Infinity',
    ],
    [{ deadline: "5" as never }, TypeError, 'drain as "deadline" must be a number: received "5"'],
    [{ spread: -1 }, RangeError, 'drain as "spread" must be 0-2147483647: received -1'],
    [
      { spread: 2 ** 31 },
      RangeError,
      'drain as "spread" must be 0-2147483647: received 2147483648',
    ],
    [{ spread: {} as never }, TypeError, 'drain as "spread" must be a number: received an object'],
  ];
  const connections = new Connections<string>();
  for (const [options, errorClass, rest] of rows) {
    const error = assertThrows(() => connections.drain(options), errorClass);
    assertEquals(error.message, `Cannot ${rest}`);
  }
  assertEquals(inside(connections).isClosed, false);
});

Deno.test("registryOf() answers undefined for no connections", () => {
  assertEquals(registryOf(undefined), undefined);
});

Deno.test("registryOf() rejects what is not a Connections and names it", () => {
  const rows = [[{}, "an object"], [[], "an array"], [new Set(), "a Set"], [null, "null"]] as const;
  for (const [value, shown] of rows) {
    const error = assertThrows(() => registryOf(value as never), TypeError);
    const wanted = '"connections" must be a Connections';
    assertEquals(error.message, `Cannot serve a WebSocket as ${wanted}: received ${shown}`);
  }
});

function inside(connections: Connections<string>): Registry<string> {
  return registryOf(connections) as Registry<string>;
}
