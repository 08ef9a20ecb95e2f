// The grid: every callback with every kind of answer, then every reason, the timeout and hibernation.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotStrictEquals,
  assertStrictEquals,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { binary, close, Connections, type OutFrame, text } from "../mod.ts";
import type { InitResult, TerminateReason, WebsocketHandler } from "../mod.ts";
import { connect, type TestClient } from "../testing.ts";
import {
  BADENCODING,
  BADFRAME,
  BADSIZE,
  CLOSED,
  crash,
  DRAIN,
  HEARTBEAT,
  OVERFLOW,
  remote,
  SHUTDOWN,
  SLOW,
  TIMEOUT,
} from "./_reasons.ts";
import { acceptConnection, openConnection, ScriptedLine } from "./_scripted_line.ts";

type Callback = "init" | "handle" | "info";

interface Row {
  readonly does: string;
  /** What the callback does. Frames go with `"ok"` in `init` and with `"reply"` in the other two. */
  readonly answer: (kind: "ok" | "reply") => unknown;
  readonly received: readonly OutFrame[];
  /** Why it ends at once; left out, the connection goes on until the client drops it. */
  readonly reason?: TerminateReason;
  /** What the callback throws: the end is a crash. */
  readonly throws?: new () => Error;
  /** What the client gets instead of a 101 when `init` does it. */
  readonly refusal?: number;
}

class Boom extends Error {}

const CALLBACKS: readonly Callback[] = ["init", "handle", "info"];

const ROWS: readonly Row[] = [
  {
    does: "answers ok",
    answer: () => ({ kind: "ok", state: "after" }),
    received: [],
  },
  {
    does: "answers one frame",
    answer: (kind) => ({ kind, frames: text("one"), state: "after" }),
    received: [text("one")],
  },
  {
    does: "answers many frames",
    answer: (kind) => ({ kind, frames: [text("1"), binary(BYTES), text("")], state: "after" }),
    received: [text("1"), binary(new Uint8Array([0, 255])), text("")],
  },
  {
    does: "answers an empty list",
    answer: (kind) => ({ kind, frames: [], state: "after" }),
    received: [],
  },
  {
    does: "answers a close frame",
    answer: (kind) => ({ kind, frames: close(4000, "enough"), state: "after" }),
    received: [close(4000, "enough")],
    reason: SHUTDOWN,
  },
  {
    does: "answers a close frame without a reason",
    answer: (kind) => ({ kind, frames: { kind: "close", code: 4000 }, state: "after" }),
    received: [close(4000)],
    reason: SHUTDOWN,
  },
  {
    does: "answers a close frame with neither code nor reason",
    answer: (kind) => ({ kind, frames: [text("1"), { kind: "close" }], state: "after" }),
    received: [text("1"), close(1000)],
    reason: SHUTDOWN,
  },
  {
    does: "answers frames around a close frame",
    answer: (kind) => ({
      kind,
      frames: [text("a"), close(), text("b"), close(4000)],
      state: "after",
    }),
    received: [text("a"), close(1000)],
    reason: SHUTDOWN,
  },
  {
    does: "answers shutdown",
    answer: () => ({ kind: "shutdown", state: "after" }),
    received: [close(1000)],
    reason: SHUTDOWN,
    refusal: 400,
  },
  {
    does: "throws",
    answer: () => {
      throw new Boom();
    },
    received: [close(1011)],
    throws: Boom,
    refusal: 500,
  },
  {
    does: "rejects",
    answer: () => Promise.reject(new Boom()),
    received: [close(1011)],
    throws: Boom,
    refusal: 500,
  },
  {
    does: "promises ok",
    answer: () => Promise.resolve({ kind: "ok", state: "after" }),
    received: [],
  },
  {
    does: "promises a frame",
    answer: (kind) => Promise.resolve({ kind, frames: text("one"), state: "after" }),
    received: [text("one")],
  },
  {
    does: "promises shutdown",
    answer: () => Promise.resolve({ kind: "shutdown", state: "after" }),
    received: [close(1000)],
    reason: SHUTDOWN,
    refusal: 400,
  },
  {
    does: "answers garbage",
    answer: () => ({ kind: "nope", state: "after" }),
    received: [close(1011)],
    throws: TypeError,
    refusal: 500,
  },
  {
    does: "promises garbage",
    answer: () => Promise.resolve(undefined),
    received: [close(1011)],
    throws: TypeError,
    refusal: 500,
  },
];

const BYTES = new Uint8Array([0, 255]);

for (const callback of CALLBACKS) {
  for (const { does, answer, received, reason, throws, refusal } of ROWS) {
    const refused = callback === "init" && refusal !== undefined;
    Deno.test(`${callback}() ${does}`, async () => {
      const outcome = await play(callback, answer);
      const [error] = outcome.told;

      assertEquals(outcome.status, refused ? refusal : 101);
      assertEquals(outcome.received, refused ? [] : received);
      assertEquals(outcome.told.length, throws === undefined ? 0 : 1);
      if (throws !== undefined) assertInstanceOf(error, throws);
      assertEquals(outcome.states, refused ? [] : [throws === undefined ? "after" : "before"]);
      const expected = throws === undefined ? reason ?? CLOSED : crash(error);
      assertEquals(outcome.reasons, refused ? [] : [expected]);
    });
  }
}

const GARBAGE: Readonly<Record<string, (kind: "ok" | "reply") => unknown>> = {
  "undefined": () => undefined,
  "null": () => null,
  "a number": () => 1,
  "a string": () => "ok",
  "a function": () => () => ({ kind: "ok", state: 1 }),
  "an empty object": () => ({}),
  "an empty list": () => [],
  "an unknown kind": () => ({ kind: "nope", state: 1 }),
  "null for frames": (kind) => ({ kind, frames: null, state: 1 }),
  "a string for frames": (kind) => ({ kind, frames: "hi", state: 1 }),
  "a set of frames": (kind) => ({ kind, frames: new Set([text("hi")]), state: 1 }),
  "undefined for a frame": (kind) => ({ kind, frames: [undefined], state: 1 }),
  "a hole for a frame": (kind) => ({ kind, frames: new Array(1), state: 1 }),
  "a frame of no kind": (kind) => ({ kind, frames: { data: "hi" }, state: 1 }),
  "a ping": (kind) => ({ kind, frames: { kind: "ping", data: BYTES }, state: 1 }),
  "a text frame of bytes": (kind) => ({ kind, frames: { kind: "text", data: BYTES }, state: 1 }),
  "a binary frame of text": (kind) => ({ kind, frames: { kind: "binary", data: "" }, state: 1 }),
  "a binary frame of a list": (kind) => ({ kind, frames: { kind: "binary", data: [1] }, state: 1 }),
  "a binary frame of a buffer": (kind) => ({
    kind,
    frames: { kind: "binary", data: BYTES.buffer },
    state: 1,
  }),
  "a binary frame of shared memory": (kind) => ({
    kind,
    frames: { kind: "binary", data: new Uint8Array(new SharedArrayBuffer(1)) },
    state: 1,
  }),
  "garbage behind a good frame": (kind) => ({ kind, frames: [text("hi"), null], state: 1 }),
  "close code 1005": (kind) => ({
    kind,
    frames: { kind: "close", code: 1005, reason: "" },
    state: 1,
  }),
  "a close reason of 124 bytes": (kind) => ({
    kind,
    frames: { kind: "close", code: 1000, reason: "é".repeat(62) },
    state: 1,
  }),
  "timeout 0": (kind) => ({ kind, frames: [], state: 1, timeout: 0 }),
  "timeout -1": (kind) => ({ kind, frames: [], state: 1, timeout: -1 }),
  "timeout NaN": (kind) => ({ kind, frames: [], state: 1, timeout: NaN }),
  "timeout -Infinity": (kind) => ({ kind, frames: [], state: 1, timeout: -Infinity }),
  "timeout null": (kind) => ({ kind, frames: [], state: 1, timeout: null }),
  "a timeout of 2 ** 31": (kind) => ({ kind, frames: [], state: 1, timeout: 2 ** 31 }),
  "a BigInt for a timeout": (kind) => ({ kind, frames: [], state: 1, timeout: 5n }),
  "a string for a timeout": (kind) => ({ kind, frames: [], state: 1, timeout: "50" }),
  "a Date for a timeout": (kind) => ({ kind, frames: [], state: 1, timeout: new Date(50) }),
  "what has the value of a timeout": (kind) => ({
    kind,
    frames: [],
    state: 1,
    timeout: { valueOf: () => 50 },
  }),
  "a state that cannot be cloned": (kind) => ({
    kind,
    frames: [],
    state: { list: [() => {}] },
    hibernate: true,
  }),
};

const INIT_GARBAGE: Readonly<Record<string, () => unknown>> = {
  "reply": () => ({ kind: "reply", frames: text("hi"), state: 1 }),
  "a protocol not offered": () => ({ kind: "ok", state: 1, protocol: "nope" }),
  "an empty protocol": () => ({ kind: "ok", state: 1, protocol: "" }),
  "a header of the handshake": () => ({ kind: "ok", state: 1, headers: { Upgrade: "h2c" } }),
  "the header connection": () => ({ kind: "ok", state: 1, headers: { connection: "close" } }),
  "the header sec-websocket-accept": () => ({
    kind: "ok",
    state: 1,
    headers: [["Sec-WebSocket-Accept", "x"]],
  }),
  "the header sec-websocket-protocol": () => ({
    kind: "ok",
    state: 1,
    headers: new Headers({ "sec-websocket-protocol": "chat" }),
  }),
  "the header sec-websocket-extensions": () => ({
    kind: "ok",
    state: 1,
    headers: { "sec-websocket-extensions": "permessage-deflate" },
  }),
  "the header content-length": () => ({ kind: "ok", state: 1, headers: { "Content-Length": "0" } }),
  "the header transfer-encoding": () => ({
    kind: "ok",
    state: 1,
    headers: { "transfer-encoding": "chunked" },
  }),
  "an invalid header name": () => ({ kind: "ok", state: 1, headers: { "a b": "c" } }),
  "an invalid header value": () => ({ kind: "ok", state: 1, headers: { a: "b\r\nc: d" } }),
  "a string for a response": () => ({ kind: "shutdown", response: "no" }),
  "a response of 101": () => ({
    kind: "shutdown",
    response: new Response(null, { status: 101 }),
  }),
  "a used response": async () => {
    const response = new Response("used");
    await response.text();
    return { kind: "shutdown", response };
  },
};

for (const callback of CALLBACKS) {
  for (const [name, answer] of Object.entries(GARBAGE)) {
    Deno.test(`${callback}() that answers ${name} crashes`, async () => {
      assertCrashed(callback, await play(callback, answer));
    });
  }
}

for (const [name, answer] of Object.entries(INIT_GARBAGE)) {
  Deno.test(`init() that answers ${name} crashes`, async () => {
    assertCrashed("init", await play("init", answer));
  });
}

for (const callback of ["handle", "info"] as const) {
  Deno.test(`${callback}() that answers reply without frames crashes`, async () => {
    assertCrashed(callback, await play(callback, () => ({ kind: "reply", state: 1 })));
  });
}

Deno.test("a result that names its fault says where in the state it is", async () => {
  const answer = () => ({ kind: "ok", state: { list: [() => {}] }, hibernate: true });
  const { told: [error] } = await play("handle", answer);

  assertInstanceOf(error, TypeError);
  assertMatch(error.message, /^Cannot hibernate as "state.list\[0\]" must be clonable/);
});

Deno.test("init's frames go out with the bytes they had", async () => {
  const bytes = new Uint8Array([1]);
  const connection = await acceptConnection({
    init: () => ({ kind: "ok", state: null, frames: [binary(bytes), text("")] }),
    handle: (_frame, state) => ({ kind: "ok", state }),
  });
  const line = new ScriptedLine();

  bytes[0] = 2;
  connection.open(line);

  assertEquals(line.sent, [binary(new Uint8Array([1])), text("")]);
});

interface Outcome {
  readonly status: number;
  readonly received: readonly OutFrame[];
  readonly told: readonly unknown[];
  readonly reasons: readonly TerminateReason[];
  readonly states: readonly string[];
}

/** Lets one callback answer once, drops the line if that did not end it, and tells what came of it. */
async function play(callback: Callback, answer: Row["answer"]): Promise<Outcome> {
  const told: unknown[] = [];
  const reasons: TerminateReason[] = [];
  const states: string[] = [];
  const handler: WebsocketHandler<string, string> = {
    init: () => callback === "init" ? answer("ok") as never : { kind: "ok", state: "before" },
    handle: () => answer("reply") as never,
    info: () => answer("reply") as never,
    terminate: (reason, state) => void [reasons.push(reason), states.push(state)],
  };
  const client = await connect(handler, { onError: (error) => told.push(error) });
  if (callback === "handle") client.send(text("go"));
  if (callback === "info") client.self.send("go");
  await turn();
  client.drop();
  await turn();
  const received = await receiveAll(client);
  return { status: client.response.status, received, told, reasons, states };
}

function assertCrashed(callback: Callback, { status, received, told, reasons, states }: Outcome) {
  const isRefused = callback === "init";
  const [error] = told;
  assertInstanceOf(error, Error);
  assert(error instanceof TypeError || error instanceof RangeError);
  assertEquals(told.length, 1);
  assertEquals(status, isRefused ? 500 : 101);
  assertEquals(received, isRefused ? [] : [close(1011)]);
  assertEquals(reasons, isRefused ? [] : [crash(error)]);
  assertEquals(states, isRefused ? [] : ["before"]);
}

interface Scene {
  readonly client: TestClient<string>;
  readonly time: FakeTime;
  readonly connections: Connections<string>;
}

interface End {
  readonly when: string;
  readonly happens: (scene: Scene) => void;
  readonly reason: TerminateReason;
  readonly received: readonly OutFrame[];
}

const BOOM = new Boom();

const ENDS: readonly End[] = [
  {
    when: "handle answers shutdown",
    happens: ({ client }) => client.send(text("shutdown")),
    reason: SHUTDOWN,
    received: [close(1000)],
  },
  {
    when: "handle replies with a close frame",
    happens: ({ client }) => client.send(text("close")),
    reason: SHUTDOWN,
    received: [close(4000, "enough")],
  },
  {
    when: "nothing is received for the timeout",
    happens: ({ time }) => time.tick(100),
    reason: TIMEOUT,
    received: [close(1000)],
  },
  {
    when: "its group is drained",
    happens: ({ connections }) => void connections.drain(),
    reason: DRAIN,
    received: [close(1001)],
  },
  {
    when: "its group is drained with a code and a reason",
    happens: ({ connections }) => void connections.drain({ code: 1012, reason: "restart" }),
    reason: DRAIN,
    received: [close(1012, "restart")],
  },
  {
    when: "the client closes",
    happens: ({ client }) => client.close(3000, "bye"),
    reason: remote(3000, "bye"),
    received: [],
  },
  {
    when: "the client closes without a code",
    happens: ({ client }) => client.close(),
    reason: remote(1005),
    received: [],
  },
  {
    when: "the line is lost",
    happens: ({ client }) => client.drop(),
    reason: CLOSED,
    received: [],
  },
  {
    when: "a message is too long",
    happens: ({ client }) => client.send(text("x".repeat(33))),
    reason: BADSIZE,
    received: [close(1009)],
  },
  {
    when: "too many messages wait",
    happens: ({ client }) => ["wait", "1", "2", "3"].forEach((data) => client.send(text(data))),
    reason: OVERFLOW,
    received: [close(1013)],
  },
  {
    when: "too many infos wait",
    happens: ({ client }) => {
      client.send(text("wait"));
      for (const info of ["1", "2", "3"]) client.self.send(info);
    },
    reason: OVERFLOW,
    received: [close(1013)],
  },
  {
    when: "too many bytes wait",
    happens: ({ client }) => {
      for (const data of ["wait", "x".repeat(32), "x".repeat(9)]) client.send(text(data));
    },
    reason: OVERFLOW,
    received: [close(1013)],
  },
  {
    when: "handle throws",
    happens: ({ client }) => client.send(text("throw")),
    reason: crash(BOOM),
    received: [close(1011)],
  },
];

for (const { when, happens, reason, received } of ENDS) {
  Deno.test(`a connection ends with ${inShort(reason)} when ${when}`, async () => {
    using time = new FakeTime();
    const connections = new Connections<string>();
    const reasons: TerminateReason[] = [];
    const client = await connect<null, string>({
      init: () => ({ kind: "ok", state: null, timeout: 100 }),
      handle: async ({ data }, state) => {
        if (data === "throw") throw BOOM;
        if (data === "wait") await time.delay(0);
        if (data === "close") return { kind: "reply", frames: close(4000, "enough"), state };
        return { kind: data === "shutdown" ? "shutdown" : "ok", state };
      },
      info: (_info, state) => ({ kind: "ok", state }),
      terminate: (why) => void reasons.push(why),
    }, { connections, maxMessageSize: 32, maxMailbox: 2, maxMailboxBytes: 40, onError: () => {} });

    happens({ client, time, connections });

    assertEquals(await client.terminated, reason);
    assertEquals(reasons, [reason]);
    assertEquals(await receiveAll(client), received);
  });
}

Deno.test("a connection ends with error/slow when the client does not read", async () => {
  const ends: unknown[] = [];
  const { connection, line } = await openConnection({
    init: () => ({ kind: "ok", state: 0 }),
    handle: (frame, count) => ({ kind: "reply", frames: [frame, frame], state: count + 1 }),
    terminate: (reason, count) => void ends.push({ reason, count }),
  }, { maxBuffered: 9 });

  connection.receive(text("12345"));

  assertEquals(ends, [{ reason: SLOW, count: 1 }]);
  assertEquals(line.closes, [close(1013)]);
});

const LINE_ENDS: readonly (readonly [TerminateReason, readonly OutFrame[]])[] = [
  [BADENCODING, [close(1007)]],
  [BADFRAME, [close(1002)]],
  [BADSIZE, [close(1009)]],
  [HEARTBEAT, [close(1001)]],
  [CLOSED, []],
  [remote(1001, "gone"), []],
];

for (const [reason, closes] of LINE_ENDS) {
  Deno.test(`a connection ends with ${inShort(reason)} when the line says so`, async () => {
    const reasons: TerminateReason[] = [];
    const { connection, line } = await openConnection({
      init: () => ({ kind: "ok", state: null }),
      handle: (_frame, state) => ({ kind: "ok", state }),
      terminate: (why) => void reasons.push(why),
    });

    connection.lose(reason);
    await turn();

    assertEquals(reasons, [reason]);
    assertEquals(line.closes, closes);
  });
}

Deno.test("timeout starts at the open", async () => {
  using time = new FakeTime();
  const connection = await acceptConnection(silent(100));
  const line = new ScriptedLine();
  await pass(time, 1_000);

  connection.open(line);
  await pass(time, 99);
  assertEquals(line.closes, []);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout starts anew with each message", async () => {
  using time = new FakeTime();
  const { connection, line } = await openConnection(silent(100));
  for (let count = 0; count < 5; count++) {
    await pass(time, 99);
    connection.receive(text(""));
  }
  await pass(time, 99);
  assertEquals(line.closes, []);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout starts anew, and is not doubled, with a message of the open's millisecond", async () => {
  using time = new FakeTime();
  const { connection, line } = await openConnection(silent(100));
  connection.receive(text(""));
  await pass(time, 99);
  assertEquals(line.closes, []);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout that is over ends the connection when its timer is late", async () => {
  const { connection, line } = await openConnection(silent(30));
  const opened = Date.now();
  sleepUntil(opened + 2);
  connection.receive(text(""));
  sleepUntil(opened + 40);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const closes = [...line.closes];
  connection.lose(CLOSED);
  assertEquals(closes, [close(1000)]);
});

Deno.test("timeout starts anew with a message that waits for a callback", async () => {
  using time = new FakeTime();
  const done = Promise.withResolvers<void>();
  const { connection, line } = await openConnection({
    init: () => ({ kind: "ok", state: null, timeout: 100 }),
    handle: (_frame, state) => done.promise.then(() => ({ kind: "ok", state })),
  });
  connection.receive(text(""));
  await pass(time, 99);
  connection.receive(text(""));
  await pass(time, 99);
  done.resolve();
  await pass(time, 0);
  assertEquals(line.closes, []);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout goes on while a callback is pending, and ends the connection behind it", async () => {
  using time = new FakeTime();
  const done = Promise.withResolvers<void>();
  const { connection, line } = await openConnection({
    init: () => ({ kind: "ok", state: null, timeout: 100 }),
    handle: (frame, state) => done.promise.then(() => ({ kind: "reply", frames: frame, state })),
  });
  connection.receive(text("late"));
  await pass(time, 100);
  assertEquals([line.sent, line.closes], [[], []]);
  done.resolve();
  await pass(time, 0);
  assertEquals(line.sent, [text("late")]);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout does not start anew with infos, nor with what they send", async () => {
  using time = new FakeTime();
  const { connection, line } = await openConnection<null, string>({
    init: () => ({ kind: "ok", state: null, timeout: 100 }),
    handle: (_frame, state) => ({ kind: "ok", state }),
    info: (news, state) => ({ kind: "reply", frames: text(news), state }),
  });
  await pass(time, 60);
  connection.self.send("news");
  await pass(time, 39);
  assertEquals([line.sent, line.closes], [[text("news")], []]);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout does not start anew when a result repeats it", async () => {
  using time = new FakeTime();
  const { connection, line } = await openConnection(setByInfo(100));
  await pass(time, 60);
  connection.self.send(100);
  await pass(time, 39);
  assertEquals(line.closes, []);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout stays when a result leaves it out", async () => {
  using time = new FakeTime();
  const { connection, line } = await openConnection(setByInfo(100));
  connection.self.send(undefined);
  await pass(time, 99);
  assertEquals(line.closes, []);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout made longer counts the silence so far", async () => {
  using time = new FakeTime();
  const { connection, line } = await openConnection(setByInfo(100));
  await pass(time, 60);
  connection.self.send(200);
  await pass(time, 139);
  assertEquals(line.closes, []);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout made shorter than the silence so far ends the connection", async () => {
  using time = new FakeTime();
  const { connection, line } = await openConnection(setByInfo(100));
  await pass(time, 60);
  connection.self.send(30);
  await pass(time, 0);
  await pass(time, 0);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout Infinity turns it off, and a later number on again", async () => {
  using time = new FakeTime();
  const { connection, line } = await openConnection(setByInfo(100));
  connection.self.send(Infinity);
  await pass(time, 1_000_000);
  assertEquals(line.closes, []);

  connection.self.send(50);
  await pass(time, 49);
  assertEquals(line.closes, []);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout is off when init leaves it out", async () => {
  using time = new FakeTime();
  const { line } = await openConnection(silent());
  await pass(time, 2 ** 31);
  assertEquals(line.closes, []);
  assertEquals(time.next(), false);
});

Deno.test("timeout takes 2 ** 31 - 1 milliseconds", async () => {
  using time = new FakeTime();
  const { line } = await openConnection(silent(2 ** 31 - 1));
  await pass(time, 2 ** 31 - 2);
  assertEquals(line.closes, []);
  await pass(time, 1);
  assertEquals(line.closes, [close(1000)]);
});

Deno.test("timeout leaves no timer behind an end", async () => {
  using time = new FakeTime();
  const { connection, line } = await openConnection(silent(100));
  connection.lose(CLOSED);
  await pass(time, 0);
  assertEquals(time.next(), false);
  assertEquals(line.closes, []);
});

function silent(timeout?: number): WebsocketHandler<null> {
  const first: InitResult<null> = { kind: "ok", state: null };
  return {
    init: () => timeout === undefined ? first : { ...first, timeout },
    handle: (_frame, state) => ({ kind: "ok", state }),
  };
}

function setByInfo(timeout: number): WebsocketHandler<null, number | undefined> {
  return {
    init: () => ({ kind: "ok", state: null, timeout }),
    handle: (_frame, state) => ({ kind: "ok", state }),
    info: (later, state) => ({ kind: "ok", state, ...later !== undefined && { timeout: later } }),
  };
}

Deno.test("hibernate gives the next callback an equal clone", async () => {
  const state = { list: [1, { deep: new Set(["x"]) }], when: new Date(0), bytes: BYTES };
  const seen: typeof state[] = [];
  const client = await connect({
    init: () => ({ kind: "ok", state, hibernate: true }),
    handle: (_frame, given) => ({ kind: "ok", state: (seen.push(given), given) }),
  });

  client.send(text(""));

  assertEquals(seen, [state]);
  assertNotStrictEquals(seen[0], state);
  assertNotStrictEquals(seen[0]?.list, state.list);
});

Deno.test("hibernate holds for one result only", async () => {
  const seen: object[] = [];
  const client = await connect({
    init: () => ({ kind: "ok", state: { count: 0 }, hibernate: true }),
    handle: (_frame, state) => ({ kind: "ok", state: (seen.push(state), state) }),
  });

  client.send(text("1"));
  client.send(text("2"));

  assertEquals(seen.length, 2);
  assertStrictEquals(seen[1], seen[0]);
});

Deno.test("hibernate keeps out what happens to the state afterwards", async () => {
  const state = { count: 1 };
  const client = await connect<{ count: number }, string>({
    init: () => ({ kind: "ok", state: { count: 0 } }),
    handle: () => ({ kind: "ok", state, hibernate: true }),
    info: (_info, { count }) => ({ kind: "reply", frames: text(String(count)), state }),
  });

  client.send(text(""));
  state.count = 99;
  client.self.send("show");

  assertEquals(await client.receive(), text("1"));
});

Deno.test("hibernate keeps bytes in a buffer of their own", async () => {
  const seen: Uint8Array[] = [];
  const client = await connect({
    init: () => ({ kind: "ok", state: BYTES, hibernate: true }),
    handle: (_frame, given) => ({ kind: "ok", state: (seen.push(given), given) }),
  });

  client.send(text(""));

  assertEquals(seen, [BYTES]);
  assertEquals(seen[0]?.buffer.byteLength, BYTES.length);
});

Deno.test("hibernate keeps undefined, a primitive and a cycle", async () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  for (const state of [undefined, null, 0, "text", NaN, -0, 1n, cycle]) {
    const seen: unknown[] = [];
    const client = await connect({
      init: () => ({ kind: "ok", state, hibernate: true }),
      handle: (_frame, given) => ({ kind: "ok", state: (seen.push(given), given) }),
    });
    client.send(text(""));
    assertEquals(seen, [state]);
  }
});

Deno.test("hibernate gives terminate an equal clone", async () => {
  const state = { count: 1 };
  const seen: object[] = [];
  const client = await connect({
    init: () => ({ kind: "ok", state, hibernate: true }),
    handle: (_frame, given) => ({ kind: "ok", state: given }),
    terminate: (_reason, given) => void seen.push(given),
  });

  client.drop();
  await client.terminated;

  assertEquals(seen, [{ count: 1 }]);
  assertNotStrictEquals(seen[0], state);
});

Deno.test("hibernate of a state that cannot be cloned sends nothing of the reply", async () => {
  const { received, states } = await play("handle", () => ({
    kind: "reply",
    frames: text("lost"),
    state: Symbol("state"),
    hibernate: true,
  }));
  assertEquals(received, [close(1011)]);
  assertEquals(states, ["before"]);
});

Deno.test("Connections.size counts from the call of init until the end is decided", async () => {
  const connections = new Connections();
  const sizes: Record<string, number> = {};
  const note = (place: string) => sizes[place] = connections.size;
  const client = await connect({
    init: () => (note("init"), Promise.resolve({ kind: "ok", state: null })),
    handle: (_frame, state) => (note("handle"), { kind: "shutdown", state }),
    terminate: () => void note("terminate"),
  }, { connections });

  note("open");
  client.send(text(""));
  note("after");

  assertEquals(sizes, { init: 1, open: 1, handle: 1, terminate: 0, after: 0 });
});

Deno.test("Connections.size counts a connection whose end waits behind a callback", async () => {
  const connections = new Connections();
  const done = Promise.withResolvers<void>();
  const client = await connect({
    init: () => ({ kind: "ok", state: null }),
    handle: (_frame, state) => done.promise.then(() => ({ kind: "ok", state })),
  }, { connections });

  client.send(text(""));
  client.drop();
  await turn();
  assertEquals(connections.size, 1);

  done.resolve();
  await client.terminated;
  assertEquals(connections.size, 0);
});

Deno.test("Connections.size does not count what init refuses", async () => {
  const connections = new Connections();
  const sizes: number[] = [];
  const client = await connect({
    init: async () => {
      await turn();
      sizes.push(connections.size);
      return { kind: "shutdown" };
    },
    handle: (_frame, state: null) => ({ kind: "ok", state }),
  }, { connections });

  assertEquals(client.response.status, 400);
  assertEquals([...sizes, connections.size], [1, 0]);
});

Deno.test("Connections.size does not count what overflows while init is pending", async () => {
  const connections = new Connections<string>();
  const sizes: number[] = [];
  const client = await connect<null, string>({
    init: (_request, self) => {
      for (const info of ["1", "2"]) self.send(info);
      return { kind: "ok", state: null };
    },
    handle: (_frame, state) => ({ kind: "ok", state }),
    info: (_info, state) => ({ kind: "ok", state }),
    terminate: () => void sizes.push(connections.size),
  }, { connections, maxMailbox: 1 });

  assertEquals(client.response.status, 503);
  assertEquals(await client.terminated, OVERFLOW);
  assertEquals([...sizes, connections.size], [0, 0]);
});

/** What the client still has to receive. Its connection must have ended. */
async function receiveAll({ receive }: { receive: () => Promise<OutFrame> }): Promise<OutFrame[]> {
  const frames: OutFrame[] = [];
  for (;;) {
    try {
      frames.push(await receive());
    } catch {
      return frames;
    }
  }
}

/** Lets all microtasks run. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Keeps the event loop from turning until the clock says so. */
function sleepUntil(end: number): void {
  while (Date.now() < end);
}

/** Lets time pass, and then all microtasks run. */
async function pass(time: FakeTime, ms: number): Promise<void> {
  await time.tickAsync(ms);
  await time.runMicrotasks();
}

function inShort(reason: TerminateReason): string {
  return reason.kind === "remote" ? `remote ${reason.code}` : `${reason.kind}/${reason.cause}`;
}
