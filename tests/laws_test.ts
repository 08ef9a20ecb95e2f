// The ten laws of a connection, each with the cases that could break it.

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { binary, close, Connections, type OutFrame, text } from "../mod.ts";
import type { HandleResult, Self, TerminateReason, WebsocketHandler } from "../mod.ts";
import { connect, type TestClient } from "../testing.ts";
import {
  BADSIZE,
  CLOSED,
  crash,
  DRAIN,
  OVERFLOW,
  remote,
  SHUTDOWN,
  SLOW,
  TIMEOUT,
} from "./_reasons.ts";
import { acceptConnection, openConnection, ScriptedLine } from "./_scripted_line.ts";

const OK = { kind: "ok", state: null } as const;

// Law 1

Deno.test("Law 1: one at a time — a frame waits for the promise of the one before", async () => {
  const log: string[] = [];
  const gates = [gate(), gate()];
  const client = await connect({
    init: () => OK,
    handle: async ({ data }) => {
      log.push(`${data} starts`);
      await gates[Number(data)]?.promise;
      log.push(`${data} ends`);
      return OK;
    },
  });

  client.send(text("0"));
  client.send(text("1"));
  gates[1]?.open();
  await turn();
  assertEquals(log, ["0 starts"]);

  gates[0]?.open();
  await turn();
  assertEquals(log, ["0 starts", "0 ends", "1 starts", "1 ends"]);
});

Deno.test("Law 1: one at a time — an info waits for a frame's promise, a frame for an info's", async () => {
  const log: string[] = [];
  const gates = [gate(), gate()];
  const client = await connect<null, string>({
    init: () => OK,
    handle: async ({ data }) => {
      log.push(`frame ${data}`);
      await gates[0]?.promise;
      return OK;
    },
    info: async (info) => {
      log.push(`info ${info}`);
      await gates[1]?.promise;
      return OK;
    },
  });

  client.send(text("1"));
  client.self.send("2");
  client.send(text("3"));
  await turn();
  assertEquals(log, ["frame 1"]);
  gates[0]?.open();
  await turn();
  assertEquals(log, ["frame 1", "info 2"]);
  gates[1]?.open();
  await turn();
  assertEquals(log, ["frame 1", "info 2", "frame 3"]);
});

Deno.test("Law 1: one at a time — what a callback sends to itself comes after it", async () => {
  const log: string[] = [];
  const client = await connect<null, string>({
    init: () => OK,
    handle: (_frame, _state, self) => {
      assert(self.send("1"));
      log.push("handle ends");
      return OK;
    },
    info: (info, _state, self) => {
      if (info === "1") self.send("2");
      log.push(`info ${info} ends`);
      return OK;
    },
  });

  client.send(text("go"));
  assertEquals(log, ["handle ends"]);
  await turn();
  assertEquals(log, ["handle ends", "info 1 ends", "info 2 ends"]);
});

Deno.test("Law 1: one at a time — what the line brings inside a callback comes after it", async () => {
  const log: string[] = [];
  const { connection } = await openConnection({
    init: () => OK,
    handle: ({ data }) => {
      if (data === "1") connection.receive(text("2"));
      log.push(`${data} ends`);
      return OK;
    },
  });

  connection.receive(text("1"));
  await turn();
  assertEquals(log, ["1 ends", "2 ends"]);
});

Deno.test("Law 1: one at a time — a client that closes inside a callback ends it afterwards", async () => {
  const log: unknown[] = [];
  const client: TestClient = await connect({
    init: () => OK,
    handle: () => {
      client.close(1000, "bye");
      log.push("handle ends");
      return OK;
    },
    terminate: (reason) => void log.push(reason),
  });

  client.send(text("go"));
  await client.terminated;
  assertEquals(log, ["handle ends", remote(1000, "bye")]);
});

Deno.test("Law 1: one at a time — a receiver's info runs after its sender's callback", async () => {
  const log: string[] = [];
  const receiver = await connect<null, string>({
    init: () => OK,
    handle: () => OK,
    info: (info) => {
      log.push(info);
      return OK;
    },
  });
  const sender = await connect({
    init: () => OK,
    handle: () => {
      assert(receiver.self.send("info"));
      log.push("sender ends");
      return OK;
    },
  });

  for (let count = 0; count < 200; count++) {
    log.length = 0;
    sender.send(text("go"));
    assertEquals(log, ["sender ends"]);
    await Promise.resolve();
    assertEquals(log, ["sender ends", "info"]);
  }
});

Deno.test("Law 1: one at a time — a receiver's infos run after it, were they more than may wait", async () => {
  const log: string[] = [];
  const receiver = await connect<null, string>({
    init: () => OK,
    handle: () => OK,
    info: (info) => {
      log.push(info);
      return OK;
    },
  }, { maxMailbox: 1 });
  const sender = await connect({
    init: () => OK,
    handle: () => {
      for (const info of ["1", "2", "3"]) assert(receiver.self.send(info));
      log.push("sender ends");
      return OK;
    },
  });

  sender.send(text("go"));
  assertEquals(log, ["sender ends"]);
  await Promise.resolve();
  assertEquals(log, ["sender ends", "1", "2", "3"]);
});

Deno.test("Law 1: one at a time — a drain inside a callback ends it afterwards", async () => {
  const connections = new Connections();
  const client = await connect({
    init: () => OK,
    handle: (frame, state) => {
      void connections.drain();
      return { kind: "reply", frames: frame, state };
    },
  }, { connections });

  client.send(text("last"));
  assertEquals(await client.terminated, DRAIN);
  assertEquals(await receiveAll(client), [text("last"), close(1001)]);
});

Deno.test("Law 1: one at a time — a drain awaited inside a callback gives up on it at the deadline", async () => {
  using time = new FakeTime();
  const connections = new Connections();
  const results: unknown[] = [];
  const client = await connect({
    init: () => OK,
    handle: async () => {
      results.push(await connections.drain({ deadline: 100 }));
      return OK;
    },
  }, { connections });

  client.send(text("go"));
  await pass(time, 99);
  assertEquals(results, []);
  await pass(time, 1);
  assertEquals(results, [{ drained: 0, abandoned: 1 }]);
  assertEquals(await client.terminated, DRAIN);
});

Deno.test("Law 1: one at a time — terminate waits for a pending promise, the wire does not", async () => {
  const log: unknown[] = [];
  const { promise, open } = gate();
  const client = await connect({
    init: () => OK,
    handle: async () => {
      await promise;
      log.push("handle ends");
      return OK;
    },
    terminate: (reason) => void log.push(reason),
  }, { maxMailbox: 1 });

  for (const data of ["pending", "waits", "overflows"]) client.send(text(data));
  assertEquals(await receiveAll(client), [close(1013)]);
  await turn();
  assertEquals(log, []);

  open();
  assertEquals(await client.terminated, OVERFLOW);
  assertEquals(log, ["handle ends", OVERFLOW]);
});

Deno.test("Law 1: one at a time — a thenable that calls back twice is one result", async () => {
  const states: number[] = [];
  const client = await connect({
    init: () => ({ kind: "ok", state: 0 }),
    handle: (frame, state) => {
      const then = (call: (result: HandleResult<number>) => void, fail: (error: Error) => void) => {
        call({ kind: "reply", frames: frame, state: state + 1 });
        call({ kind: "reply", frames: frame, state: state + 100 });
        fail(new Error("too late"));
      };
      return { then } as PromiseLike<HandleResult<number>>;
    },
    terminate: (_reason, state) => void states.push(state),
  });

  client.send(text("1"));
  client.send(text("2"));
  await turn();
  client.drop();
  assertEquals(await client.terminated, CLOSED);
  assertEquals(states, [2]);
  assertEquals(await receiveAll(client), [text("1"), text("2")]);
});

Deno.test("Law 1: one at a time — a promise whose own then calls back twice is one result", async () => {
  const states: number[] = [];
  const client = await connect({
    init: () => ({ kind: "ok", state: 0 }),
    handle: (_frame, state) => {
      const result = { kind: "ok", state: state + 1 } as const;
      const then = (call: (result: HandleResult<number>) => void) => {
        call(result);
        call({ kind: "ok", state: 100 });
        return Promise.resolve();
      };
      return Object.assign(Promise.resolve(result), { then }) as Promise<HandleResult<number>>;
    },
    terminate: (_reason, state) => void states.push(state),
  });

  client.send(text("go"));
  await turn();
  client.drop();
  assertEquals(await client.terminated, CLOSED);
  assertEquals(states, [1]);
});

Deno.test("Law 1: one at a time — a thousand sync and async callbacks never overlap", async () => {
  const random = randomNumbers(1);
  const seen: string[] = [];
  const sent: string[] = [];
  let running = 0;
  let overlaps = 0;
  const callback = (data: string): HandleResult<null> | Promise<HandleResult<null>> => {
    if (running++ > 0) overlaps++;
    seen.push(data);
    if (random() < 0.5) return end();
    return (random() < 0.5 ? Promise.resolve() : turn()).then(end);
  };
  const end = () => {
    running--;
    return OK;
  };
  const client = await connect<null, string>({
    init: () => OK,
    handle: ({ data }) => callback(String(data)),
    info: callback,
  });

  for (let count = 0; count < 1_000; count++) {
    const data = String(count);
    sent.push(data);
    if (random() < 0.5) client.send(text(data));
    else client.self.send(data);
    if (random() < 0.1) await turn();
  }
  client.close();
  await client.terminated;
  assertEquals(overlaps, 0);
  assertEquals(seen, sent);
});

// Law 2

Deno.test("Law 2: in order — frames and infos that wait for a promise come as they arrived", async () => {
  const seen: string[] = [];
  const { promise, open } = gate();
  const client = await connect<null, string>({
    init: () => OK,
    handle: async ({ data }) => {
      seen.push(`frame ${data}`);
      await promise;
      return OK;
    },
    info: (info) => {
      seen.push(`info ${info}`);
      return OK;
    },
  });

  client.send(text("1"));
  client.self.send("2");
  client.self.send("3");
  client.send(text("4"));
  client.self.send("5");
  client.send(text("6"));
  open();
  await turn();
  assertEquals(seen, ["frame 1", "info 2", "info 3", "frame 4", "info 5", "frame 6"]);
});

Deno.test("Law 2: in order — a frame behind an info of the same turn comes behind it", async () => {
  const client = await connect<null, string>({
    init: () => OK,
    handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
    info: (info, state) => ({ kind: "reply", frames: text(info), state }),
  });

  client.send(text("frame 1"));
  client.self.send("info 2");
  client.send(text("frame 3"));
  client.self.send("info 4");

  for (const data of ["frame 1", "info 2", "frame 3", "info 4"]) {
    assertEquals(await client.receive(), text(data));
  }
});

Deno.test("Law 2: in order — an info that a callback sends comes behind what waits", async () => {
  const seen: string[] = [];
  const client = await connect<null, string>({
    init: () => OK,
    handle: () => OK,
    info: (info, _state, self) => {
      seen.push(info);
      if (info === "1") self.send("3");
      return OK;
    },
  });

  client.self.send("1");
  client.self.send("2");
  await turn();
  assertEquals(seen, ["1", "2", "3"]);
});

Deno.test("Law 2: in order — five thousand messages that wait come as they arrived", async () => {
  const seen: string[] = [];
  const { promise, open } = gate();
  const client = await connect<null, string>({
    init: () => OK,
    handle: async ({ data }) => {
      seen.push(String(data));
      await promise;
      return OK;
    },
    info: (info, _state, self) => {
      seen.push(info);
      if (Number(info) % 3 === 0) self.send("again");
      return OK;
    },
  });

  const sent = Array.from({ length: 5_000 }, (_, index) => String(index));
  for (const data of sent) {
    if (Number(data) % 5 === 0) client.send(text(data));
    else client.self.send(data);
  }
  open();
  while (seen.length < sent.length) await turn();
  client.close();
  await client.terminated;
  assertEquals(seen.slice(0, sent.length), sent);
  assertEquals(new Set(seen.slice(sent.length)), new Set(["again"]));
});

Deno.test("Law 2: in order — frames leave in the order listed, with the bytes of the moment", async () => {
  const bytes = new Uint8Array([1]);
  const client = await connect({
    init: () => OK,
    handle: (frame, state) => ({ kind: "reply", frames: [binary(bytes), frame, text("")], state }),
  });

  client.send(text("1"));
  bytes[0] = 2;
  client.send(text("2"));

  client.drop();
  assertEquals(await receiveAll(client), [
    ...[binary(new Uint8Array([1])), text("1"), text("")],
    ...[binary(new Uint8Array([2])), text("2"), text("")],
  ]);
});

Deno.test("Law 2: in order — a close frame drops what is listed and what waits behind it", async () => {
  const seen: string[] = [];
  const { promise, open } = gate();
  const client = await connect<null, string>({
    init: () => OK,
    handle: async ({ data }, state) => {
      seen.push(String(data));
      await promise;
      return { kind: "reply", frames: [text("1"), close(4000, "a"), text("2"), close()], state };
    },
    info: (info) => {
      seen.push(info);
      return OK;
    },
  });

  client.send(text("frame"));
  client.self.send("dropped");
  client.send(text("dropped"));
  open();

  assertEquals(await client.terminated, SHUTDOWN);
  assertEquals(seen, ["frame"]);
  assertEquals(await receiveAll(client), [text("1"), close(4000, "a")]);
});

Deno.test("Law 2: in order — garbage behind a close frame is dropped with the rest", async () => {
  const client = await connect({
    init: () => OK,
    handle: (_frame, state) => ({ kind: "reply", frames: [close(), null as never], state }),
  });

  client.send(text("go"));
  assertEquals(await client.terminated, SHUTDOWN);
});

const WAITING_STOPS: Readonly<Record<string, (scene: Scene) => void>> = {
  "the client's close": ({ client }) => client.close(),
  "a lost line": ({ client }) => client.drop(),
  "a message too long": ({ client }) => client.send(text("x".repeat(33))),
  "a drain": ({ connections }) => void connections.drain(),
  "a timeout": ({ time }) => time.tick(100),
};

for (const [name, stop] of Object.entries(WAITING_STOPS)) {
  Deno.test(`Law 2: in order — what waits before ${name} is handled, nothing is taken behind it`, async () => {
    using time = new FakeTime();
    const seen: string[] = [];
    const scene = await play(time, seen);
    const { client, answer } = scene;

    client.send(text("wait"));
    client.self.send("before");
    stop(scene);
    assertFalse(client.self.send("behind"));
    client.send(text("behind"));
    answer.resolve(OK);

    await client.terminated;
    assertEquals(seen, ["wait", "before"]);
  });
}

// Law 3

Deno.test("Law 3: init first — infos sent in init come before any frame of the client", async () => {
  const seen: string[] = [];
  const connection = await acceptConnection<null, string>({
    init: async (_request, self) => {
      self.send("1");
      await turn();
      self.send("2");
      return OK;
    },
    handle: ({ data }) => {
      seen.push(`frame ${data}`);
      return OK;
    },
    info: (info) => {
      seen.push(`info ${info}`);
      return OK;
    },
  });
  connection.receive(text("3"));
  connection.self.send("4");
  await turn();
  assertEquals(seen, []);

  connection.open(new ScriptedLine());
  connection.receive(text("5"));
  await turn();
  assertEquals(seen, ["info 1", "info 2", "frame 3", "info 4", "frame 5"]);
});

Deno.test("Law 3: init first — an info sent to all while init is pending comes before any frame", async () => {
  const connections = new Connections<string>();
  const seen: unknown[] = [];
  const { promise, open } = gate();
  const connecting = connect<null, string>({
    init: async () => {
      await promise;
      return OK;
    },
    handle: ({ data }) => {
      seen.push(data);
      return OK;
    },
    info: (info) => {
      seen.push(info);
      return OK;
    },
  }, { connections });

  assertEquals(connections.send("info"), 1);
  open();
  const client = await connecting;
  client.send(text("frame"));
  await turn();
  assertEquals(seen, ["info", "frame"]);
});

Deno.test("Law 3: init first — frames of init's result are the first on the wire", async () => {
  const client = await connect<null, string>({
    init: (_request, self) => {
      self.send("third");
      return { kind: "ok", state: null, frames: [text("first"), text("second")] };
    },
    handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
    info: (info, state) => ({ kind: "reply", frames: text(info), state }),
  });

  client.send(text("fourth"));
  for (const data of ["first", "second", "third", "fourth"]) {
    assertEquals(await client.receive(), text(data));
  }
});

Deno.test("Law 3: init first — the 101 waits for init", async () => {
  const { promise, open } = gate();
  let isUpgraded = false;
  const connecting = connect({
    init: async () => {
      await promise;
      return OK;
    },
    handle: () => OK,
  }).then(({ response }) => {
    isUpgraded = true;
    return response;
  });

  await turn();
  assertFalse(isUpgraded);
  open();
  assertEquals((await connecting).status, 101);
});

Deno.test("Law 3: init first — a close frame in init's result drops the infos sent in init", async () => {
  const seen: string[] = [];
  const client = await connect<null, string>({
    init: (_request, self) => {
      self.send("dropped");
      return { kind: "ok", state: null, frames: [text("sorry"), close(4001)] };
    },
    handle: () => OK,
    info: (info) => {
      seen.push(info);
      return OK;
    },
  });

  assertEquals(await client.terminated, SHUTDOWN);
  await turn();
  assertEquals(seen, []);
  assertEquals(await receiveAll(client), [text("sorry"), close(4001)]);
});

// Law 4

interface Scene {
  readonly client: TestClient<string>;
  readonly connections: Connections<string>;
  readonly time: FakeTime;
  /** What the callback answers that the frame "wait" keeps pending. */
  readonly answer: PromiseWithResolvers<HandleResult<null>>;
  readonly reasons: readonly TerminateReason[];
}

type Stop = readonly [stop: (scene: Scene) => void, reason: TerminateReason];

const BOOM = new Error("boom");

const OUTER_STOPS: Readonly<Record<string, Stop>> = {
  "a close": [({ client }) => client.close(3000, "bye"), remote(3000, "bye")],
  "a lost line": [({ client }) => client.drop(), CLOSED],
  "a timeout": [({ time }) => time.tick(100), TIMEOUT],
  "a drain": [({ connections }) => void connections.drain(), DRAIN],
  "a message too long": [({ client }) => client.send(text("x".repeat(33))), BADSIZE],
};

const OVERFLOWING: Stop = [
  ({ client }) => ["1", "2", "3"].forEach((data) => client.send(text(data))),
  OVERFLOW,
];

const SYNC_STOPS: Readonly<Record<string, Stop>> = {
  "a shutdown": [({ client }) => client.send(text("shutdown")), SHUTDOWN],
  "a crash": [({ client }) => client.send(text("throw")), crash(BOOM)],
};

const ANSWERS: Readonly<Record<string, Stop>> = {
  "a shutdown": [({ answer }) => answer.resolve({ kind: "shutdown", state: null }), SHUTDOWN],
  "a crash": [({ answer }) => answer.reject(BOOM), crash(BOOM)],
};

for (const [name, [stop, reason], other, [stopAgain]] of pairs({ ...OUTER_STOPS, ...SYNC_STOPS })) {
  Deno.test(`Law 4: first reason wins — ${name} before ${other}`, async () => {
    using time = new FakeTime();
    const scene = await play(time);

    stop(scene);
    stopAgain(scene);

    assertEquals(await scene.client.terminated, reason);
    await turn();
    assertEquals(scene.reasons, [reason]);
  });
}

const PENDING_STOPS = { ...OUTER_STOPS, "an overflow": OVERFLOWING };

for (const [name, [stop, reason], other, [stopAgain]] of pairs(PENDING_STOPS)) {
  Deno.test(`Law 4: first reason wins — ${name} before ${other}, both in a callback's promise`, async () => {
    using time = new FakeTime();
    const scene = await play(time);

    scene.client.send(text("wait"));
    stop(scene);
    stopAgain(scene);
    await turn();
    assertEquals(scene.reasons, []);
    scene.answer.resolve(OK);

    assertEquals(await scene.client.terminated, reason);
    await turn();
    assertEquals(scene.reasons, [reason]);
  });
}

for (const [name, [answer, reason]] of Object.entries(ANSWERS)) {
  for (const [other, [stop]] of Object.entries(OUTER_STOPS)) {
    Deno.test(`Law 4: first reason wins — ${name} that a callback promised before ${other} came`, async () => {
      using time = new FakeTime();
      const scene = await play(time);

      scene.client.send(text("wait"));
      stop(scene);
      await turn();
      answer(scene);

      assertEquals(await scene.client.terminated, reason);
      await turn();
      assertEquals(scene.reasons, [reason]);
    });
  }

  Deno.test(`Law 4: first reason wins — an overflow before ${name} of the pending callback`, async () => {
    using time = new FakeTime();
    const scene = await play(time);
    const [overflow] = OVERFLOWING;

    scene.client.send(text("wait"));
    overflow(scene);
    answer(scene);

    assertEquals(await scene.client.terminated, OVERFLOW);
    await turn();
    assertEquals(scene.reasons, [OVERFLOW]);
    assertEquals(await receiveAll(scene.client), [close(1013)]);
  });
}

Deno.test("Law 4: first reason wins — the first drain's close frame, too", async () => {
  const connections = new Connections();
  const client = await connect({ init: () => OK, handle: () => OK }, { connections });

  const drains = [connections.drain({ code: 1012 }), connections.drain({ code: 4000 })];

  assertEquals(await client.receive(), close(1012));
  assertEquals(await Promise.all(drains), Array(2).fill({ drained: 1, abandoned: 0 }));
});

Deno.test("Law 4: first reason wins — slow before the close frame of the same reply", async () => {
  const ends: unknown[] = [];
  const { connection, line } = await openConnection({
    init: () => ({ kind: "ok", state: "before" }),
    handle: () => ({ kind: "reply", frames: [text("1234"), close(4000)], state: "after" }),
    terminate: (reason, state) => void ends.push([reason, state]),
  }, { maxBuffered: 3 });

  connection.receive(text("go"));
  assertEquals(ends, [[SLOW, "after"]]);
  assertEquals(line.closes, [close(1013)]);
});

Deno.test("Law 4: first reason wins — a crash before an overflow by its onError", async () => {
  const sent: boolean[] = [];
  const client = await connect<null, string>({
    init: () => OK,
    handle: () => {
      throw BOOM;
    },
    info: () => OK,
  }, {
    maxMailbox: 1,
    onError: (_error, self) => sent.push(self.send("1"), self.send("2")),
  });

  client.send(text("go"));
  assertEquals(await client.terminated, crash(BOOM));
  assertEquals(sent, [false, false]);
  assertEquals(await receiveAll(client), [close(1011)]);
});

Deno.test("Law 4: first reason wins — a close before a drain's deadline, both in a callback's promise", async () => {
  using time = new FakeTime();
  const { client, connections, answer, reasons } = await play(time);

  client.send(text("wait"));
  client.close(3000, "bye");
  const drained = connections.drain({ deadline: 10 });
  await pass(time, 10);
  assertEquals(await drained, { drained: 0, abandoned: 1 });
  answer.resolve(OK);

  assertEquals(await client.terminated, remote(3000, "bye"));
  assertEquals(reasons, [remote(3000, "bye")]);
});

/** A connection that a test can stop in every way; what it is told goes to `seen`. */
async function play(time: FakeTime, seen: string[] = []): Promise<Scene> {
  const connections = new Connections<string>();
  const answer = Promise.withResolvers<HandleResult<null>>();
  const reasons: TerminateReason[] = [];
  const client = await connect<null, string>({
    init: () => ({ kind: "ok", state: null, timeout: 100 }),
    handle: ({ data }, state) => {
      seen.push(String(data));
      if (data === "throw") throw BOOM;
      if (data === "wait") return answer.promise;
      return { kind: data === "shutdown" ? "shutdown" : "ok", state };
    },
    info: (info) => {
      seen.push(info);
      return OK;
    },
    terminate: (reason) => void reasons.push(reason),
  }, { connections, maxMessageSize: 32, maxMailbox: 2, onError: () => {} });
  return { client, connections, time, answer, reasons };
}

function* pairs<T>(all: Readonly<Record<string, T>>): Generator<readonly [string, T, string, T]> {
  for (const [name, one] of Object.entries(all)) {
    for (const [other, another] of Object.entries(all)) {
      if (name !== other) yield [name, one, other, another];
    }
  }
}

// Law 5

for (const [name, [stop, reason]] of Object.entries({ ...OUTER_STOPS, ...SYNC_STOPS })) {
  Deno.test(`Law 5: terminate last, once — ${name}, and then everything else`, async () => {
    using time = new FakeTime();
    const scene = await play(time);

    stop(scene);
    await turn();
    for (const [stopAgain] of Object.values({ ...OUTER_STOPS, ...SYNC_STOPS })) stopAgain(scene);
    await turn();

    assertEquals(scene.reasons, [reason]);
  });
}

Deno.test("Law 5: terminate last, once — the socket never opens", async () => {
  const ends: unknown[] = [];
  const connection = await acceptConnection<string, string>({
    init: (_request, self) => {
      self.send("never seen");
      return { kind: "ok", state: "of init", frames: text("never sent") };
    },
    handle: (_frame, state) => ({ kind: "ok", state }),
    info: () => ({ kind: "ok", state: "of info" }),
    terminate: (reason, state) => void ends.push([reason, state]),
  });
  const line = new ScriptedLine();

  connection.lose(CLOSED);
  connection.release(false);
  assertEquals(ends, [[CLOSED, "of init"]]);

  connection.open(line);
  connection.receive(text("late"));
  connection.lose(remote(1000));
  connection.release(true);
  await turn();
  assertEquals(ends, [[CLOSED, "of init"]]);
  assertEquals(line.sent, []);
});

Deno.test("Law 5: terminate last, once — a drain before the socket opens", async () => {
  const connections = new Connections();
  const reasons: TerminateReason[] = [];
  const line = new ScriptedLine();
  const connection = await acceptConnection({
    init: () => ({ kind: "ok", state: null, frames: text("hello") }),
    handle: () => OK,
    terminate: (reason) => void reasons.push(reason),
  }, { connections });

  const drained = connections.drain();
  connection.open(line);
  await turn();
  connection.release(false);

  assertEquals(await drained, { drained: 1, abandoned: 0 });
  assertEquals(reasons, [DRAIN]);
  assertEquals([line.sent, line.closes], [[text("hello")], [close(1001)]]);
});

Deno.test("Law 5: terminate last, once — a drain, and then the socket never opens", async () => {
  const connections = new Connections();
  const reasons: TerminateReason[] = [];
  const connection = await acceptConnection({
    init: () => OK,
    handle: () => OK,
    terminate: (reason) => void reasons.push(reason),
  }, { connections });

  const drained = connections.drain();
  connection.lose(CLOSED);
  connection.release(false);

  assertEquals(await drained, { drained: 1, abandoned: 0 });
  assertEquals(reasons, [DRAIN]);
});

Deno.test("Law 5: terminate last, once — an overflow before the socket opens", async () => {
  const reasons: TerminateReason[] = [];
  const line = new ScriptedLine();
  const connection = await acceptConnection({
    init: () => ({ kind: "ok", state: null, frames: text("never sent") }),
    handle: () => OK,
    terminate: (reason) => void reasons.push(reason),
  }, { maxMailbox: 1 });

  connection.receive(text("waits"));
  connection.receive(text("overflows"));
  connection.open(line);
  await turn();

  assertEquals(reasons, [OVERFLOW]);
  assertEquals([line.sent, line.closes], [[], [close(1013)]]);
});

Deno.test("Law 5: terminate last, once — a drain while init is pending", async () => {
  const connections = new Connections();
  const { promise, open } = gate();
  const reasons: TerminateReason[] = [];
  const connecting = connect({
    init: async () => {
      await promise;
      return OK;
    },
    handle: () => OK,
    terminate: (reason) => void reasons.push(reason),
  }, { connections });

  const drained = connections.drain();
  open();
  const client = await connecting;

  assertEquals(client.response.status, 503);
  assertEquals(await client.terminated, DRAIN);
  assertEquals(await drained, { drained: 1, abandoned: 0 });
  assertEquals(reasons, [DRAIN]);
});

Deno.test("Law 5: terminate last, once — a drain's deadline while init is pending", async () => {
  using time = new FakeTime();
  const connections = new Connections();
  const { promise, open } = gate();
  const connecting = connect({
    init: async () => {
      await promise;
      return OK;
    },
    handle: () => OK,
  }, { connections });

  const drained = connections.drain({ deadline: 10 });
  await pass(time, 10);
  assertEquals(await drained, { drained: 0, abandoned: 1 });
  open();
  const client = await connecting;

  assertEquals(client.response.status, 503);
  assertEquals(await client.terminated, DRAIN);
  assertEquals(connections.size, 0);
});

const NOT_BEGUN: Readonly<Record<string, WebsocketHandler<null, string>["init"]>> = {
  "says shutdown": () => ({ kind: "shutdown" }),
  "throws": () => {
    throw BOOM;
  },
  "rejects": () => Promise.reject(BOOM),
  "answers garbage": () => undefined as never,
  "says shutdown behind an info": (_request, self) => {
    self.send("1");
    return { kind: "shutdown" };
  },
  "says shutdown behind an overflow": (_request, self) => {
    for (const info of ["1", "2", "3"]) self.send(info);
    return { kind: "shutdown" };
  },
};

for (const [does, init] of Object.entries(NOT_BEGUN)) {
  Deno.test(`Law 5: terminate last, once — not at all when init ${does}`, async () => {
    const connections = new Connections<string>();
    const seen: unknown[] = [];
    const client = await connect<null, string>({
      init,
      handle: () => OK,
      info: (info) => {
        seen.push(info);
        return OK;
      },
      terminate: (reason) => void seen.push(reason),
    }, { connections, maxMailbox: 2, onError: () => {} });

    client.drop();
    await turn();
    assertEquals(seen, []);
    assertEquals(await connections.drain(), { drained: 0, abandoned: 0 });
  });
}

Deno.test("Law 5: terminate last, once — not at all when init is not reached", async () => {
  const called: string[] = [];
  const handler: WebsocketHandler<null> = {
    init: () => {
      called.push("init");
      return OK;
    },
    handle: () => OK,
    terminate: () => void called.push("terminate"),
  };

  await connect(handler, { headers: { origin: "https://elsewhere.example" } });
  await connect(handler, { connections: new Connections({ max: 0 }) });
  await turn();
  assertEquals(called, []);
});

const LATE_ANSWERS: Readonly<Record<string, readonly [HandleResult<string> | Error, string]>> = {
  "ok": [{ kind: "ok", state: "newest" }, "newest"],
  "a reply": [{ kind: "reply", frames: text("lost"), state: "newest" }, "newest"],
  "a close frame": [{ kind: "reply", frames: close(4000), state: "newest" }, "newest"],
  "shutdown": [{ kind: "shutdown", state: "newest" }, "newest"],
  "a hibernated state": [{ kind: "ok", state: "newest", hibernate: true }, "newest"],
  "a rejection": [BOOM, "of init"],
  "garbage": [{ kind: "nope", state: "newest" } as never, "of init"],
};

for (const [name, [answer, newest]] of Object.entries(LATE_ANSWERS)) {
  Deno.test(`Law 5: terminate last, once — ${name} that comes after the end is decided`, async () => {
    const pending = Promise.withResolvers<HandleResult<string>>();
    const ends: unknown[] = [];
    const told: unknown[] = [];
    const client = await connect({
      init: () => ({ kind: "ok", state: "of init" }),
      handle: () => pending.promise,
      terminate: (reason, state) => void ends.push([reason, state]),
    }, { maxMailbox: 1, onError: (error) => told.push(error) });

    for (const data of ["pending", "waits", "overflows"]) client.send(text(data));
    if (answer instanceof Error) pending.reject(answer);
    else pending.resolve(answer);
    await client.terminated;
    await turn();

    assertEquals(ends, [[OVERFLOW, newest]]);
    assertEquals(told.length, newest === "newest" ? 0 : 1);
    assertEquals(await receiveAll(client), [close(1013)]);
  });
}

Deno.test("Law 5: terminate last, once — the close is never answered", async () => {
  using time = new FakeTime();
  const connections = new Connections();
  const reasons: TerminateReason[] = [];
  const { line } = await openConnection({
    init: () => OK,
    handle: () => OK,
    terminate: (reason) => void reasons.push(reason),
  }, { connections });

  const drained = connections.drain({ deadline: 100 });
  await turn();
  assertEquals(reasons, [DRAIN]);
  assertEquals(line.closes, [close(1001)]);
  await pass(time, 100);
  assertEquals(await drained, { drained: 0, abandoned: 1 });
  assertEquals(reasons, [DRAIN]);
});

Deno.test("Law 5: terminate last, once — what waits behind a shutdown in the same round is dropped", async () => {
  const seen: string[] = [];
  const client = await connect<null, string>({
    init: () => OK,
    handle: () => OK,
    info: (info, state) => {
      seen.push(info);
      return { kind: info === "stop" ? "shutdown" : "ok", state };
    },
    terminate: () => void seen.push("terminate"),
  });

  for (const info of ["1", "stop", "dropped"]) assert(client.self.send(info));
  await turn();
  assertEquals(seen, ["1", "stop", "terminate"]);
});

Deno.test("Law 5: terminate last, once — a drain waits for one that is pending already", async () => {
  const connections = new Connections();
  const { promise, open } = gate();
  const client = await connect({
    init: () => OK,
    handle: () => OK,
    terminate: () => promise,
  }, { connections });
  let isDrained = false;

  client.drop();
  await turn();
  const drained = connections.drain().finally(() => isDrained = true);
  await turn();
  assertFalse(isDrained);
  open();
  assertEquals(await drained, { drained: 1, abandoned: 0 });
});

Deno.test("Law 5: terminate last, once — a handler without terminate ends all the same", async () => {
  const client = await connect({ init: () => OK, handle: () => OK });
  client.close(1000);
  assertEquals(await client.terminated, remote(1000));
});

// Law 6

Deno.test("Law 6: a throw is a reason — terminate gets the state before the call", async () => {
  const ends: unknown[] = [];
  const client = await connect({
    init: () => ({ kind: "ok", state: 0 }),
    handle: ({ data }, count) => {
      if (data === "throw") throw BOOM;
      return { kind: "ok", state: count + 1 };
    },
    terminate: (reason, count) => void ends.push([reason, count]),
  }, { onError: () => {} });

  for (const data of ["1", "2", "throw", "3"]) client.send(text(data));
  assertEquals(ends, [[crash(BOOM), 2]]);
  assertEquals(await receiveAll(client), [close(1011)]);
});

for (const thrown of [undefined, null, 0, "text", Symbol("s"), Object.freeze({}), BOOM, () => {}]) {
  Deno.test(`Law 6: a throw is a reason — ${String(thrown)} is passed on untouched`, async () => {
    const told: unknown[] = [];
    const client = await connect({
      init: () => OK,
      handle: () => {
        throw thrown;
      },
    }, { onError: (error, self) => told.push(error, self) });

    client.send(text("go"));

    const reason = await client.terminated;
    assert(reason.kind === "error" && reason.cause === "crash");
    assertStrictEquals(reason.error, thrown);
    assertEquals(told.length, 2);
    assertStrictEquals(told[0], thrown);
    assertStrictEquals(told[1], client.self);
  });
}

Deno.test("Law 6: a throw is a reason — what it throws in init goes to onError, the client gets 500", async () => {
  const told: unknown[] = [];
  const client = await connect({
    init: () => {
      throw BOOM;
    },
    handle: () => OK,
  }, { onError: (error, self) => told.push(error, self) });

  assertEquals(client.response.status, 500);
  assertFalse((await client.response.text()).includes("boom"));
  assertEquals(told.length, 2);
  assertStrictEquals(told[0], BOOM);
  assertStrictEquals(told[1], client.self);
});

Deno.test("Law 6: a throw is a reason — other connections of the same turn go on", async () => {
  const connections = new Connections<string>();
  const handler: WebsocketHandler<boolean, string> = {
    init: ({ url }) => ({ kind: "ok", state: url.endsWith("bad") }),
    handle: (_frame, state) => ({ kind: "ok", state }),
    info: (info, isBad) => {
      if (isBad) throw BOOM;
      return { kind: "reply", frames: text(info), state: isBad };
    },
  };
  const join = (url: string) => connect(handler, { url, connections, onError: () => {} });
  const [first, bad, last] = [
    await join("http://localhost/first"),
    await join("http://localhost/bad"),
    await join("http://localhost/last"),
  ];

  assertEquals(connections.send("news"), 3);
  assertEquals(await bad.terminated, crash(BOOM));
  assertEquals(connections.send("more"), 2);
  for (const data of ["news", "more"]) {
    assertEquals(await first.receive(), text(data));
    assertEquals(await last.receive(), text(data));
  }
});

const BAD_ON_ERRORS: Readonly<Record<string, () => unknown>> = {
  "throws": () => {
    throw "onError throws, and nothing comes of it";
  },
  "rejects": () => Promise.reject("onError rejects, and nothing comes of it"),
  "returns a broken thenable": () => ({
    get then() {
      throw "onError returns a broken thenable, and nothing comes of it";
    },
  }),
};

for (const [does, onError] of Object.entries(BAD_ON_ERRORS)) {
  for (const callback of ["init", "handle", "info", "terminate"] as const) {
    Deno.test(`Law 6: a throw is a reason — onError that ${does} for ${callback} does no harm`, async () => {
      const fail = (where: string) => {
        if (where === callback) throw BOOM;
        return OK;
      };
      const client = await connect<null, string>({
        init: () => fail("init"),
        handle: () => fail("handle"),
        info: () => fail("info"),
        terminate: () => void fail("terminate"),
      }, { onError });

      client.send(text("go"));
      client.self.send("go");
      await turn();
      client.drop();
      if (callback === "init") assertEquals(client.response.status, 500);
      else {
        const reason = await client.terminated;
        assertEquals(reason, callback === "terminate" ? CLOSED : crash(BOOM));
      }
    });
  }
}

function throwing(): never {
  throw BOOM;
}

const THROWING: Readonly<Record<string, () => unknown>> = {
  "kind": () => ({
    get kind() {
      return throwing();
    },
  }),
  "state": () => ({
    kind: "ok",
    get state() {
      return throwing();
    },
  }),
  "state of a shutdown": () => ({
    kind: "shutdown",
    get state() {
      return throwing();
    },
  }),
  "frames": () => ({
    kind: "reply",
    state: null,
    get frames() {
      return throwing();
    },
  }),
  "timeout": () => ({
    kind: "ok",
    state: null,
    get timeout() {
      return throwing();
    },
  }),
  "hibernate": () => ({
    kind: "ok",
    state: null,
    get hibernate() {
      return throwing();
    },
  }),
  "kind of a frame": () => ({
    kind: "reply",
    state: null,
    frames: [text("lost"), {
      get kind() {
        return throwing();
      },
    }],
  }),
  "data of a frame": () => ({
    kind: "reply",
    state: null,
    frames: [text("lost"), {
      kind: "text",
      get data() {
        return throwing();
      },
    }],
  }),
  "code of a close frame": () => ({
    kind: "reply",
    state: null,
    frames: [text("lost"), {
      kind: "close",
      get code() {
        return throwing();
      },
      reason: "",
    }],
  }),
  "then": () => ({
    get then() {
      return throwing();
    },
  }),
  "then when called": () => ({ then: throwing }),
  "then of a promised result": () => Promise.resolve({ then: throwing }),
  "any trap of a proxy": () => new Proxy({}, { get: throwing, has: throwing }),
  "a part of a hibernated state": () => ({
    kind: "ok",
    hibernate: true,
    state: {
      get part() {
        return throwing();
      },
    },
  }),
};

for (const [part, result] of Object.entries(THROWING)) {
  Deno.test(`Law 6: a throw is a reason — ${part} of a result that throws is a crash`, async () => {
    const ends: unknown[] = [];
    const told: unknown[] = [];
    const client = await connect({
      init: () => ({ kind: "ok", state: "before" }),
      handle: () => result() as HandleResult<string>,
      terminate: ({ kind }, state) => void ends.push([kind, state]),
    }, { onError: (error) => told.push(error) });

    client.send(text("go"));
    await client.terminated;
    assertEquals(ends, [["error", "before"]]);
    assertEquals(told.length, 1);
    assertEquals(await receiveAll(client), [close(1011)]);
  });
}

Deno.test("Law 6: a throw is a reason — a proxy of a result is a result", async () => {
  const client = await connect({
    init: () => new Proxy(OK, {}),
    handle: (frame, state) => {
      const frames = new Proxy([new Proxy(frame, {})], {});
      return new Proxy({ kind: "reply", frames, state } as const, {});
    },
  });

  client.send(text("echo"));
  assertEquals(await client.receive(), text("echo"));
});

Deno.test("Law 6: a throw is a reason — a revoked proxy of a result is a crash", async () => {
  const client = await connect({
    init: () => OK,
    handle: () => {
      const { proxy, revoke } = Proxy.revocable(OK, {});
      revoke();
      return proxy;
    },
  }, { onError: () => {} });

  client.send(text("go"));
  const reason = await client.terminated;
  assert(reason.kind === "error" && reason.cause === "crash");
  assertInstanceOf(reason.error, TypeError);
});

// Law 7

Deno.test("Law 7: sync stays sync — the answer is on the line when receive returns", async () => {
  const { connection, line } = await openConnection({
    init: () => ({ kind: "ok", state: 0 }),
    handle: (frame, count) => ({
      kind: "reply",
      frames: [frame, text(String(count))],
      state: count + 1,
    }),
  });

  connection.receive(text("a"));
  assertEquals(line.sent, [text("a"), text("0")]);
  connection.receive(text("b"));
  assertEquals(line.sent.slice(2), [text("b"), text("1")]);
});

Deno.test("Law 7: sync stays sync — a thousand frames are answered before any microtask runs", async () => {
  const { connection, line } = await openConnection({
    init: () => ({ kind: "ok", state: 0 }),
    handle: (_frame, count) => ({ kind: "reply", frames: text(String(count)), state: count + 1 }),
  });
  let hasYielded = false;
  queueMicrotask(() => hasYielded = true);

  for (let count = 0; count < 1_000; count++) connection.receive(text(""));

  assertFalse(hasYielded);
  assertEquals(line.sent.length, 1_000);
  assertEquals(line.sent.at(-1), text("999"));
});

Deno.test("Law 7: sync stays sync — a thousand frames set no timer", async () => {
  using time = new FakeTime();
  const { connection } = await openConnection({ init: () => OK, handle: () => OK });
  const timed = await openConnection({
    init: () => ({ kind: "ok", state: null, timeout: 100 }),
    handle: () => ({ kind: "ok", state: null, timeout: 100 }),
  });

  await pass(time, 50);
  for (let count = 0; count < 1_000; count++) {
    connection.receive(text(""));
    timed.connection.receive(text(""));
  }

  assert(time.next());
  assertEquals(time.now - time.start, 100);
  assertEquals(timed.line.closes, []);
  assert(time.next());
  assertEquals(time.now - time.start, 150);
  await turn();
  assertEquals(timed.line.closes, [close(1000)]);
  assertFalse(time.next());
});

Deno.test("Law 7: sync stays sync — a shutdown is terminated when receive returns", async () => {
  const log: unknown[] = [];
  const { connection, line } = await openConnection({
    init: () => OK,
    handle: (_frame, state) => ({ kind: "shutdown", state }),
    terminate: (reason) => void log.push(reason),
  });

  connection.receive(text(""));
  assertEquals(line.closes, [close(1000)]);
  assertEquals(log, [SHUTDOWN]);
});

Deno.test("Law 7: sync stays sync — again when a promise and what waited for it are done", async () => {
  const { connection, line } = await openConnection({
    init: () => OK,
    handle: (frame, state) => {
      const result = { kind: "reply", frames: frame, state } as const;
      return frame.data === "async" ? Promise.resolve(result) : result;
    },
  });

  connection.receive(text("async"));
  connection.receive(text("waits"));
  assertEquals(line.sent, []);
  await turn();
  assertEquals(line.sent, [text("async"), text("waits")]);
  connection.receive(text("sync"));
  assertEquals(line.sent, [text("async"), text("waits"), text("sync")]);
});

// Law 8

const WAITING: Readonly<Record<string, (client: TestClient<string>) => void>> = {
  "frames": (client) => client.send(text("")),
  "infos": (client) => void client.self.send(""),
};

for (const [what, send] of Object.entries(WAITING)) {
  Deno.test(`Law 8: bounded — maxMailbox ${what} may wait, one more is an overflow`, async () => {
    for (const [extra, expected] of [[0, undefined], [1, OVERFLOW]] as const) {
      const { promise, open } = gate();
      const reasons: TerminateReason[] = [];
      let count = 0;
      const client = await connect<null, string>({
        init: () => OK,
        handle: () => {
          count++;
          return promise.then(() => OK);
        },
        info: () => {
          count++;
          return OK;
        },
        terminate: (reason) => void reasons.push(reason),
      }, { maxMailbox: 5 });

      client.send(text("in hand"));
      for (let waiting = 0; waiting < 5 + extra; waiting++) send(client);
      open();
      await turn();
      assertEquals(reasons, expected === undefined ? [] : [expected]);
      assertEquals(count, expected === undefined ? 6 : 1);
    }
  });
}

const PAYLOADS = {
  "text": [text("1234567890"), text("x")],
  "text of many bytes": [text("éééé€"), text("")],
  "binary": [binary(new Uint8Array(10)), binary(new Uint8Array(1))],
} as const;

for (const [what, [frame, more]] of Object.entries(PAYLOADS)) {
  Deno.test(`Law 8: bounded — maxMailboxBytes of ${what} may wait, one more is an overflow`, async () => {
    const bytes = typeof frame.data === "string"
      ? new TextEncoder().encode(frame.data).length
      : frame.data.length;
    const moreBytes = more.data.length;
    for (const missing of [0, 1]) {
      const { promise, open } = gate();
      const client = await connect({
        init: () => OK,
        handle: () => promise.then(() => OK),
      }, { maxMailboxBytes: bytes + moreBytes - missing });

      for (const sent of [text("in hand, and not counted"), frame, more]) client.send(sent);
      client.close();
      open();
      assertEquals(await client.terminated, missing === 0 ? remote(1005) : OVERFLOW);
    }
  });
}

Deno.test("Law 8: bounded — infos have no bytes", async () => {
  const { promise, open } = gate();
  const client = await connect<null, string>({
    init: () => OK,
    handle: () => promise.then(() => OK),
    info: () => OK,
  }, { maxMailboxBytes: 1 });

  client.send(text("in hand"));
  for (let count = 0; count < 10; count++) assert(client.self.send("a long info"));
  client.close();
  open();
  assertEquals(await client.terminated, remote(1005));
});

Deno.test("Law 8: bounded — what is taken leaves its room to what comes", async () => {
  const gates = [gate(), gate(), gate()];
  const client = await connect({
    init: () => OK,
    handle: ({ data }) => gates[Number(data)]?.promise.then(() => OK) ?? OK,
  }, { maxMailbox: 2, maxMailboxBytes: 2 });

  for (const data of ["0", "1", "2"]) client.send(text(data));
  for (const { open } of gates) {
    open();
    await turn();
    client.send(text("9"));
  }
  client.close();
  assertEquals(await client.terminated, remote(1005));
});

Deno.test("Law 8: bounded — frames that a sync handler takes do not wait", async () => {
  const client = await connect({
    init: () => ({ kind: "ok", state: 0 }),
    handle: (_frame, count) => ({ kind: "reply", frames: text(String(count)), state: count + 1 }),
  }, { maxMailbox: 1, maxMailboxBytes: 1 });

  for (let count = 0; count < 100; count++) client.send(text("two bytes and more"));
  for (let count = 0; count < 100; count++) {
    assertEquals(await client.receive(), text(String(count)));
  }
});

Deno.test("Law 8: bounded — infos that only wait for their turn do not overflow", async () => {
  const seen: number[] = [];
  const client = await connect<null, number>({
    init: () => OK,
    handle: () => OK,
    info: (count) => {
      seen.push(count);
      return OK;
    },
  }, { maxMailbox: 2 });

  const sent = Array.from({ length: 20_000 }, (_, index) => index);
  for (const count of sent) assert(client.self.send(count));
  await turn();
  assertEquals(seen, sent);
});

Deno.test("Law 8: bounded — of the infos of a turn maxMailbox may wait for a promise, one more is an overflow", async () => {
  for (const [behind, expected] of [["12", remote(1005)], ["123", OVERFLOW]] as const) {
    const { promise, open } = gate();
    const seen: string[] = [];
    const client = await connect<null, string>({
      init: () => OK,
      handle: () => OK,
      info: (info) => {
        seen.push(info);
        return info === "pending" ? promise.then(() => OK) : OK;
      },
    }, { maxMailbox: 2 });

    const first = ["a", "b", "c", "pending"];
    for (const info of [...first, ...behind]) assert(client.self.send(info));
    await turn();
    assertEquals(seen, first);
    client.close();
    open();
    assertEquals(await client.terminated, expected);
    assertEquals(seen, expected === OVERFLOW ? first : [...first, ...behind]);
    assertEquals(await receiveAll(client), expected === OVERFLOW ? [close(1013)] : []);
  }
});

Deno.test("Law 8: bounded — of the frames behind them maxMailboxBytes may wait, one more is an overflow", async () => {
  for (const [bytes, expected] of [[1, remote(1005)], [2, OVERFLOW]] as const) {
    const { promise, open } = gate();
    const client = await connect<null, string>({
      init: () => OK,
      handle: () => OK,
      info: () => promise.then(() => OK),
    }, { maxMailboxBytes: 5 });

    assert(client.self.send("pending"));
    client.send(text("éé"));
    client.send(binary(new Uint8Array(bytes)));
    await turn();
    client.close();
    open();
    assertEquals(await client.terminated, expected);
  }
});

Deno.test("Law 8: bounded — an info that a callback sends needs room behind what waits for its turn", async () => {
  for (const maxMailbox of [2, 3]) {
    const hasRoom = maxMailbox === 3;
    const seen: string[] = [];
    const sent: boolean[] = [];
    const client = await connect<null, string>({
      init: () => OK,
      handle: () => OK,
      info: (info, _state, self) => {
        seen.push(info);
        if (info === "1") sent.push(self.send("4"));
        return OK;
      },
    }, { maxMailbox });

    for (const info of ["1", "2", "3"]) assert(client.self.send(info));
    await turn();
    client.close();
    assertEquals(await client.terminated, hasRoom ? remote(1005) : OVERFLOW);
    assertEquals(sent, [hasRoom]);
    assertEquals(seen, hasRoom ? ["1", "2", "3", "4"] : ["1"]);
  }
});

Deno.test("Law 8: bounded — an info that overflows is refused, and what waits is dropped at once", async () => {
  const seen: string[] = [];
  const { promise, open } = gate();
  const client = await connect<null, string>({
    init: () => OK,
    handle: () => promise.then(() => OK),
    info: (info) => {
      seen.push(info);
      return OK;
    },
  }, { maxMailbox: 1 });

  client.send(text("in hand"));
  assert(client.self.send("waits"));
  assertFalse(client.self.send("overflows"));
  assertFalse(client.self.send("behind"));
  assertEquals(await client.receive(), close(1013));
  open();
  assertEquals(await client.terminated, OVERFLOW);
  assertEquals(seen, []);
});

Deno.test("Law 8: bounded — infos to itself that overflow end it behind the callback", async () => {
  const results: boolean[] = [];
  const client = await connect<string, string>({
    init: () => ({ kind: "ok", state: "before" }),
    handle: (frame, _state, self) => {
      for (const info of ["1", "2", "3"]) results.push(self.send(info));
      return { kind: "reply", frames: frame, state: "after" };
    },
    info: (_info, state) => ({ kind: "ok", state }),
    terminate: (_reason, state) => void results.push(state === "after"),
  }, { maxMailbox: 2 });

  client.send(text("lost"));
  assertEquals(results, [true, true, false, true]);
  assertEquals(await client.terminated, OVERFLOW);
  assertEquals(await receiveAll(client), [close(1013)]);
});

const MESSAGES = {
  "text": [text("1234567890"), text("12345678901")],
  "text of many bytes": [text("éé€€"), text("éé€€x")],
  "binary": [binary(new Uint8Array(10)), binary(new Uint8Array(11))],
} as const;

for (const [what, [longest, tooLong]] of Object.entries(MESSAGES)) {
  Deno.test(`Law 8: bounded — maxMessageSize of ${what} is handled, one more is badsize`, async () => {
    const client = await connect({
      init: () => OK,
      handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
    }, { maxMessageSize: 10 });

    client.send(longest);
    client.send(tooLong);
    assertEquals(await client.terminated, BADSIZE);
    assertEquals(await receiveAll(client), [longest, close(1009)]);
  });
}

Deno.test("Law 8: bounded — maxBuffered bytes may wait for the network, one more is slow", async () => {
  for (const [frame, expected] of [[text("56é8"), undefined], [text("56é8x"), SLOW]] as const) {
    const reasons: TerminateReason[] = [];
    const { connection, line } = await openConnection({
      init: () => ({ kind: "ok", state: null, frames: binary(new Uint8Array(5)) }),
      handle: (echo, state) => ({ kind: "reply", frames: echo, state }),
      terminate: (reason) => void reasons.push(reason),
    }, { maxBuffered: 10 });

    connection.receive(frame);
    assertEquals(line.buffered, expected === undefined ? 10 : 11);
    assertEquals(reasons, expected === undefined ? [] : [expected]);
    assertEquals(line.closes, expected === undefined ? [] : [close(1013)]);
  }
});

Deno.test("Law 8: bounded — what the network has taken leaves its room", async () => {
  const { connection, line } = await openConnection({
    init: () => OK,
    handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
  }, { maxBuffered: 10 });

  for (let count = 0; count < 50; count++) {
    connection.receive(text("1234567890"));
    line.buffered = 0;
  }
  assertEquals(line.sent.length, 50);
  assertEquals(line.closes, []);
});

Deno.test("Law 8: bounded — slow drops the rest of the reply", async () => {
  const { connection, line } = await openConnection({
    init: () => OK,
    handle: (frame, state) => ({ kind: "reply", frames: Array(5).fill(frame), state }),
  }, { maxBuffered: 10 });

  connection.receive(text("123456"));
  assertEquals(line.sent, [text("123456"), text("123456")]);
});

Deno.test("Law 8: bounded — init's frames over maxBuffered are slow", async () => {
  const reasons: TerminateReason[] = [];
  const { line } = await openConnection({
    init: () => ({ kind: "ok", state: null, frames: [text("12345678901"), text("lost")] }),
    handle: () => OK,
    terminate: (reason) => void reasons.push(reason),
  }, { maxBuffered: 10 });

  assertEquals(reasons, [SLOW]);
  assertEquals(line.sent.length, 1);
  assertEquals(line.closes, [close(1013)]);
});

Deno.test("Law 8: bounded — messages of a byte may wait by the ten thousands, and not without end", async () => {
  const reasons: TerminateReason[] = [];
  const { connection } = await openConnection({
    init: () => OK,
    handle: ({ data }, state) => ({
      kind: "reply",
      frames: Array(Number(data)).fill(text("x")),
      state,
    }),
    terminate: (reason) => void reasons.push(reason),
  }, { maxBuffered: Infinity });

  connection.receive(text("65536"));
  assertEquals(reasons, []);
  connection.receive(text("20000"));
  assertEquals(reasons, [SLOW]);
});

Deno.test("Law 8: bounded — self.buffered is what the line holds", async () => {
  const { connection: { self }, line } = await openConnection({
    init: () => ({ kind: "ok", state: null, frames: text("12345") }),
    handle: () => OK,
  });

  assertEquals(self.buffered, 5);
  line.buffered = 2;
  assertEquals(self.buffered, 2);
});

// Law 9

const BAD_TERMINATES: Readonly<Record<string, () => void | Promise<void>>> = {
  "throws": () => {
    throw BOOM;
  },
  "rejects": () => Promise.reject(BOOM),
  "returns a thenable that throws": () => ({ then: throwing }) as never,
};

for (const [does, terminate] of Object.entries(BAD_TERMINATES)) {
  Deno.test(`Law 9: no one dies for it — terminate that ${does}`, async () => {
    const connections = new Connections();
    const told: unknown[] = [];
    const client = await connect({ init: () => OK, handle: () => OK, terminate }, {
      connections,
      onError: (error, self) => told.push(error, self),
    });

    assertEquals(await connections.drain(), { drained: 1, abandoned: 0 });
    assertEquals(await client.terminated, DRAIN);
    assertEquals(told.length, 2);
    assertStrictEquals(told[0], BOOM);
    assertStrictEquals(told[1], client.self);
    assert(client.self.signal.aborted);
  });
}

Deno.test("Law 9: no one dies for it — terminate that never settles", async () => {
  using time = new FakeTime();
  const connections = new Connections();
  const client = await connect({
    init: () => OK,
    handle: () => OK,
    terminate: () => new Promise(() => {}),
  }, { connections });

  const drained = connections.drain({ deadline: 100 });
  assertEquals(await client.receive(), close(1001));
  await pass(time, 99);
  assertEquals(connections.size, 0);
  assertFalse(client.self.signal.aborted);
  await pass(time, 1);
  assertEquals(await drained, { drained: 0, abandoned: 1 });
  assertFalse(time.next());
});

Deno.test("Law 9: no one dies for it — a callback that never settles", async () => {
  using time = new FakeTime();
  const connections = new Connections();
  const reasons: TerminateReason[] = [];
  const client = await connect({
    init: () => OK,
    handle: () => new Promise(() => {}),
    terminate: (reason) => void reasons.push(reason),
  }, { connections });

  client.send(text("go"));
  const drained = connections.drain({ deadline: 100 });
  await pass(time, 99);
  assertEquals(connections.size, 1);
  await pass(time, 1);
  assertEquals(await drained, { drained: 0, abandoned: 1 });
  assertEquals(await client.receive(), close(1001));
  assertEquals([connections.size, connections.abandoned], [0, 0]);
  assertFalse(client.self.send(undefined as never));
  assertEquals(reasons, []);
  assertFalse(time.next());
});

for (const [name, [stop]] of Object.entries({ ...OUTER_STOPS, ...SYNC_STOPS })) {
  Deno.test(`Law 9: no one dies for it — ${name} leaves no timer behind`, async () => {
    using time = new FakeTime();
    const scene = await play(time);

    stop(scene);
    await scene.client.terminated;
    await turn();
    assertFalse(time.next());
  });
}

for (const [name, [stop]] of Object.entries(PENDING_STOPS)) {
  Deno.test(`Law 9: no one dies for it — ${name} leaves no timer that a late result sets`, async () => {
    using time = new FakeTime();
    const scene = await play(time);

    scene.client.send(text("wait"));
    stop(scene);
    scene.answer.resolve({ ...OK, timeout: 500 });
    await scene.client.terminated;
    await turn();
    assertFalse(time.next());
  });
}

Deno.test("Law 9: no one dies for it — a lost line leaves no timer though its callback is pending", async () => {
  using time = new FakeTime();
  const client = await connect({
    init: () => ({ kind: "ok", state: null, timeout: 3_600_000 }),
    handle: () => new Promise<never>(() => {}),
  });

  client.send(text("go"));
  client.drop();
  await time.runMicrotasks();
  assertFalse(time.next());
});

Deno.test("Law 9: no one dies for it — init's frames change before the open", async () => {
  const frames = [text("hello")];
  const connection = await acceptConnection({
    init: () => ({ kind: "ok", state: null, frames }),
    handle: () => OK,
  });
  const line = new ScriptedLine();

  frames.push(undefined as never);
  connection.open(line);
  assertEquals(line.sent, [text("hello")]);
  assertEquals(line.closes, []);
});

Deno.test("Law 9: no one dies for it — a part of init's frames that throws at the second look", async () => {
  let looks = 0;
  const client = await connect({
    init: () => ({
      kind: "ok",
      state: null,
      frames: {
        kind: "text",
        get data(): string {
          return looks++ > 0 ? throwing() : "hello";
        },
      },
    }),
    handle: () => OK,
  });

  assertEquals(client.response.status, 101);
  assertEquals(await client.receive(), text("hello"));
});

// What cannot be shown throws again when the default of onError prints it.
const UNSHOWABLE: unknown = {
  [Symbol.for("Deno.customInspect")]() {
    throw UNSHOWABLE;
  },
};

for (const callback of ["init", "handle", "info", "terminate"] as const) {
  Deno.test(`Law 9: no one dies for it — ${callback} throws what console.error cannot show`, async () => {
    const fail = (where: string) => {
      if (where === callback) throw UNSHOWABLE;
      return OK;
    };
    const client = await connect<null, string>({
      init: () => fail("init"),
      handle: () => fail("handle"),
      info: () => fail("info"),
      terminate: () => void fail("terminate"),
    });

    client.send(text("go"));
    client.self.send("go");
    await turn();
    client.drop();
    if (callback === "init") assertEquals(client.response.status, 500);
    else {
      const reason = await client.terminated;
      assertEquals(reason, callback === "terminate" ? CLOSED : crash(UNSHOWABLE));
    }
  });
}

Deno.test("Law 9: no one dies for it — a spread drain leaves no timer behind those that left", async () => {
  using time = new FakeTime();
  const connections = new Connections();
  const handler: WebsocketHandler<null> = { init: () => OK, handle: () => OK };
  const clients = await Promise.all(
    Array.from({ length: 10 }, () => connect(handler, { connections })),
  );

  const drained = connections.drain({ spread: 200, deadline: 1_000 });
  await pass(time, 60);
  const left = clients.filter(({ self }) => [...connections].includes(self));
  assertEquals(left.length, 6);
  for (const client of left) client.close();
  assertEquals(await drained, { drained: 10, abandoned: 0 });
  assertFalse(time.next());
});

Deno.test("Law 9: no one dies for it — connections that wake each other for ever leave others their turn", async () => {
  const players: Self<number>[] = [];
  const player: WebsocketHandler<null, number> = {
    init: (_request, self) => {
      players.push(self);
      return OK;
    },
    handle: () => OK,
    info: (count) => {
      players[count % 2]?.send(count + 1);
      return OK;
    },
  };
  const [one, other] = [await connect(player), await connect(player)];

  one.self.send(1);
  for (let turns = 0; turns < 3; turns++) await turn();
  one.drop();
  other.drop();
  assertEquals([await one.terminated, await other.terminated], [CLOSED, CLOSED]);
});

// Law 10

Deno.test("Law 10: the dead are silent — self.send returns false after the end and does nothing", async () => {
  const seen: string[] = [];
  const client = await connect<null, string>({
    init: () => OK,
    handle: ({ data }) => {
      seen.push(String(data));
      return OK;
    },
    info: (info) => {
      seen.push(info);
      return OK;
    },
  });
  const { send } = client.self;
  assert(send("alive"));
  await turn();

  client.drop();
  await client.terminated;
  assertFalse(send("dead"));
  client.send(text("dead"));
  await turn();
  assertEquals(seen, ["alive"]);
  await assertRejects(() => client.receive());
});

Deno.test("Law 10: the dead are silent — self.send of a handler without info drops and tells the end", async () => {
  const client = await connect<null, string>({
    init: () => OK,
    handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
  }, { maxMailbox: 1 });

  for (let count = 0; count < 10; count++) assert(client.self.send("dropped"));
  await turn();
  client.send(text("alive"));
  assertEquals(await client.receive(), text("alive"));
  client.drop();
  assertFalse(client.self.send("dead"));
});

Deno.test("Law 10: the dead are silent — self.send returns false in terminate, and its signal is not aborted yet", async () => {
  const { promise, open } = gate();
  const seen: unknown[] = [];
  const client = await connect<null, string>({
    init: () => OK,
    handle: () => OK,
    info: (info) => {
      seen.push(info);
      return OK;
    },
    terminate: async (_reason, _state, self) => {
      seen.push(self.send("dead"), self.signal.aborted);
      await promise;
      seen.push(self.send("dead"), self.signal.aborted);
    },
  });

  client.drop();
  await turn();
  assertEquals(seen, [false, false]);
  open();
  await client.terminated;
  assertEquals(seen, [false, false, false, false]);
  assert(client.self.signal.aborted);
});

Deno.test("Law 10: the dead are silent — signal is one object, aborted once when terminate has run", async () => {
  const log: string[] = [];
  const client = await connect({
    init: (_request, self) => {
      self.signal.addEventListener("abort", () => log.push("abort"));
      return OK;
    },
    handle: () => OK,
    terminate: () => void log.push("terminate"),
  });
  const { signal } = client.self;
  assertStrictEquals(client.self.signal, signal);
  assertFalse(signal.aborted);

  client.drop();
  await client.terminated;
  assertEquals(log, ["terminate", "abort"]);
  assertStrictEquals(client.self.signal, signal);
});

Deno.test("Law 10: the dead are silent — signal first asked for after the end is aborted", async () => {
  const client = await connect({ init: () => OK, handle: () => OK });
  client.drop();
  await client.terminated;
  assert(client.self.signal.aborted);
});

Deno.test("Law 10: the dead are silent — the self of a refused upgrade is dead", async () => {
  const selves: Self<string>[] = [];
  for (const init of Object.values(NOT_BEGUN)) {
    await connect<null, string>({
      init: (request, self) => {
        selves.push(self);
        return init(request, self);
      },
      handle: () => OK,
      info: () => OK,
    }, { maxMailbox: 2, onError: () => {} });
  }

  assertEquals(selves.length, Object.keys(NOT_BEGUN).length);
  for (const self of selves) {
    assertFalse(self.send("dead"));
    assert(self.signal.aborted);
  }
});

Deno.test("Law 10: the dead are silent — the line's late events do nothing", async () => {
  const seen: unknown[] = [];
  const { connection, line } = await openConnection({
    init: () => OK,
    handle: ({ data }, state) => {
      seen.push(data);
      return { kind: "shutdown", state };
    },
    terminate: (reason) => void seen.push(reason),
  });

  connection.receive(text("last"));
  connection.receive(text("late"));
  connection.lose(remote(1000));
  connection.release(false);
  connection.release(true);
  connection.open(new ScriptedLine());
  await turn();
  assertEquals(seen, ["last", SHUTDOWN]);
  assertEquals([line.sent, line.closes], [[], [close(1000)]]);
});

Deno.test("Law 10: the dead are silent — two connections have two addresses", async () => {
  const handler: WebsocketHandler<null, string> = {
    init: () => OK,
    handle: () => OK,
    info: (info, state) => ({ kind: "reply", frames: text(info), state }),
  };
  const [dead, alive] = [await connect(handler), await connect(handler)];
  assertNotStrictEquals(dead.self, alive.self);

  dead.drop();
  assertFalse(dead.self.send("1"));
  assert(alive.self.send("2"));
  assertEquals(await alive.receive(), text("2"));
});

interface Gate {
  readonly promise: Promise<void>;
  readonly open: () => void;
}

function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: resolve };
}

/** What the client still has to receive. Its line must have ended. */
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

/** Lets time pass, and then all microtasks run. */
async function pass(time: FakeTime, ms: number): Promise<void> {
  await time.tickAsync(ms);
  await time.runMicrotasks();
}

/** Numbers from 0 to 1, the same in each run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
