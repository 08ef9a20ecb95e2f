// What a user on Node does with the package, in plain JavaScript. tests/npm_package_test.ts runs it there.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import * as root from "@lariat/websocket";
import * as frame from "@lariat/websocket/frame";
import * as handlerTypes from "@lariat/websocket/handler";
import { connect } from "@lariat/websocket/testing";
import { close, Connections, ping, serveWebsocket, text } from "@lariat/websocket/ws";
import { WebSocket } from "ws";

const TLS = JSON.parse(readFileSync(new URL("certificate.json", import.meta.url), "utf8"));

const ECHO = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

test("every door can be imported", () => {
  assert.equal(typeof root.serveWebsocket, "function");
  assert.equal(root.text, frame.text);
  assert.deepEqual(Object.keys(handlerTypes), []);
});

test("text and binary come back", () =>
  serve(ECHO, {}, async (url) => {
    const client = await open(url);
    client.socket.send("hello ☕");
    assert.deepEqual(await client.receive(), "hello ☕");
    client.socket.send(Buffer.from([0, 255, 7]));
    assert.deepEqual(await client.receive(), Buffer.from([0, 255, 7]));
    client.socket.close();
    await client.closed;
  }));

test("a ping is answered, and shown to control", () => {
  const control = ({ kind, data }, state) => ({
    kind: "reply",
    frames: text(`${kind} ${Buffer.from(data)}`),
    state,
  });
  return serve({ ...ECHO, control }, {}, async (url) => {
    const client = await open(url);
    const pong = once(client.socket, "pong");
    client.socket.ping("are you there?");
    assert.equal(String((await pong)[0]), "are you there?");
    assert.equal(await client.receive(), "ping are you there?");
    client.socket.close();
    await client.closed;
  });
});

test("a handler may ping", () => {
  const init = () => ({ kind: "ok", state: null, frames: ping(Buffer.from("hi")) });
  const control = ({ kind, data }, state) => ({
    kind: "reply",
    frames: text(`${kind} ${Buffer.from(data)}`),
    state,
  });
  return serve({ ...ECHO, init, control }, {}, async (url) => {
    const client = await open(url);
    assert.equal(await client.receive(), "pong hi");
    client.socket.close();
    await client.closed;
  });
});

test("init refuses with a response of its own", () => {
  const response = () =>
    new Response("Send a token.\n", { status: 401, headers: { "x-why": "token" } });
  const init = () => ({ kind: "shutdown", response: response() });
  return serve({ ...ECHO, init }, {}, async (url) => {
    const { statusCode, headers, body } = await refused(url);
    assert.deepEqual([statusCode, headers["x-why"], body], [401, "token", "Send a token.\n"]);
  });
});

test("a page of another origin is refused", () =>
  serve(ECHO, {}, async (url) => {
    const { statusCode } = await refused(url, { origin: "https://elsewhere.example" });
    assert.equal(statusCode, 403);
  }));

test("a plain GET goes to the server's own listener", () =>
  serve(ECHO, {}, async (url) => {
    const [response] = await once(http.get(url.replace("ws:", "http:")), "response");
    assert.equal(response.statusCode, 404);
    response.resume();
    await once(response, "end");
  }));

test("init chooses a subprotocol and sets a cookie", () => {
  let request;
  const init = (asked) => {
    request = asked;
    return {
      kind: "ok",
      state: null,
      protocol: asked.protocols[1],
      headers: { "set-cookie": "a=b" },
    };
  };
  return serve({ ...ECHO, init }, {}, async (url) => {
    const client = connectTo(`${url}/room?x=1`, ["chat.v1", "chat.v2"]);
    const [[response]] = await Promise.all([
      once(client.socket, "upgrade"),
      once(client.socket, "open"),
    ]);
    assert.deepEqual(response.headers["set-cookie"], ["a=b"]);
    assert.equal(client.socket.protocol, "chat.v2");
    assert.equal(request.url, `${url.replace("ws:", "http:")}/room?x=1`);
    assert.equal(request.remoteAddr.hostname, "127.0.0.1");
    client.socket.close();
    await client.closed;
  });
});

test("info reaches a connection from the rest of the program", () => {
  let self;
  const handler = {
    init: (_request, own) => {
      self = own;
      return { kind: "ok", state: 0 };
    },
    handle: (_frame, count) => ({ kind: "ok", state: count + 1 }),
    info: (news, count) => ({ kind: "reply", frames: text(`${news} ${count}`), state: count }),
  };
  return serve(handler, {}, async (url) => {
    const client = await open(url);
    assert.equal(self.send("news"), true);
    assert.equal(await client.receive(), "news 0");
    client.socket.close();
    await once(self.signal, "abort");
    assert.equal(self.send("late"), false);
    await client.closed;
  });
});

const CRASH = new Error("out of luck");

const ENDS = [
  {
    name: "the client's good-bye",
    act: (socket) => socket.close(4001, "bye"),
    reason: { kind: "remote", code: 4001, reason: "bye" },
    code: 4001,
  },
  {
    name: "a good-bye without a code",
    act: (socket) => socket.close(),
    reason: { kind: "remote", code: 1005, reason: "" },
    code: 1005,
  },
  {
    name: "a lost line",
    act: (socket) => socket.terminate(),
    reason: { kind: "error", cause: "closed" },
    code: 1006,
  },
  {
    name: "a shutdown",
    handle: (_frame, state) => ({ kind: "shutdown", state }),
    reason: { kind: "normal", cause: "shutdown" },
    code: 1000,
  },
  {
    name: "a close frame of the handler",
    handle: (_frame, state) => ({ kind: "reply", frames: close(4002, "enough"), state }),
    reason: { kind: "normal", cause: "shutdown" },
    code: 4002,
  },
  {
    name: "a callback that throws",
    handle: () => {
      throw CRASH;
    },
    reason: { kind: "error", cause: "crash", error: CRASH },
    code: 1011,
  },
  {
    name: "silence",
    init: () => ({ kind: "ok", state: null, timeout: 20 }),
    act: () => {},
    reason: { kind: "normal", cause: "timeout" },
    code: 1000,
  },
  {
    name: "a message that is too long",
    act: (socket) => socket.send("x".repeat(101)),
    reason: { kind: "error", cause: "badsize" },
    code: 1009,
  },
  {
    name: "a frame without a mask",
    act: (socket) => socket._socket.write(Buffer.from([0x81, 1, 97])),
    reason: { kind: "error", cause: "badframe" },
    code: 1002,
  },
  {
    name: "a text that is not UTF-8",
    act: (socket) => socket.send(Buffer.from([0xff]), { binary: false }),
    reason: { kind: "error", cause: "badencoding" },
    code: 1007,
  },
];

for (const { name, act = (socket) => socket.send("go"), reason, code, ...callbacks } of ENDS) {
  test(`terminate learns the reason of ${name}`, async () => {
    const told = [];
    let terminate;
    const terminated = new Promise((resolve) => terminate = resolve);
    const options = { maxMessageSize: 100, onError: (error) => told.push(error) };
    await serve({ ...ECHO, ...callbacks, terminate }, options, async (url) => {
      const client = await open(url);
      act(client.socket);
      assert.equal(await client.closed, code);
      assert.deepEqual(await terminated, reason);
    });
    assert.deepEqual(told, reason.cause === "crash" ? [CRASH] : []);
  });
}

test("Connections counts, sends to all and drains", () => {
  const connections = new Connections({ max: 2 });
  const listener = {
    ...ECHO,
    info: (news, state) => ({ kind: "reply", frames: text(news), state }),
  };
  return serve(listener, { connections }, async (url) => {
    const clients = [await open(url), await open(url)];
    assert.equal((await refused(url)).statusCode, 503);
    assert.equal(connections.send("hello, all"), 2);
    for (const client of clients) assert.equal(await client.receive(), "hello, all");
    const drained = connections.drain({ code: 1012, reason: "restart" });
    for (const client of clients) assert.equal(await client.closed, 1012);
    assert.deepEqual(await drained, { drained: 2, abandoned: 0 });
    assert.equal((await refused(url)).statusCode, 503);
  });
});

test("messages are compressed for a client that can", () =>
  serve(ECHO, { compress: true }, async (url) => {
    const client = await open(url);
    assert.match(client.socket.extensions, /permessage-deflate/);
    const long = "many words ".repeat(10_000);
    client.socket.send(long);
    assert.equal(await client.receive(), long);
    client.socket.close();
    await client.closed;
    assert.ok(client.bytesRead < long.length / 10);
  }));

// Deno runs this file too, and its node:https reads on.
for (const scheme of "Deno" in globalThis ? ["ws"] : ["ws", "wss"]) {
  test(`a client that is too fast is made to wait over ${scheme}`, () => {
    const COUNT = 256;
    const CHUNK = Buffer.alloc(65_536);
    let taken = 0;
    const handler = {
      ...ECHO,
      handle: async (frame, state) => {
        await delay(1);
        taken += frame.data.length;
        return taken < COUNT * CHUNK.length ? { kind: "ok", state } : { kind: "shutdown", state };
      },
    };
    return serve(handler, { maxMailboxBytes: 1_048_576 }, async (url) => {
      const client = await open(url);
      for (let sent = 0; sent < COUNT; sent++) client.socket.send(CHUNK);
      assert.equal(await client.closed, 1000);
      assert.equal(taken, COUNT * CHUNK.length);
    }, scheme);
  });
}

test("over TLS the request is one of https, and messages of any size come back", () => {
  let request;
  const init = (asked) => {
    request = asked;
    return { kind: "ok", state: null };
  };
  return serve({ ...ECHO, init }, {}, async (url) => {
    const client = await open(url);
    assert.equal(request.url, `${url.replace("wss:", "https:")}/`);
    for (const size of [0, 1, 16_384, 65_536, 1_000_000]) {
      const message = Buffer.alloc(size, "a message");
      client.socket.send(message);
      assert.deepEqual(await client.receive(), message);
    }
    client.socket.close();
    await client.closed;
  }, "wss");
});

test("a client that does not read is let go of", async () => {
  const reasons = [];
  const flood = {
    ...ECHO,
    handle: (frame, state) => ({ kind: "reply", frames: Array(32).fill(frame), state }),
    terminate: (reason) => void reasons.push(reason),
  };
  await serve(flood, { maxBuffered: 1_048_576, closeTimeout: 50 }, async (url) => {
    const client = await open(url);
    client.socket.pause();
    client.socket.send(Buffer.alloc(1_000_000));
    while (reasons.length === 0) await delay(5);
    client.socket.terminate();
    await client.closed;
  });
  assert.deepEqual(reasons, [{ kind: "error", cause: "slow" }]);
});

test("connect runs a handler in memory", async () => {
  const counter = {
    init: ({ protocols }) => ({ kind: "ok", state: { count: 1 }, protocol: protocols[0] }),
    handle: (_frame, { count }) => ({
      kind: "reply",
      frames: text(`${count}`),
      state: { count: count + 1 },
      hibernate: true,
    }),
  };
  const client = await connect(counter, { protocols: ["count"] });
  assert.deepEqual([client.response.status, client.response.ok], [101, false]);
  assert.equal(client.response.headers.get("sec-websocket-protocol"), "count");
  for (const count of ["1", "2"]) {
    client.send(text("how many?"));
    assert.deepEqual(await client.receive(), text(count));
  }
  client.close(1000, "bye");
  assert.deepEqual(await client.terminated, { kind: "remote", code: 1000, reason: "bye" });
});

test("connect shows a refusal", async () => {
  const client = await connect({ ...ECHO, init: () => ({ kind: "shutdown" }) });
  assert.equal(client.response.status, 400);
  await assert.rejects(client.terminated, /refused with status 400/);
});

/** Serves `handler` on a port of its own while `use` runs. */
async function serve(handler, options, use, scheme = "ws") {
  const { createServer } = scheme === "ws" ? http : https;
  const server = createServer(TLS, (_request, response) => response.writeHead(404).end());
  server.on("upgrade", (request, socket, head) => {
    serveWebsocket(request, socket, head, handler, options);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use(`${scheme}://127.0.0.1:${server.address().port}`);
  } finally {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }
}

async function open(url) {
  const client = connectTo(url);
  await once(client.socket, "open");
  return client;
}

/** A client of npm ws, with its messages one by one. */
function connectTo(url, protocols) {
  const socket = new WebSocket(url, protocols, { ca: TLS.cert, servername: "localhost" });
  const messages = [];
  let wake = () => {};
  socket.on("message", (data, isBinary) => {
    messages.push(isBinary ? data : data.toString());
    wake();
  });
  const client = {
    socket,
    bytesRead: 0,
    closed: once(socket, "close").then(([code]) => code),
    async receive() {
      while (messages.length === 0) await new Promise((resolve) => wake = resolve);
      return messages.shift();
    },
  };
  socket.on("upgrade", ({ socket: line }) => {
    line.on("close", () => client.bytesRead = line.bytesRead);
  });
  return client;
}

/** The answer to a handshake that is refused. */
async function refused(url, options) {
  const socket = new WebSocket(url, options);
  const [, response] = await once(socket, "unexpected-response");
  let body = "";
  for await (const chunk of response) body += chunk;
  return { statusCode: response.statusCode, headers: response.headers, body };
}
