import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  binary,
  close,
  type CloseFrame,
  Connections,
  type Self,
  serveWebsocket,
  type ServeWebsocketOptions,
  type TerminateReason,
  text,
  type UpgradeRequest,
  type WebsocketHandler,
} from "../mod.ts";
import {
  closeFrame,
  codeOf,
  frame,
  handshake,
  join,
  OPCODE,
  RawClient,
  textOf,
} from "./_raw_client.ts";
import { milliseconds, serveRaw, until } from "./_server.ts";
import { testEach, type Transport, TRANSPORTS } from "./_transports.ts";

const ECHO: WebsocketHandler<null> = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

/** The status and head of the answer to a handshake. */
async function ask(
  { serve }: Transport,
  headers: Record<string, string | null>,
  { line, options, handler = ECHO }: {
    readonly line?: string;
    readonly options?: ServeWebsocketOptions;
    readonly handler?: WebsocketHandler<null>;
  } = {},
): Promise<{ status: number; head: string }> {
  await using server = await serve(handler, options);
  using client = await RawClient.connect(server.port);
  const head = await client.upgrade(headers, line);
  if (head.startsWith("HTTP/1.1 101")) await client.write(closeFrame(1000));
  return { status: Number(head.split(" ")[1]), head: head.toLowerCase() };
}

/** A handshake, and the status of its answer. */
interface Handshake {
  readonly name: string;
  readonly headers?: Record<string, string | null>;
  readonly line?: string;
  readonly status: number;
}

const LIST = { "Upgrade": "h2c, WebSocket", "Connection": "keep-alive, upgrade" };
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

const HANDSHAKES: readonly Handshake[] = [
  { name: "a plain upgrade", status: 101 },
  { name: "lists of tokens", headers: LIST, status: 101 },
  { name: "another Upgrade", headers: { "Upgrade": "foo" }, status: 426 },
  { name: "version 8", headers: { "Sec-WebSocket-Version": "8" }, status: 426 },
  { name: "two versions", headers: { "Sec-WebSocket-Version": "13, 8" }, status: 426 },
  { name: "no version", headers: { "Sec-WebSocket-Version": null }, status: 426 },
  { name: "a short key", headers: { "Sec-WebSocket-Key": "abc" }, status: 400 },
  { name: "no key", headers: { "Sec-WebSocket-Key": null }, status: 400 },
  { name: "two keys", headers: { "Sec-WebSocket-Key": `${KEY}, ${KEY}` }, status: 400 },
  { name: "POST", line: "POST / HTTP/1.1", status: 405 },
  { name: "HEAD", line: "HEAD / HTTP/1.1", status: 405 },
  { name: "a foreign page", headers: { "Origin": "https://evil.example" }, status: 403 },
  { name: "a sandboxed page", headers: { "Origin": "null" }, status: 403 },
  { name: "a page of the same origin", headers: { "Origin": "http://127.0.0.1" }, status: 101 },
  { name: "one of the same host by TLS", headers: { "Origin": "https://127.0.0.1" }, status: 101 },
];

/** Requests for something else. */
const PLAIN: readonly Handshake[] = [
  { name: "no Upgrade", headers: { "Upgrade": null }, status: 426 },
  { name: "no Connection: upgrade", headers: { "Connection": "keep-alive" }, status: 426 },
];

for (const transport of TRANSPORTS) {
  const plain = transport.differences.plainRequests ? PLAIN : [];
  for (const { name, headers = {}, line, status } of [...HANDSHAKES, ...plain]) {
    Deno.test(`serveWebsocket() answers ${name} with ${status} [${transport.name}]`, async () => {
      const answer = await ask(transport, headers, line === undefined ? {} : { line });
      assertEquals(answer.status, status);
      if (status !== 426) return;
      assertStringIncludes(answer.head, "upgrade: websocket");
      assertStringIncludes(answer.head, "sec-websocket-version: 13");
    });
  }
}

const REFUSALS: readonly (readonly [string, Record<string, string>, string])[] = [
  ["version 8", { "Sec-WebSocket-Version": "8" }, "Use version 13 of WebSocket"],
  ["a short key", { "Sec-WebSocket-Key": "abc" }, "Send 16 random bytes in base64"],
  ["a foreign page", { "Origin": "https://evil.example" }, "Pages of this origin may not connect"],
];

for (const [name, headers, start] of REFUSALS) {
  testEach(
    `serveWebsocket() tells ${name} in one plain sentence what to change`,
    async ({ serve }) => {
      await using server = await serve(ECHO);
      using client = await RawClient.connect(server.port);
      const head = (await client.upgrade(headers)).toLowerCase();
      assertStringIncludes(head, "content-type: text/plain; charset=utf-8");
      assertMatch(await client.readBody(head), new RegExp(`^${start}.*\\.\n$`));
    },
  );
}

testEach(
  "serveWebsocket() takes a target of two slashes for a path, and not for a host",
  async ({ serve }) => {
    const url = Promise.withResolvers<string>();
    await using server = await serve({
      init(request) {
        url.resolve(request.url);
        return { kind: "shutdown" };
      },
      handle: (_frame, state: null) => ({ kind: "ok", state }),
    });
    using client = await RawClient.connect(server.port);
    await client.upgrade({ Host: "example.com" }, "GET //public/admin?x HTTP/1.1");
    assertEquals(await url.promise, "http://example.com//public/admin?x");
  },
);

testEach("serveWebsocket() does not call init for a refused handshake", async (transport) => {
  let inits = 0;
  const handler: WebsocketHandler<null> = {
    ...ECHO,
    init: () => (inits++, { kind: "ok", state: null }),
  };
  await ask(transport, { "Sec-WebSocket-Version": "8" }, { handler });
  await ask(transport, { "Origin": "https://evil.example" }, { handler });
  await ask(transport, {}, { handler, options: { connections: new Connections({ max: 0 }) } });
  assertEquals(inits, 0);
});

for (const offered of ["a,b", "a ,b", "a, b", "a,\tb", ",a,,b,", "b"]) {
  testEach(
    `serveWebsocket() agrees on subprotocol b when ${JSON.stringify(offered)} is offered`,
    async (transport) => {
      const seen: string[] = [];
      const handler: WebsocketHandler<null> = {
        ...ECHO,
        init({ protocols }) {
          seen.push(...protocols);
          return { kind: "ok", state: null, protocol: "b" };
        },
      };
      const { status, head } = await ask(transport, { "Sec-WebSocket-Protocol": offered }, {
        handler,
      });
      assertEquals(status, 101);
      assertStringIncludes(head, "sec-websocket-protocol: b");
      assertEquals(seen.at(-1), "b");
    },
  );
}

testEach("serveWebsocket() sends the headers and cookies of init on the 101", async (transport) => {
  const { head } = await ask(transport, {}, {
    handler: {
      ...ECHO,
      init: () => ({
        kind: "ok",
        state: null,
        headers: [["set-cookie", "a=1"], ["set-cookie", "b=2; Path=/"], ["x-served-by", "lariat"]],
      }),
    },
  });
  assertStringIncludes(head, "set-cookie: a=1\r\n");
  assertStringIncludes(head, "set-cookie: b=2; path=/");
  assertStringIncludes(head, "x-served-by: lariat");
});

testEach(
  "serveWebsocket() answers with the response of a shutdown in init, or an empty 400",
  async (transport) => {
    const refusing = (response?: Response): WebsocketHandler<null> => ({
      ...ECHO,
      init: () => response === undefined ? { kind: "shutdown" } : { kind: "shutdown", response },
    });
    const own = new Response("Say who you are.", { status: 401, headers: { "x-own": "yes" } });
    await using server = await transport.serve(refusing(own));
    using client = await RawClient.connect(server.port);
    const head = (await client.upgrade()).toLowerCase();
    assertStringIncludes(head, "http/1.1 401 ");
    assertStringIncludes(head, "x-own: yes");
    assertEquals(await client.readBody(head), "Say who you are.");
    assertEquals((await ask(transport, {}, { handler: refusing() })).status, 400);
  },
);

testEach("serveWebsocket() refuses with 503 and Retry-After at max", async ({ serve }) => {
  const connections = new Connections({ max: 1 });
  await using server = await serve(ECHO, { connections });
  using first = await RawClient.open(server.port);
  using second = await RawClient.connect(server.port);
  const head = await second.upgrade();
  assertStringIncludes(head, "503");
  assertStringIncludes(head.toLowerCase(), "retry-after: ");
  await first.write(closeFrame(1000));
  await first.readClose();
  await until("the first to leave", () => connections.size === 0);
  using third = await RawClient.open(server.port);
  await third.write(closeFrame(1000));
});

testEach(
  "init gets a request that stays readable, with the address handed on",
  async ({ serve }) => {
    const requests: UpgradeRequest[] = [];
    await using server = await serve({
      ...ECHO,
      init: (request) => (requests.push(request), { kind: "ok", state: null }),
    });
    using client = await RawClient.connect(server.port);
    await client.upgrade({ "X-Seen": "yes", "Origin": "http://127.0.0.1" }, "GET /a?b=c HTTP/1.1");
    await client.write(closeFrame(1000));
    await client.readClose();
    const [request] = requests;
    assertEquals(request?.url, "http://127.0.0.1/a?b=c");
    assertEquals(request?.headers.get("x-seen"), "yes");
    assertEquals(request?.origin, "http://127.0.0.1");
    assertEquals(request?.remoteAddr?.transport, "tcp");
  },
);

testEach("Law 1: one at a time, and in order — while every callback waits", async ({ serve }) => {
  let running = 0;
  let most = 0;
  await using server = await serve({
    init: () => ({ kind: "ok", state: null }),
    async handle(frame, state: null) {
      most = Math.max(most, ++running);
      await milliseconds(1);
      running--;
      return { kind: "reply", frames: frame, state };
    },
  });
  using client = await RawClient.open(server.port);
  const messages = Array.from({ length: 30 }, (_, index) => `${index}`);
  await client.write(join(...messages.map((message) => frame(OPCODE.text, message))));
  const seen: string[] = [];
  while (seen.length < messages.length) {
    const next = await client.readFrame();
    assert(next !== undefined);
    seen.push(textOf(next));
  }
  assertEquals(seen, messages);
  assertEquals(most, 1);
});

testEach(
  "Law 2: in order — reply frames as listed, up to the first close frame",
  async ({ serve }) => {
    await using server = await serve({
      init: () => ({ kind: "ok", state: null }),
      handle: (_frame, state: null) => ({
        kind: "reply",
        frames: [text("1"), text("2"), close(4000), text("3"), close(4001)],
        state,
      }),
    });
    using client = await RawClient.open(server.port);
    await client.write(frame(OPCODE.text, "x"));
    const frames = await client.readUntilClose();
    assertEquals(frames.slice(0, -1).map(textOf), ["1", "2"]);
    assertEquals(frames.slice(-1).map(codeOf), [4000]);
  },
);

testEach(
  "Law 3: init first, its frames are the first on the wire, its infos come before client frames",
  async ({ serve }) => {
    await using server = await serve<string[], string>({
      init(_request, self) {
        self.send("an info");
        return { kind: "ok", state: [], frames: [text("first"), text("second")] };
      },
      handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
      info: (info, state) => ({ kind: "reply", frames: text(info), state }),
    });
    using client = await RawClient.connect(server.port);
    await client.write(
      join(handshake(), frame(OPCODE.text, "a client frame"), frame(OPCODE.text, "bye")),
    );
    await client.readHead();
    const seen: string[] = [];
    while (seen.length < 5) {
      const next = await client.readFrame();
      assert(next !== undefined);
      seen.push(textOf(next));
    }
    assertEquals(seen, ["first", "second", "an info", "a client frame", "bye"]);
  },
);

testEach("serveWebsocket() echoes text and bytes of every length encoding", async ({ serve }) => {
  await using server = await serve(ECHO);
  using client = await RawClient.open(server.port);
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 1_048_576]) {
    const bytes = new Uint8Array(length).map((_, index) => index % 251);
    await client.write(frame(OPCODE.binary, bytes));
    const echo = await client.readFrame();
    assertEquals(echo?.opcode, OPCODE.binary);
    assertEquals(echo?.payload, bytes);
  }
  await client.write(frame(OPCODE.text, "grüße 🦕"));
  const echo = await client.readFrame();
  assertEquals(echo && textOf(echo), "grüße 🦕");
});

/** Runs a handler that answers the first message with a frame, and tells how the connection ended. */
async function answerWith(
  { serve }: Transport,
  answer: CloseFrame,
): Promise<{ sees: number | "fin"; reason: TerminateReason; told: readonly unknown[] }> {
  const ended = Promise.withResolvers<TerminateReason>();
  const told: unknown[] = [];
  await using server = await serve({
    init: () => ({ kind: "ok", state: null }),
    handle: (_frame, state: null) => ({ kind: "reply", frames: answer, state }),
    terminate: ended.resolve,
  }, { onError: (error) => void told.push(error) });
  using client = await RawClient.open(server.port);
  await client.write(frame(OPCODE.text, "x"));
  return { sees: await client.readClose(), reason: await ended.promise, told };
}

for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_536, NaN]) {
  testEach(
    `a close frame with code ${code} from a handler is an error to its author, not garbage on the wire`,
    async (transport) => {
      const { sees, reason, told } = await answerWith(transport, {
        kind: "close",
        code,
        reason: "",
      });
      assertEquals(sees, 1011);
      assertEquals(reason, { kind: "error", cause: "crash", error: told[0] });
      assertEquals(
        String(told[0]),
        `RangeError: Cannot build a close frame as "code" must be 1000-1003, 1007-1014 or 3000-4999: received ${code}`,
      );
    },
  );
}

testEach(
  "a close reason of 124 bytes from a handler is an error to its author; 123 bytes go out",
  async (transport) => {
    const long = await answerWith(transport, {
      kind: "close",
      code: 4000,
      reason: "x".repeat(124),
    });
    assertEquals(long.sees, 1011);
    assertStringIncludes(String(long.told[0]), `must be at most 123 bytes: received 124`);
    const short = await answerWith(transport, close(4000, "x".repeat(123)));
    assertEquals(short.sees, 4000);
    assertEquals(short.reason, { kind: "normal", cause: "shutdown" });
  },
);

testEach(
  "Law 5: terminate last, once — at once although the close is never answered; the line is let go after closeTimeout",
  async ({ serve, differences }) => {
    const connections = new Connections();
    const reasons: TerminateReason[] = [];
    await using server = await serve({
      init: () => ({ kind: "ok", state: null }),
      handle: (_frame, state: null) => ({ kind: "shutdown", state }),
      terminate: (reason) => void reasons.push(reason),
    }, { connections, closeTimeout: 40 });
    using client = await RawClient.open(server.port);
    await client.write(frame(OPCODE.text, "x"));
    assertEquals(await client.readClose(), 1000);
    assertEquals(reasons, [{ kind: "normal", cause: "shutdown" }]);
    assertEquals(connections.abandoned, 0);
    let cut = 0;
    const over = client.readAll().then(() => cut++);
    await until("the line to be let go", () => connections.abandoned + cut === 1);
    assertEquals({ abandoned: connections.abandoned, cut }, differences.unanswered);
    assertEquals(reasons.length, 1);
    client.end();
    await over;
  },
);

testEach(
  "Law 5: terminate last, once — at once at the client's close although it holds the line",
  async ({ serve }) => {
    const reasons: TerminateReason[] = [];
    await using server = await serve({
      ...ECHO,
      terminate: (reason) => void reasons.push(reason),
    }, { closeTimeout: 60_000 });
    using client = await RawClient.open(server.port);
    await client.write(closeFrame(4000, "bye"));
    assertEquals(await client.readClose(), 4000);
    await until("terminate", () => reasons.length > 0);
    assertEquals(reasons, [{ kind: "remote", code: 4000, reason: "bye" }]);
  },
);

testEach(
  "Law 5: terminate last, once — although a ping is never answered, of which Deno tells twice",
  async ({ serve }) => {
    const reasons: TerminateReason[] = [];
    await using server = await serve({
      ...ECHO,
      terminate: (reason) => void reasons.push(reason),
    }, { heartbeat: 60, closeTimeout: 40 });
    using client = await RawClient.open(server.port);
    await client.readAll();
    await milliseconds(20);
    assertEquals(reasons, [{ kind: "error", cause: "heartbeat" }]);
  },
);

testEach(
  "Law 5: terminate last, once — although the client vanishes during init",
  async ({ serve }) => {
    const begun = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown[]>();
    await using server = await serve({
      async init() {
        begun.resolve();
        await asked.promise;
        return { kind: "ok", state: "the state of init" };
      },
      handle: (_frame, state: string) => ({ kind: "ok", state }),
      terminate: (...all) => ended.resolve(all.slice(0, 2)),
    });
    const client = await RawClient.connect(server.port);
    await client.write(handshake());
    await begun.promise;
    client.end();
    await milliseconds(10);
    asked.resolve();
    assertEquals(await ended.promise, [{ kind: "error", cause: "closed" }, "the state of init"]);
  },
);

testEach(
  "Law 4: first reason wins — a close asked for before the open is sent at the open",
  async ({ serve }) => {
    const connections = new Connections<string>();
    const ended = Promise.withResolvers<TerminateReason>();
    await using server = await serve<null, string>({
      init: (_request, self) => {
        for (let left = 3; left > 0; left--) self.send("too much");
        return { kind: "ok", state: null };
      },
      handle: (_frame, state) => ({ kind: "ok", state }),
      info: (_info, state) => ({ kind: "ok", state }),
      terminate: ended.resolve,
    }, { connections, maxMailbox: 2 });
    using client = await RawClient.connect(server.port);
    assertStringIncludes(await client.upgrade(), "503");
    assertEquals(await ended.promise, { kind: "error", cause: "overflow" });
  },
);

testEach(
  "a drain during the upgrade turns the client away, and terminate runs",
  async ({ serve }) => {
    const connections = new Connections();
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const reasons: TerminateReason[] = [];
    await using server = await serve({
      async init() {
        begun.resolve();
        await goOn.promise;
        return { kind: "ok", state: null };
      },
      handle: (_frame, state: null) => ({ kind: "ok", state }),
      terminate: (reason) => void reasons.push(reason),
    }, { connections });
    using client = await RawClient.connect(server.port);
    const answer = client.upgrade();
    await begun.promise;
    const drained = connections.drain();
    goOn.resolve();
    assertEquals(await drained, { drained: 1, abandoned: 0 });
    assertStringIncludes(await answer, "503");
    assertEquals(reasons, [{ kind: "normal", cause: "drain" }]);
  },
);

testEach(
  "self.buffered tells what the network has not taken, and self.signal the end",
  async ({ serve }) => {
    const selves: Self[] = [];
    let buffered = 0;
    await using server = await serve({
      init: (_request, self) => (selves.push(self), { kind: "ok", state: null }),
      handle(_frame, state: null, self) {
        buffered = Math.max(buffered, self.buffered);
        return { kind: "reply", frames: binary(new Uint8Array(8_000_000)), state };
      },
    }, { closeTimeout: 50 });
    using client = await RawClient.open(server.port);
    await client.write(join(frame(OPCODE.text, "1"), frame(OPCODE.text, "2")));
    await until("a backlog", () => buffered >= 4_000_000);
    const [self] = selves;
    assertEquals(self?.signal.aborted, false);
    client.end();
    await until("the end", () => self?.signal.aborted === true);
    assertEquals(self?.buffered, 0);
  },
);

testEach(
  "serveWebsocket() ends a client that neither reads nor sends with error/heartbeat",
  async ({ serve, differences }) => {
    const connections = new Connections();
    const ended = Promise.withResolvers<TerminateReason>();
    const server = await serve({
      init: () => ({ kind: "ok", state: null, frames: binary(new Uint8Array(8_000_000)) }),
      handle: (_frame, state: null) => ({ kind: "ok", state }),
      terminate: ended.resolve,
    }, { connections, heartbeat: 30, closeTimeout: 40 });
    using _client = await RawClient.open(server.port);
    assertEquals(await ended.promise, { kind: "error", cause: "heartbeat" });
    const { abandoned } = differences.unanswered;
    await until("the line to be let go", () => connections.abandoned === abandoned);
    await server.close();
    assertEquals(connections.abandoned, abandoned);
  },
);

testEach("Law 6: a throw is a reason — for its own connection and no other", async ({ serve }) => {
  const connections = new Connections();
  await using server = await serve({
    init: () => ({ kind: "ok", state: null }),
    handle(frame, state: null) {
      if (frame.data === "throw") throw new Error("as told");
      return { kind: "reply", frames: frame, state };
    },
  }, { connections, onError: () => {} });
  using one = await RawClient.open(server.port);
  using other = await RawClient.open(server.port);
  await one.write(frame(OPCODE.text, "throw"));
  assertEquals(await one.readClose(), 1011);
  await other.write(frame(OPCODE.text, "still served"));
  const echo = await other.readFrame();
  assertEquals(echo && textOf(echo), "still served");
  assertEquals(connections.size, 1);
});

testEach("Law 10: the dead are silent", async ({ serve }) => {
  const selves: Self<string>[] = [];
  const told: string[] = [];
  await using server = await serve<null, string>({
    init: (_request, self) => (selves.push(self), { kind: "ok", state: null }),
    handle: (_frame, state) => ({ kind: "shutdown", state }),
    info: (news, state) => (told.push(news), { kind: "ok", state }),
  });
  using client = await RawClient.open(server.port);
  await client.write(frame(OPCODE.text, "x"));
  assertEquals(await client.readClose(), 1000);
  assertEquals(selves.map((self) => self.send("too late")), [false]);
  await milliseconds(5);
  assertEquals(told, []);
});

testEach(
  "drain() shows its code to 1,000 clients, runs every terminate, and lets the server close at once",
  async ({ serve }) => {
    const connections = new Connections();
    let terminated = 0;
    const server = await serve({
      ...ECHO,
      terminate: async () => {
        await Promise.resolve();
        terminated++;
      },
    }, { connections });
    const clients = await Promise.all(
      Array.from({ length: 1_000 }, () => RawClient.open(server.port)),
    );
    const seen = clients.map(async (client) => {
      const code = await client.readClose();
      await client.write(closeFrame(typeof code === "number" ? code : 1000)).catch(() => {});
      client.end();
      return code;
    });
    assertEquals(await connections.drain({ code: 1012, spread: 100 }), {
      drained: 1_000,
      abandoned: 0,
    });
    assertEquals(terminated, 1_000);
    assertEquals(connections.size, 0);
    const start = performance.now();
    await server.close();
    assertLess(performance.now() - start, 500);
    assertEquals(new Set(await Promise.all(seen)), new Set([1012]));
  },
);

testEach(
  "drain() ends in time with clients that neither read, answer nor leave",
  async ({ serve, differences }) => {
    const connections = new Connections();
    const server = await serve({
      init: () => ({ kind: "ok", state: null, frames: binary(new Uint8Array(8_000_000)) }),
      handle: (_frame, state: null) => ({ kind: "ok", state }),
    }, { connections, closeTimeout: 60 });
    using _client = await RawClient.open(server.port);
    const { abandoned, cut } = differences.unanswered;
    assertEquals(await connections.drain({ deadline: 1_000 }), { drained: cut, abandoned });
    assertEquals(connections.abandoned, abandoned);
    await server.close();
  },
);

Deno.test("raw Deno throws for a list of subprotocols without blanks", async () => {
  const thrown = Promise.withResolvers<unknown>();
  await using server = serveRaw((request) => {
    try {
      return Deno.upgradeWebSocket(request, { protocol: "b" }).response;
    } catch (error) {
      thrown.resolve(error);
      return new Response("", { status: 500 });
    }
  });
  using client = await RawClient.connect(server.port);
  await client.upgrade({ "Sec-WebSocket-Protocol": "a,b" });
  assertStringIncludes(String(await thrown.promise), "Protocol 'b' not in the request's protocol");
});

Deno.test("serveWebsocket() answers a second call for one request with an error", async () => {
  const told: unknown[] = [];
  const reasons: TerminateReason[] = [];
  const second = Promise.withResolvers<Response>();
  await using server = serveRaw(async (request) => {
    const response = await serveWebsocket(request, ECHO);
    const handler = { ...ECHO, terminate: (reason: TerminateReason) => void reasons.push(reason) };
    second.resolve(serveWebsocket(request, handler, { onError: (error) => void told.push(error) }));
    await second.promise;
    return response;
  });
  using client = await RawClient.open(server.port);
  // Deno 2.9.0 aborts the request's signal at the first upgrade, later versions throw at the second.
  assert((await second.promise).status >= 400);
  assert(told.length <= 1);
  assertEquals(reasons, [{ kind: "error", cause: "closed" }]);
  await client.write(frame(OPCODE.text, "still served"));
  const echo = await client.readFrame();
  assertEquals(echo && textOf(echo), "still served");
  await client.write(closeFrame(1000));
});

Deno.test("Law 5: terminate last, once — although the socket never opens", async () => {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const connections = new Connections();
  const reasons: TerminateReason[] = [];
  const noSocketBehindIt = new Request("http://localhost/", { headers });
  await serveWebsocket(noSocketBehindIt, {
    ...ECHO,
    terminate: (reason) => void reasons.push(reason),
  }, { closeTimeout: 20, connections });
  assertEquals(reasons, []);
  await until("the open to be given up", () => reasons.length > 0);
  assertEquals(reasons, [{ kind: "error", cause: "closed" }]);
  assertEquals(connections.abandoned, 1);
});

Deno.test("serveWebsocket() throws at the call for a wrong option or handler", () => {
  const request = new Request("http://localhost/");
  assertThrows(
    () => serveWebsocket(request, ECHO, { maxMailbox: 0 }),
    RangeError,
    `Cannot serve a WebSocket as "maxMailbox" must be at least 1: received 0`,
  );
  assertThrows(
    () => serveWebsocket(request, { ...ECHO, handle: 1 as unknown as typeof ECHO.handle }),
    TypeError,
    `Cannot serve a WebSocket as "handle" must be a function: received 1`,
  );
});
