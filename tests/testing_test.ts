// The client's end in memory: what connect() promises to those who test their handlers with it.

import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Buffer } from "node:buffer";
import {
  binary,
  close,
  Connections,
  text,
  type UpgradeRequest,
  type WebsocketHandler,
} from "../mod.ts";
import { connect, type ConnectOptions } from "../testing.ts";
import { CLOSED, remote, SHUTDOWN, TIMEOUT } from "./_reasons.ts";

const OK = { kind: "ok", state: null } as const;

const ECHO: WebsocketHandler<null> = {
  init: () => OK,
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

Deno.test("connect() resolves to a 101 with the headers and the protocol of init's result", async () => {
  const { response } = await connect({
    init: ({ protocols: [protocol = ""] }) => ({
      kind: "ok",
      state: null,
      protocol,
      headers: [["Set-Cookie", "a=1; Path=/"], ["X-Served-By", "one"], ["Set-Cookie", "b=2"]],
    }),
    handle: () => OK,
  }, { protocols: ["chat.v2", "chat.v1"] });

  assertEquals(response.status, 101);
  assertEquals(response.headers.getSetCookie(), ["a=1; Path=/", "b=2"]);
  assertEquals(response.headers.get("x-served-by"), "one");
  assertEquals(response.headers.get("sec-websocket-protocol"), "chat.v2");
});

Deno.test("connect() chooses no protocol when init's result has none", async () => {
  const { response } = await connect(ECHO, { protocols: ["chat"] });
  assertFalse(response.headers.has("sec-websocket-protocol"));
});

Deno.test("connect() shows init what the options say of the request", async () => {
  const requests: UpgradeRequest[] = [];
  const remoteAddr = { transport: "tcp", hostname: "192.0.2.1", port: 5 } as const;
  await connect({
    init: (request) => {
      requests.push(request);
      return OK;
    },
    handle: () => OK,
  }, {
    url: "https://example.com/chat?room=1",
    headers: { cookie: "id=7", origin: "https://example.com" },
    protocols: ["b", "a"],
    remoteAddr,
  });

  const [request] = requests;
  assertEquals(request?.url, "https://example.com/chat?room=1");
  assertEquals(request?.headers.get("cookie"), "id=7");
  assertEquals(request?.protocols, ["b", "a"]);
  assertEquals(request?.headers.get("sec-websocket-protocol"), "b, a");
  assertEquals(request?.origin, "https://example.com");
  assertEquals(request?.remoteAddr, remoteAddr);
});

Deno.test("connect() without options asks as a client that is not a browser", async () => {
  const requests: UpgradeRequest[] = [];
  await connect({
    init: (request) => {
      requests.push(request);
      return OK;
    },
    handle: () => OK,
  });

  const [request] = requests;
  assertEquals(request?.url, "http://localhost/");
  assertEquals(request?.protocols, []);
  assertEquals(request?.origin, null);
  assertFalse(request !== undefined && "remoteAddr" in request);
});

Deno.test("connect() takes protocols from the header, too", async () => {
  const { response } = await connect({
    init: ({ protocols }) => ({ ...OK, protocol: protocols.join("+") }),
    handle: () => OK,
  }, { headers: { "Sec-WebSocket-Protocol": "solo ," } });
  assertEquals(response.headers.get("sec-websocket-protocol"), "solo");
});

Deno.test("send() and receive() carry text and bytes", async () => {
  const client = await connect(ECHO);
  for (
    const frame of [text("hi"), text(""), binary(new Uint8Array([0, 1])), binary(new Uint8Array())]
  ) {
    client.send(frame);
    assertEquals(await client.receive(), frame);
  }
});

Deno.test("send() gives the handler bytes of its own", async () => {
  const seen: Uint8Array[] = [];
  const client = await connect({
    init: () => OK,
    handle: (frame) => {
      if (frame.kind === "binary") seen.push(frame.data);
      return OK;
    },
  });
  const bytes = new Uint8Array([1, 2]);

  client.send(binary(bytes));
  bytes.fill(9);

  assertEquals(seen, [new Uint8Array([1, 2])]);
});

Deno.test("receive() gives the client bytes of its own", async () => {
  const bytes = new Uint8Array([1, 2]);
  const client = await connect({
    init: () => ({ ...OK, frames: binary(bytes) }),
    handle: () => OK,
  });
  bytes.fill(9);

  const received = await client.receive();
  assertEquals(received, binary(new Uint8Array([1, 2])));
  assertNotStrictEquals(received.kind === "binary" && received.data, bytes);
});

Deno.test("receive() gives the client bytes of its own of a Buffer, too", async () => {
  const bytes = Buffer.from([1, 2]);
  const client = await connect({
    init: () => OK,
    handle: (_frame, state) => ({ kind: "reply", frames: binary(bytes), state }),
  });
  client.send(text("go"));
  bytes.fill(9);

  assertEquals(await client.receive(), binary(new Uint8Array([1, 2])));
});

Deno.test("receive() gives U+FFFD for a lone surrogate, as the wire does", async () => {
  const client = await connect({
    init: () => ({ ...OK, frames: text("\ud800") }),
    handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
  });
  client.send(text("a\udc00b"));
  assertEquals(await client.receive(), text("\ufffd"));
  assertEquals(await client.receive(), text("a\ufffdb"));
});

Deno.test("receive() waits for a frame that has not come yet", async () => {
  const client = await connect(ECHO);
  const received = [client.receive(), client.receive(), client.receive()];
  for (const data of ["1", "2", "3"]) client.send(text(data));
  assertEquals(await Promise.all(received), [text("1"), text("2"), text("3")]);
});

Deno.test("receive() gives frames in order, before and after they were asked for", async () => {
  const client = await connect<null, string>({
    init: () => ({ ...OK, frames: [text("1"), text("2")] }),
    handle: () => OK,
    info: (info, state) => ({ kind: "reply", frames: text(info), state }),
  });
  const received = [client.receive(), client.receive(), client.receive()];
  client.self.send("3");
  client.self.send("4");
  assertEquals(await Promise.all(received), [text("1"), text("2"), text("3")]);
  assertEquals(await client.receive(), text("4"));
});

Deno.test("receive() gives what is left after the end, then rejects", async () => {
  const client = await connect({
    init: () => OK,
    handle: (frame, state) => ({ kind: "reply", frames: [frame, close(4000, "bye")], state }),
  });
  client.send(text("last"));

  assertEquals(await client.terminated, SHUTDOWN);
  assertEquals(await client.receive(), text("last"));
  assertEquals(await client.receive(), close(4000, "bye"));
  await assertRejects(() => client.receive(), Error, "the connection has ended");
  await assertRejects(() => client.receive(), Error, "the connection has ended");
});

for (const end of ["close", "drop"] as const) {
  Deno.test(`receive() that waits rejects at the client's ${end}`, async () => {
    const client = await connect(ECHO);
    const rejected = [
      assertRejects(() => client.receive(), Error, "the connection has ended"),
      assertRejects(() => client.receive(), Error, "the connection has ended"),
    ];
    client[end]();
    await Promise.all(rejected);
  });

  Deno.test(`receive() gives what came before the client's ${end}`, async () => {
    const client = await connect(ECHO);
    client.send(text("before"));
    client[end]();
    client.send(text("after"));
    assertEquals(await client.receive(), text("before"));
    await assertRejects(() => client.receive());
  });
}

Deno.test("receive() that waits gets the server's close frame, one behind it rejects", async () => {
  const client = await connect({
    init: () => OK,
    handle: (_frame, state) => ({ kind: "shutdown", state }),
  });
  const closed = client.receive();
  const rejected = assertRejects(() => client.receive());
  client.send(text("go"));
  assertEquals(await closed, close(1000));
  await rejected;
});

Deno.test("close() ends with its code and reason", async () => {
  const client = await connect(ECHO);
  client.close(4321, "bye");
  assertEquals(await client.terminated, remote(4321, "bye"));
});

Deno.test("close() without a reason ends with an empty one", async () => {
  const client = await connect(ECHO);
  client.close(1000);
  assertEquals(await client.terminated, remote(1000, ""));
});

Deno.test("close() without a code ends with 1005", async () => {
  const client = await connect(ECHO);
  client.close();
  assertEquals(await client.terminated, remote(1005));
});

Deno.test("drop() ends without a close frame", async () => {
  const client = await connect(ECHO);
  client.drop();
  assertEquals(await client.terminated, CLOSED);
});

Deno.test("close() and drop() do nothing after the end", async () => {
  const client = await connect(ECHO);
  client.close(3000);
  client.drop();
  client.close(3001);
  assertEquals(await client.terminated, remote(3000));
});

Deno.test("send(), close() and drop() do nothing after the server's close", async () => {
  const seen: unknown[] = [];
  const client = await connect({
    init: () => OK,
    handle: ({ data }, state) => {
      seen.push(data);
      return { kind: "shutdown", state };
    },
    terminate: (reason) => void seen.push(reason),
  });
  client.send(text("last"));
  client.send(text("late"));
  client.close();
  client.drop();
  assertEquals(await client.terminated, SHUTDOWN);
  assertEquals(seen, ["last", SHUTDOWN]);
});

Deno.test("terminated waits for the promise of terminate", async () => {
  const log: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const client = await connect({
    ...ECHO,
    terminate: async () => {
      await promise;
      log.push("terminate");
    },
  });
  const terminated = client.terminated.then(() => log.push("terminated"));
  client.drop();
  await turn();
  assertEquals(log, []);
  resolve();
  await terminated;
  assertEquals(log, ["terminate", "terminated"]);
});

Deno.test("terminated can be asked for before and after the end", async () => {
  const client = await connect(ECHO);
  const before = client.terminated;
  client.drop();
  assertEquals(await before, CLOSED);
  assertEquals(await client.terminated, CLOSED);
});

Deno.test("terminated that nobody asks for rejects nowhere", async () => {
  const client = await connect({ init: () => ({ kind: "shutdown" }), handle: () => OK });
  await turn();
  assertEquals(client.response.status, 400);
});

const REFUSING: Readonly<Record<string, () => { readonly kind: "shutdown" }>> = {
  "says shutdown": () => ({ kind: "shutdown" }),
  "throws": () => {
    throw new Error("boom");
  },
};

for (const [does, init] of Object.entries(REFUSING)) {
  Deno.test(`terminated rejects when init overflows the mailbox and then ${does}`, async () => {
    const client = await connect<null, string>({
      init: (_request, self) => {
        for (const info of ["1", "2"]) self.send(info);
        return init();
      },
      handle: () => OK,
      info: () => OK,
    }, { maxMailbox: 1, onError: () => {} });
    await assertRejects(() => client.terminated, Error, "the upgrade was refused");
  });

  Deno.test(`terminated rejects when a drain gives up on an init that then ${does}`, async () => {
    using time = new FakeTime();
    const connections = new Connections();
    const { promise, resolve } = Promise.withResolvers<void>();
    const connecting = connect({ init: () => promise.then(init), handle: () => OK }, {
      connections,
      onError: () => {},
    });
    const drained = connections.drain({ deadline: 0 });
    time.tick(0);
    assertEquals(await drained, { drained: 0, abandoned: 1 });
    resolve();
    const client = await connecting;
    await assertRejects(() => client.terminated, Error, "the upgrade was refused");
  });
}

Deno.test("self is the address that init was given", async () => {
  const selves: unknown[] = [];
  const client = await connect<null, string>({
    init: (_request, self) => {
      selves.push(self);
      return OK;
    },
    handle: () => OK,
    info: (info, state) => ({ kind: "reply", frames: text(info), state }),
  });
  assertStrictEquals(selves[0], client.self);
  assert(client.self.send("news"));
  assertEquals(await client.receive(), text("news"));
});

interface Refusal {
  readonly when: string;
  readonly options?: () => ConnectOptions | Promise<ConnectOptions>;
  readonly init?: WebsocketHandler<null>["init"];
  readonly status: number;
  readonly body: RegExp;
}

const ELSEWHERE = { origin: "https://elsewhere.example" };

const SENTENCE_REGEXP = /^[A-Z][^\n]+\.\n$/;

const REFUSALS: readonly Refusal[] = [
  {
    when: "the origin is another",
    options: () => ({ headers: ELSEWHERE }),
    status: 403,
    body: SENTENCE_REGEXP,
  },
  {
    when: "the origin is not listed",
    options: () => ({ headers: ELSEWHERE, origin: ["https://example.com"] }),
    status: 403,
    body: SENTENCE_REGEXP,
  },
  {
    when: "a function refuses the origin",
    options: () => ({ headers: ELSEWHERE, origin: () => Promise.resolve(false) }),
    status: 403,
    body: SENTENCE_REGEXP,
  },
  {
    when: "a function is not sure of the origin",
    options: () => ({ headers: ELSEWHERE, origin: () => "true" as never }),
    status: 403,
    body: SENTENCE_REGEXP,
  },
  {
    when: "a function throws for the origin",
    options: () => ({
      headers: ELSEWHERE,
      origin: () => {
        throw new Error("no");
      },
      onError: () => {},
    }),
    status: 500,
    body: SENTENCE_REGEXP,
  },
  { when: "init says shutdown", init: () => ({ kind: "shutdown" }), status: 400, body: /^$/ },
  {
    when: "init says shutdown with a response",
    init: () => ({ kind: "shutdown", response: new Response("log in", { status: 401 }) }),
    status: 401,
    body: /^log in$/,
  },
  {
    when: "init promises shutdown",
    init: () => Promise.resolve({ kind: "shutdown", response: new Response("no") }),
    status: 200,
    body: /^no$/,
  },
  {
    when: "init throws",
    options: () => ({ onError: () => {} }),
    init: () => {
      throw new Error("a secret");
    },
    status: 500,
    body: SENTENCE_REGEXP,
  },
];

for (const { when, options = () => ({}), init = () => OK, status, body } of REFUSALS) {
  Deno.test(`connect() is refused with ${status} when ${when}`, async () => {
    const seen: unknown[] = [];
    const client = await connect({
      init,
      handle: (frame) => {
        seen.push(frame);
        return OK;
      },
      terminate: (reason) => void seen.push(reason),
    }, await options());
    client.send(text("lost"));
    client.close();
    client.drop();

    assertEquals(client.response.status, status);
    assertMatch(await client.response.text(), body);
    await assertRejects(() => client.receive(), Error, "Cannot receive");
    await assertRejects(() => client.terminated, Error, `refused with status ${status}`);
    assertFalse(client.self.send(undefined as never));
    assert(client.self.signal.aborted);
    assertEquals(seen, []);
  });
}

const NO_ROOM: Readonly<Record<string, () => Connections>> = {
  "its group may have none": () => new Connections({ max: 0 }),
  "its group is draining": () => {
    const connections = new Connections();
    void connections.drain();
    return connections;
  },
};

for (const [when, make] of Object.entries(NO_ROOM)) {
  Deno.test(`connect() is refused with 503 when ${when}`, async () => {
    let isReached = false;
    const client = await connect({
      init: () => {
        isReached = true;
        return OK;
      },
      handle: () => OK,
    }, { connections: make() });

    assertEquals(client.response.status, 503);
    assertMatch(client.response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    assertMatch(await client.response.text(), SENTENCE_REGEXP);
    assertFalse(isReached);
    await assertRejects(() => client.receive());
    await assertRejects(() => client.terminated, Error, "refused with status 503");
    assertFalse(client.self.send(undefined as never));
    assert(client.self.signal.aborted);
  });
}

Deno.test("connect() is refused with init's own response", async () => {
  const response = Response.json({ why: "no" }, { status: 402, headers: { "x-why": "no" } });
  const client = await connect({
    init: () => ({ kind: "shutdown", response }),
    handle: () => OK,
  });
  assertStrictEquals(client.response, response);
});

Deno.test("connect() counts a pending init against max, and forgets one that refuses", async () => {
  const connections = new Connections({ max: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = connect({
    init: async () => {
      await promise;
      return { kind: "shutdown" };
    },
    handle: () => OK,
  }, { connections });

  assertEquals((await connect(ECHO, { connections })).response.status, 503);
  resolve();
  assertEquals((await first).response.status, 400);
  const last = await connect(ECHO, { connections });
  assertEquals(last.response.status, 101);
  assertEquals((await connect(ECHO, { connections })).response.status, 503);
  last.drop();
  await last.terminated;
  assertEquals((await connect(ECHO, { connections })).response.status, 101);
});

const ALLOWED: Readonly<Record<string, ConnectOptions>> = {
  "the same origin": { headers: { origin: "http://localhost" } },
  "the same host behind TLS": { headers: { origin: "https://localhost" } },
  "the origin of the Host header": {
    headers: { origin: "https://example.com:8443", host: "example.com:8443" },
  },
  "any origin": { headers: ELSEWHERE, origin: "any" },
  "a listed origin": { headers: ELSEWHERE, origin: ["https://x.example", ELSEWHERE.origin] },
  "an origin that a function allows": { headers: ELSEWHERE, origin: () => true },
  "an origin that a function promises": {
    headers: ELSEWHERE,
    origin: (origin, request) => Promise.resolve(origin === request.origin),
  },
  "no origin": { origin: [] },
};

for (const [what, options] of Object.entries(ALLOWED)) {
  Deno.test(`connect() is let in with ${what}`, async () => {
    const client = await connect(ECHO, options);
    assertEquals(client.response.status, 101);
  });
}

const WRONG_OPTIONS: readonly (readonly [
  ConnectOptions,
  typeof TypeError | typeof RangeError,
  string,
])[] = [
  [{ origin: "some" as never }, TypeError, `"origin" must be`],
  [{ origin: ["https://example.com/"] }, TypeError, `received "https://example.com/"`],
  [{ origin: [1 as never] }, TypeError, "received 1"],
  [{ heartbeat: -1 }, RangeError, `"heartbeat" must be`],
  [{ heartbeat: NaN }, RangeError, "received NaN"],
  [{ heartbeat: "1" as never }, TypeError, `"heartbeat" must be a number: received "1"`],
  [{ maxMessageSize: 0 }, RangeError, `"maxMessageSize" must be at least 1: received 0`],
  [{ maxMailbox: 0 }, RangeError, `"maxMailbox" must be at least 1: received 0`],
  [{ maxMailboxBytes: 0 }, RangeError, `"maxMailboxBytes" must be at least 1: received 0`],
  [{ maxBuffered: 0 }, RangeError, `"maxBuffered" must be at least 1: received 0`],
  [{ maxBuffered: 1n as never }, TypeError, `"maxBuffered" must be a number: received 1n`],
  [{ closeTimeout: -1 }, RangeError, `"closeTimeout" must be`],
  [{ closeTimeout: 2 ** 31 }, RangeError, "received 2147483648"],
  [{ connections: {} as never }, TypeError, `"connections" must be a Connections`],
  [{ onError: "log" as never }, TypeError, `"onError" must be a function: received "log"`],
  [{ headers: { "a b": "c" } }, TypeError, ""],
];

for (const [options, ErrorClass, message] of WRONG_OPTIONS) {
  Deno.test(`connect() rejects with ${ErrorClass.name} for ${Deno.inspect(options)}`, async () => {
    await assertRejects(() => connect(ECHO, options), ErrorClass, message);
  });
}

for (const name of ["init", "handle", "info", "terminate"]) {
  Deno.test(`connect() rejects with TypeError for a handler whose ${name} is null`, async () => {
    const wrong = `"${name}" must be a function: received null`;
    await assertRejects(() => connect({ ...ECHO, [name]: null }), TypeError, wrong);
  });
}

Deno.test("connect() rejects with TypeError when there is no handler", async () => {
  await assertRejects(() => connect(undefined as never), TypeError, `"init" must be a function`);
});

Deno.test("connect() and all of its client run in fake time", async () => {
  using time = new FakeTime();
  const client = await connect<null, string>({
    init: () => ({ ...OK, timeout: 1_000, frames: text("hello") }),
    handle: async (frame, state) => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return { kind: "reply", frames: frame, state };
    },
    info: (info, state) => ({ kind: "reply", frames: text(info), state }),
  });

  assertEquals(await client.receive(), text("hello"));
  time.tick(900);
  client.send(text("slow echo"));
  const echo = client.receive();
  await time.tickAsync(500);
  assertEquals(await echo, text("slow echo"));
  client.self.send("news");
  assertEquals(await client.receive(), text("news"));
  await time.tickAsync(500);
  assertEquals(await client.receive(), close(1000));
  assertEquals(await client.terminated, TIMEOUT);
});

Deno.test("connect() has no heartbeat", async () => {
  using time = new FakeTime();
  const client = await connect(ECHO, { heartbeat: 10 });
  assertFalse(time.next());
  time.tick(1_000);
  client.send(text("still here"));
  assertEquals(await client.receive(), text("still here"));
});

/** Lets all microtasks run. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
