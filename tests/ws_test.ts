// What only `@lariat/websocket/ws` does, over raw TCP and the client of npm `ws`. What it has in common with `Deno.serve`
// is tested for both elsewhere.

import { assert, assertEquals, assertGreater, assertLess, assertThrows } from "@std/assert";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { constants, createDeflateRaw } from "node:zlib";
// @ts-types="@types/ws"
import { WebSocket as WsClient, WebSocketServer } from "ws";
import * as deno from "../mod.ts";
import {
  binary,
  close,
  Connections,
  ping,
  pong,
  serveWebsocket,
  type ServeWsOptions,
  type TerminateReason,
  text,
  type WsHandler,
} from "../ws.ts";
import {
  closeFrame,
  codeOf,
  frame,
  handshake,
  join,
  OPCODE,
  RawClient,
  type RawFrame,
  textOf,
} from "./_raw_client.ts";
import {
  BADENCODING,
  BADSIZE,
  CLOSED,
  crash,
  HEARTBEAT,
  OVERFLOW,
  remote,
  SHUTDOWN,
  SLOW,
} from "./_reasons.ts";
import { milliseconds, sockets, until } from "./_server.ts";
import { type Served, serveUpgrades } from "./_transports.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const QUICK = { closeTimeout: 100, heartbeat: 0 };

/** A handler's connection as a test sees it. */
interface Watched<State, Info> {
  readonly handler: WsHandler<State, Info>;
  readonly ended: Promise<TerminateReason>;
  readonly self: Promise<deno.Self<Info>>;
}

/** A handler that also tells of its address and of its end. */
function watch<State, Info = never>(handler: WsHandler<State, Info>): Watched<State, Info> {
  const ended = Promise.withResolvers<TerminateReason>();
  const address = Promise.withResolvers<deno.Self<Info>>();
  const watched: WsHandler<State, Info> = {
    ...handler,
    init(request, self) {
      address.resolve(self);
      return handler.init(request, self);
    },
    terminate(reason, state, self) {
      ended.resolve(reason);
      return handler.terminate?.(reason, state, self);
    },
  };
  return { handler: watched, ended: ended.promise, self: address.promise };
}

const ECHO: WsHandler<null, string> = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
  info: (news, state) => ({ kind: "reply", frames: text(news), state }),
};

function serve<State, Info>(
  handler: WsHandler<State, Info>,
  options?: ServeWsOptions<Info>,
): Promise<Served> {
  return serveUpgrades((...upgrade) => serveWebsocket(...upgrade, handler, options));
}

function bytes(payload: string): Uint8Array {
  return new TextEncoder().encode(payload);
}

/** A frame as one word: its kind and its text. */
function show(received: RawFrame | undefined): string {
  if (received === undefined) return "end";
  const [kind] = Object.entries(OPCODE).find(([, opcode]) => opcode === received.opcode) ?? [];
  return `${kind} ${kind === "close" ? codeOf(received) : textOf(received)}`.trim();
}

async function readShown(client: RawClient, count: number): Promise<string[]> {
  const shown: string[] = [];
  while (shown.length < count) shown.push(show(await client.readFrame()));
  return shown;
}

// --- Control frames ---

Deno.test("serveWebsocket() of ws sends the pings and pongs of init and of replies in the order listed", async () => {
  await using server = await serve({
    init: () => ({
      kind: "ok",
      state: null,
      frames: [ping(bytes("a")), text("b"), pong(bytes("c"))],
    }),
    handle: (frame, state) => ({
      kind: "reply",
      frames: [pong(), frame, ping(bytes("x".repeat(125))), close(4000), ping()],
      state,
    }),
  });
  using client = await RawClient.open(server.port);
  assertEquals(await readShown(client, 3), ["ping a", "text b", "pong c"]);
  await client.write(frame(OPCODE.text, "hi"));
  const replies = ["pong", "text hi", `ping ${"x".repeat(125)}`, "close 4000"];
  assertEquals(await readShown(client, 4), replies);
});

for (const pause of [0, 5]) {
  Deno.test(`serveWebsocket() of ws calls control behind the pong and in order with messages, each taking ${pause} ms`, async () => {
    const reply = async (news: string) => {
      if (pause > 0) await milliseconds(pause);
      return { kind: "reply", frames: text(`saw ${news}`), state: null } as const;
    };
    const isSync = pause === 0;
    await using server = await serve({
      init: () => ({ kind: "ok", state: null }),
      handle: ({ data }, state) =>
        isSync ? { kind: "reply", frames: text(`saw ${data}`), state } : reply(`${data}`),
      control: ({ kind, data }, state) => {
        const news = `${kind} ${new TextDecoder().decode(data)}`;
        return isSync ? { kind: "reply", frames: text(`saw ${news}`), state } : reply(news);
      },
    });
    using client = await RawClient.open(server.port);
    await client.write(join(
      frame(OPCODE.text, "1"),
      frame(OPCODE.ping, "2"),
      frame(OPCODE.text, "3"),
      frame(OPCODE.pong, "4"),
      frame(OPCODE.text, "5"),
    ));
    const shown = await readShown(client, 6);
    const [pongs, texts] = [shown.indexOf("pong 2"), shown.filter((one) => one !== "pong 2")];
    assertEquals(
      texts,
      ["saw 1", "saw ping 2", "saw 3", "saw pong 4", "saw 5"].map((t) => `text ${t}`),
    );
    assert(pongs >= 0 && pongs < shown.indexOf("text saw ping 2"));
  });
}

for (
  const [how, control] of Object.entries<() => Promise<never>>({
    throws: () => {
      throw new Error("as told");
    },
    rejects: () => Promise.reject(new Error("as told")),
  })
) {
  Deno.test(`serveWebsocket() of ws ends with 1011 and error/crash when control ${how}`, async () => {
    const told: unknown[] = [];
    const { handler, ended } = watch({ ...ECHO, control });
    await using server = await serve(handler, { onError: (error) => void told.push(error) });
    using client = await RawClient.open(server.port);
    await client.write(frame(OPCODE.ping, "x"));
    assertEquals(await readShown(client, 2), ["pong x", "close 1011"]);
    assertEquals(await ended, crash(told[0]));
    assertEquals(told.map(String), ["Error: as told"]);
  });
}

Deno.test("serveWebsocket() of ws answers pings and drops pongs for a handler without control", async () => {
  await using server = await serve(ECHO);
  using client = await RawClient.open(server.port);
  await client.write(join(
    frame(OPCODE.pong, "1"),
    frame(OPCODE.ping, "2"),
    frame(OPCODE.text, "3"),
    frame(OPCODE.ping, "4"),
  ));
  assertEquals(await readShown(client, 3), ["pong 2", "text 3", "pong 4"]);
});

Deno.test("serveWebsocket() of ws answers each of ten thousand pings that come at once", async () => {
  await using server = await serve(ECHO);
  using client = await RawClient.open(server.port);
  const count = 10_000;
  await client.write(join(...Array<Uint8Array>(count).fill(frame(OPCODE.ping))));
  assertEquals(await readShown(client, count), Array(count).fill("pong"));
});

// --- Types ---

Deno.test("serveWebsocket() of ws takes a WebsocketHandler as it is, that of mod.ts no ping and no control", () => {
  const plain: deno.WebsocketHandler<null, string> = {
    init: () => ({ kind: "ok", state: null }),
    handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
  };
  const request = new Request("http://localhost/");
  const misuse = (upgrade: [IncomingMessage, Duplex, Uint8Array]) => [
    serveWebsocket(...upgrade, plain),
    serveWebsocket(...upgrade, {
      ...plain,
      control: (frame, state) => ({ kind: "reply", frames: frame, state }),
    }),
    deno.serveWebsocket(request, plain),
    deno.serveWebsocket(request, {
      ...plain,
      // @ts-expect-error -- this transport has no control frames to see
      control: (_frame: unknown, state: null) => ({ kind: "ok", state }),
    }),
    deno.serveWebsocket(request, {
      init: () => ({ kind: "ok", state: null }),
      // @ts-expect-error -- nor pings to send
      handle: (_frame, state) => ({ kind: "reply", frames: ping(), state }),
    }),
    deno.serveWebsocket(request, {
      // @ts-expect-error -- not even first
      init: () => ({ kind: "ok", state: null, frames: [ping()] }),
      handle: (_frame, state) => ({ kind: "ok", state }),
    }),
    // @ts-expect-error -- nothing to compress with
    deno.serveWebsocket(request, plain, { compress: true }),
    serveWebsocket(...upgrade, plain, { compress: true }),
  ];
  assertEquals(misuse.length, 1);
});

// --- Forced ends ---

Deno.test("serveWebsocket() of ws cuts a line whose close is not answered after closeTimeout", async () => {
  const connections = new Connections<string>();
  const before = sockets();
  const { handler, ended } = watch<null, string>({
    ...ECHO,
    handle: (_frame, state) => ({ kind: "shutdown", state }),
  });
  await using server = await serve(handler, { ...QUICK, connections });
  using client = await RawClient.open(server.port);
  await client.write(frame(OPCODE.text, "go"));
  assertEquals(await readShown(client, 1), ["close 1000"]);
  assertEquals(await ended, SHUTDOWN);
  const start = performance.now();
  assertEquals(await readShown(client, 1), ["end"]);
  assertGreater(performance.now() - start, 50);
  // What listens, and the client's end.
  await until("the cut", () => sockets() === before + 2);
  assertEquals([connections.size, connections.abandoned], [0, 0]);
  assertEquals(await connections.drain({ deadline: 0 }), { drained: 0, abandoned: 0 });
});

for (
  const [name, bytes, sees, reason] of [
    ["a close frame", closeFrame(4002, "bye"), 4002, remote(4002, "bye")],
    ["a close frame without a code", closeFrame(), 1005, remote(1005)],
    ["text that is not UTF-8", frame(OPCODE.text, new Uint8Array([0xff])), 1007, BADENCODING],
  ] as const
) {
  Deno.test(`serveWebsocket() of ws ends at once on ${name}, and cuts a client that keeps the line`, async () => {
    const before = sockets();
    const { handler, ended, self } = watch(ECHO);
    await using server = await serve(handler, { ...QUICK, closeTimeout: 300 });
    using client = await RawClient.open(server.port);
    await client.write(bytes);
    assertEquals(await client.readClose(), sees);
    const start = performance.now();
    assertEquals(await ended, reason);
    assertLess(performance.now() - start, 200);
    assertEquals((await self).send("too late"), false);
    await until("the cut", () => sockets() === before + 2);
    assertEquals(await readShown(client, 1), ["end"]);
  });
}

Deno.test("serveWebsocket() of ws hands all of a close reason to terminate", async () => {
  const { handler, ended } = watch(ECHO);
  await using server = await serve(handler);
  using client = await RawClient.open(server.port);
  const reason = "é".repeat(61);
  await client.write(closeFrame(1000, reason));
  assertEquals(await ended, remote(1000, reason));
});

for (const [name, size] of [["64 KiB", 64 * KIB], ["2 bytes", 2], ["no bytes", 0]] as const) {
  Deno.test(`serveWebsocket() of ws cuts a client that does not read messages of ${name}, with error/slow`, async () => {
    const before = sockets();
    const maxBuffered = MIB;
    const { handler, ended, self } = watch<null, string>({
      ...ECHO,
      info: (_news, state) => ({ kind: "reply", frames: binary(new Uint8Array(size)), state }),
    });
    await using server = await serve(handler, { ...QUICK, maxBuffered });
    using client = await RawClient.open(server.port);
    const address = await self;
    let most = 0;
    let count = 0;
    while (address.send("more")) {
      most = Math.max(most, address.buffered);
      if (++count % 5_000 === 0) await milliseconds(0);
    }
    assertLess(most, maxBuffered + size + KIB);
    assertEquals(await ended, SLOW);
    await until("the cut", () => sockets() === before + 2);
    assertEquals(address.buffered, 0);
    client.end();
  });
}

Deno.test("serveWebsocket() of ws cuts a client that pings and does not read", async () => {
  const before = sockets();
  const { handler, ended } = watch(ECHO);
  await using server = await serve(handler, QUICK);
  using client = await RawClient.open(server.port);
  const pings = join(...Array<Uint8Array>(1_000).fill(frame(OPCODE.ping, "x".repeat(125))));
  const flood = async () => {
    for (;;) await client.write(pings);
  };
  await flood().catch(() => {});
  assertEquals(await ended, CLOSED);
  await until("the cut", () => sockets() === before + 2);
});

Deno.test("serveWebsocket() of ws cuts a refused client that does not read its answer", async () => {
  const before = sockets();
  await using server = await serve({
    ...ECHO,
    init: () => ({ kind: "shutdown", response: new Response(new Uint8Array(32 * MIB)) }),
  }, QUICK);
  using client = await RawClient.connect(server.port);
  assertEquals((await client.upgrade()).split(" ")[1], "200");
  await until("the cut", () => sockets() === before + 2);
});

Deno.test("serveWebsocket() of ws cuts a client that said its last and does not read, with error/closed", async () => {
  const { handler, ended } = watch({
    ...ECHO,
    handle: (_frame, state) => ({
      kind: "reply",
      frames: binary(new Uint8Array(12 * MIB)),
      state,
    }),
  });
  await using server = await serve(handler, { ...QUICK, heartbeat: 0 });
  const before = sockets();
  using client = await RawClient.open(server.port);
  await client.write(frame(OPCODE.text, "go"));
  await client.conn.closeWrite();
  assertEquals(await ended, CLOSED);
  await until("the cut", () => sockets() === before + 1);
});

Deno.test("serveWebsocket() of ws cuts a dead client whose callback never settles", async () => {
  const before = sockets();
  const { handler } = watch({ ...ECHO, handle: () => new Promise<never>(() => {}) });
  await using server = await serve(handler, { heartbeat: 60, closeTimeout: 60 });
  using client = await RawClient.open(server.port);
  await client.write(frame(OPCODE.text, "hang"));
  assertEquals(await readShown(client, 2), ["ping", "close 1001"]);
  await until("the cut", () => sockets() === before + 2);
});

Deno.test("serveWebsocket() of ws sends a close behind a long message that a slow client takes", async () => {
  const { handler, ended } = watch({
    ...ECHO,
    handle: (_frame, state) => ({
      kind: "reply",
      frames: [binary(new Uint8Array(12 * MIB)), close(4000)],
      state,
    }),
  });
  await using server = await serve(handler, { closeTimeout: 60 });
  using client = await RawClient.open(server.port);
  await client.write(frame(OPCODE.text, "go"));
  assertEquals(await ended, SHUTDOWN);
  // Longer than closeTimeout, and shorter than that for each MiB.
  await milliseconds(300);
  assertEquals((await client.readFrame())?.payload.length, 12 * MIB);
  assertEquals(await readShown(client, 1), ["close 4000"]);
  await client.write(closeFrame(4000));
});

// --- Messages ---

Deno.test("serveWebsocket() of ws hands over bytes that are the handler's own", async () => {
  const parts = [OPCODE.binary, OPCODE.continuation].map((opcode) =>
    frame(opcode, "ab", { fin: opcode === OPCODE.continuation })
  );
  const messages = join(
    frame(OPCODE.binary, "one"),
    frame(OPCODE.binary),
    ...parts,
    frame(OPCODE.ping, "ping"),
    frame(OPCODE.binary),
    frame(OPCODE.binary, new Uint8Array(MIB)),
    frame(OPCODE.binary, "last"),
  );
  const sizes: [size: number, buffer: number][] = [];
  const take = (data: Uint8Array) => {
    sizes.push([data.length, data.buffer.byteLength]);
    structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
  };
  const { handler, ended } = watch<null, string>({
    ...ECHO,
    handle(received, state) {
      if (received.kind === "binary") take(received.data);
      return { kind: "ok", state };
    },
    control({ data }, state) {
      take(data);
      return { kind: "ok", state };
    },
  });
  await using server = await serve(handler);
  using client = await RawClient.open(server.port);
  await client.write(join(messages, closeFrame(1000)));
  assertEquals(await ended, remote(1000));
  assertEquals(sizes, [3, 0, 4, 4, 0, MIB, 4].map((size) => [size, size]));
});

for (const [count, reason] of [[4_096, remote(1000)], [4_097, OVERFLOW]] as const) {
  Deno.test(`serveWebsocket() of ws ends a message of ${count} fragments with ${JSON.stringify(reason)}`, async () => {
    const { handler, ended } = watch(ECHO);
    await using server = await serve(handler);
    using client = await RawClient.open(server.port);
    const fragments = Array.from(
      { length: count },
      (_, index) =>
        frame(index === 0 ? OPCODE.text : OPCODE.continuation, "x", { fin: index === count - 1 }),
    );
    await client.write(join(...fragments, closeFrame(1000)));
    assertEquals(await ended, reason);
  });
}

// --- Heartbeat ---

Deno.test("serveWebsocket() of ws pings a silent client and ends one that does not answer", async () => {
  const { handler, ended } = watch(ECHO);
  await using server = await serve(handler, { heartbeat: 100 });
  using client = await RawClient.open(server.port);
  assertEquals(await readShown(client, 2), ["ping", "close 1001"]);
  assertEquals(await ended, HEARTBEAT);
});

Deno.test("serveWebsocket() of ws ends a client that only pongs after the timeout of a result", async () => {
  const { handler, ended } = watch({
    ...ECHO,
    handle: (_frame, state) => ({ kind: "ok", state, timeout: 150 }),
  });
  await using server = await serve(handler, { heartbeat: 100 });
  using client = await RawClient.open(server.port);
  await client.write(frame(OPCODE.text, "go"));
  const shown = [];
  while (shown.at(-1) !== "close 1000") {
    shown.push(show(await client.readFrame()));
    await client.write(frame(OPCODE.pong)).catch(() => {});
  }
  assertEquals(shown[0], "ping");
  assertEquals(await ended, { kind: "normal", cause: "timeout" });
});

Deno.test("serveWebsocket() of ws keeps a client that answers its pings, and does not ping one that talks", async () => {
  const { handler, ended } = watch(ECHO);
  await using server = await serve(handler, { heartbeat: 100 });
  using client = await RawClient.open(server.port);
  for (let count = 0; count < 5; count++) {
    assertEquals(await readShown(client, 1), ["ping"]);
    await client.write(frame(OPCODE.pong));
  }
  for (let count = 0; count < 25; count++) {
    await client.write(frame(OPCODE.text, `${count}`));
    assertEquals(await readShown(client, 1), [`text ${count}`]);
    await milliseconds(10);
  }
  await client.write(closeFrame(1000));
  assertEquals(await ended, remote(1000));
});

Deno.test("serveWebsocket() of ws keeps a client that is slow to read a big backlog", async () => {
  const { handler, ended, self } = watch<null, string>({
    ...ECHO,
    info: (_news, state) => ({ kind: "reply", frames: binary(new Uint8Array(MIB)), state }),
  });
  await using server = await serve(handler, { heartbeat: 400, maxBuffered: 64 * MIB });
  using client = await RawClient.open(server.port);
  const [address, start] = [await self, performance.now()];
  for (let count = 0; count < 48; count++) address.send("more");
  // It reads for longer than a heartbeat and says nothing.
  for (let left = 48; left > 0; await milliseconds(15)) {
    const received = await client.readFrame();
    assert(received?.opcode === OPCODE.binary || received?.opcode === OPCODE.ping);
    if (received.opcode === OPCODE.binary) left--;
  }
  assertGreater(performance.now() - start, 600);
  await client.write(closeFrame(1000));
  assertEquals(await ended, remote(1000));
});

Deno.test("serveWebsocket() of ws keeps a client that is made to wait for many heartbeats", async () => {
  const gate = Promise.withResolvers<void>();
  const { handler, ended } = watch<null, string>({
    ...ECHO,
    handle: (_frame, state) => gate.promise.then(() => ({ kind: "ok", state })),
  });
  await using server = await serve(handler, { heartbeat: 20 });
  using client = await RawClient.open(server.port);
  await client.write(join(...Array<Uint8Array>(100).fill(frame(OPCODE.text, "x"))));
  await milliseconds(45);
  await milliseconds(45);
  await client.write(closeFrame(4000));
  gate.resolve();
  assertEquals(await ended, remote(4000));
});

Deno.test("serveWebsocket() of ws keeps a client that takes many heartbeats for one message", async () => {
  const { handler, ended } = watch(ECHO);
  await using server = await serve(handler, { heartbeat: 100 });
  using client = await RawClient.open(server.port);
  for (const byte of frame(OPCODE.text, "x".repeat(30))) {
    await client.write(Uint8Array.of(byte));
    await milliseconds(10);
  }
  await client.write(closeFrame(1000));
  assertEquals(await ended, remote(1000));
});

// --- Compression ---

const OFFER = { "Sec-WebSocket-Extensions": "permessage-deflate" };

for (
  const [offered, compress, extensions] of [
    [true, true, "permessage-deflate"],
    [true, false, ""],
    [true, undefined, ""],
    [false, true, ""],
  ] as const
) {
  Deno.test(`serveWebsocket() of ws negotiates "${extensions}" when compress is ${compress} and it is ${offered ? "" : "not "}offered`, async () => {
    await using server = await serve(ECHO, compress === undefined ? {} : { compress });
    const client = new WsClient(`ws://127.0.0.1:${server.port}`, { perMessageDeflate: offered });
    await heard(client, "open");
    assertEquals(client.extensions, extensions);
    client.close();
    await heard(client, "close");
  });
}

Deno.test("serveWebsocket() of ws carries compressed messages there and back, in order with others", async () => {
  await using server = await serve<null, string>({
    ...ECHO,
    control: (frame, state) => ({ kind: "reply", frames: text(`saw ${frame.kind}`), state }),
  }, { compress: true });
  const client = new WsClient(`ws://127.0.0.1:${server.port}`);
  await heard(client, "open");
  const big = "compressible ".repeat(20_000);
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const received: (string | Uint8Array)[] = [];
  client.on("message", (data: Uint8Array, isBinary) => {
    received.push(isBinary ? new Uint8Array(data) : data.toString());
  });
  client.send("");
  client.send(big);
  client.send(bytes);
  client.ping();
  client.send("é");
  client.send(big);
  await until("the echoes", () => received.length === 6);
  assertEquals(received, ["", big, bytes, "saw ping", "é", big]);
  client.close();
  await heard(client, "close");
});

Deno.test("serveWebsocket() of ws ends a zip bomb with 1009 and error/badsize, and does not inflate it whole", async () => {
  const bomb = await deflate(512 * MIB);
  assertLess(bomb.length, MIB);
  const { handler, ended } = watch(ECHO);
  await using server = await serve(handler, { compress: true });
  using client = await RawClient.open(server.port, OFFER);
  const before = Deno.memoryUsage().rss;
  let most = 0;
  const sample = setInterval(() => most = Math.max(most, Deno.memoryUsage().rss - before), 1);
  await client.write(frame(OPCODE.binary, bomb, { rsv: 4 }));
  assertEquals(await client.readClose(), 1009);
  clearInterval(sample);
  assertEquals(await ended, BADSIZE);
  assertLess(Math.max(most, Deno.memoryUsage().rss - before), 128 * MIB);
});

Deno.test("serveWebsocket() of ws takes a compressed message of maxMessageSize, and not of one byte more", async () => {
  for (const [size, sees] of [[10_000, 1000], [10_001, 1009]] as const) {
    const { handler, ended } = watch<null, string>({
      ...ECHO,
      handle: (_frame, state) => ({ kind: "shutdown", state }),
    });
    await using server = await serve(handler, { compress: true, maxMessageSize: 10_000, ...QUICK });
    using client = await RawClient.open(server.port, OFFER);
    await client.write(frame(OPCODE.binary, await deflate(size), { rsv: 4 }));
    assertEquals(await client.readClose(), sees);
    assertEquals(await ended, sees === 1009 ? BADSIZE : SHUTDOWN);
  }
});

Deno.test("serveWebsocket() of ws ends what cannot be inflated with 1007 and error/badencoding", async () => {
  const { handler, ended } = watch(ECHO);
  await using server = await serve(handler, { compress: true });
  using client = await RawClient.open(server.port, OFFER);
  await client.write(frame(OPCODE.binary, new Uint8Array(100).fill(0xff), { rsv: 4 }));
  assertEquals(await client.readClose(), 1007);
  assertEquals(await ended, BADENCODING);
});

Deno.test("serveWebsocket() of ws refuses an offer that breaks RFC 7692, and terminates", async () => {
  const { handler, ended } = watch(ECHO);
  await using server = await serve(handler, { compress: true });
  using client = await RawClient.connect(server.port);
  const head = await client.upgrade({
    "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=99",
  });
  assertEquals(head.split("\r\n")[0], "HTTP/1.1 400 Bad Request");
  assertEquals(await ended, CLOSED);
});

Deno.test("serveWebsocket() of ws throws for a compress that is no boolean", () => {
  const upgrade = [null, null, null] as unknown as [IncomingMessage, Duplex, Uint8Array];
  for (const compress of ["yes", 1, null, {}]) {
    assertThrows(
      () => serveWebsocket(...upgrade, ECHO, { compress: compress as boolean }),
      TypeError,
      'Cannot serve a WebSocket as "compress" must be a boolean: received ',
    );
  }
});

// --- Back-pressure ---

/** A handler that takes the next message when its gate is open, and notes the number in front of each. */
function gated() {
  const gate = Promise.withResolvers<void>();
  const numbers: number[] = [];
  const watched = watch<null, string>({
    init: () => ({ kind: "ok", state: null }),
    async handle({ data }, state) {
      await gate.promise;
      numbers.push(data instanceof Uint8Array ? toNumber(data) : NaN);
      return { kind: "ok", state };
    },
    info: (_news, state) => ({ kind: "ok", state }),
  });
  return { gate, numbers, ...watched };
}

for (
  const [name, count, size] of [
    ["200 MiB in messages of 64 KiB", 3_200, 64 * KIB],
    ["400,000 messages of 4 bytes", 400_000, 4],
  ] as const
) {
  Deno.test(`serveWebsocket() of ws makes a client wait that sends ${name}, and loses none`, async () => {
    const { handler, gate, numbers, ended } = gated();
    await using server = await serve(handler, { heartbeat: 100 });
    using client = await RawClient.open(server.port);
    let written = 0;
    const writing = writeNumbered(client, count, size, (bytes) => written += bytes);
    const stalled = await stall(() => written);
    if (size > 4) assertLess(stalled, 32 * MIB);
    assertEquals(numbers.length, 0);
    gate.resolve();
    await writing;
    await client.write(closeFrame(4000, "that was all"));
    assertEquals(await ended, remote(4000, "that was all"));
    assertEquals(numbers.length, count);
    assert(numbers.every((number, index) => number === index));
  });
}

Deno.test("serveWebsocket() of ws makes a client wait again and again while its handler is slow", async () => {
  let taken = 0;
  const { handler, ended } = watch<null, string>({
    ...ECHO,
    async handle({ data }, state) {
      assertEquals(toNumber(data as Uint8Array), taken++);
      if (taken % 50 === 0) await milliseconds(1);
      else await Promise.resolve();
      return { kind: "ok", state };
    },
  });
  await using server = await serve(handler, { maxMailbox: 20, maxMailboxBytes: 2 * MIB });
  using client = await RawClient.open(server.port);
  await writeNumbered(client, 5_000, 8 * KIB, () => {});
  await client.write(closeFrame(1000));
  assertEquals(await ended, remote(1000));
  assertEquals(taken, 5_000);
});

Deno.test("serveWebsocket() of ws makes a client wait that begins with a ping", async () => {
  let handled = 0;
  const slowly = async (state: null) => {
    await milliseconds(1);
    return { kind: "ok", state } as const;
  };
  const { handler, ended } = watch<null, string>({
    ...ECHO,
    control: (_frame, state) => slowly(state),
    handle(_frame, state) {
      handled++;
      return slowly(state);
    },
  });
  await using server = await serve(handler, { maxMailbox: 10 });
  using client = await RawClient.open(server.port);
  const messages = Array<Uint8Array>(50).fill(frame(OPCODE.text, "x"));
  await client.write(join(frame(OPCODE.ping), ...messages, closeFrame(1000)));
  assertEquals(await ended, remote(1000));
  assertEquals(handled, 50);
});

Deno.test("serveWebsocket() of ws overflows with infos, also while the client waits", async () => {
  const { handler, gate, ended, self } = gated();
  await using server = await serve(handler, { ...QUICK, maxMailbox: 50 });
  using client = await RawClient.open(server.port);
  await writeNumbered(client, 1_000, 4, () => {});
  await milliseconds(20);
  const address = await self;
  let sent = 0;
  while (address.send("news") && sent < 1_000) sent++;
  assertLess(sent, 51);
  assertEquals(await client.readClose(), 1013);
  gate.resolve();
  assertEquals(await ended, OVERFLOW);
});

Deno.test("serveWebsocket() of ws reads again what it made wait when it ends, and the close is answered", async () => {
  const connections = new Connections<string>();
  const { handler, gate, numbers, ended } = gated();
  const before = sockets();
  await using server = await serve(handler, { connections, closeTimeout: 5_000 });
  using client = await RawClient.open(server.port);
  const writing = writeNumbered(client, 1_000, 64 * KIB, () => {});
  await milliseconds(50);
  const draining = connections.drain({ deadline: 50 });
  assertEquals(await draining, { drained: 0, abandoned: 1 });
  assertEquals(await client.readClose(), 1001);
  await writing;
  await client.write(closeFrame(1001));
  assertEquals(await readShown(client, 1), ["end"]);
  client.end();
  await until("the end of the line", () => sockets() === before + 1);
  gate.resolve();
  assertEquals(await ended, { kind: "normal", cause: "drain" });
  assertEquals(numbers, [0]);
});

Deno.test("serveWebsocket() of ws answers the close of a client that it made wait", async () => {
  const { handler, gate, numbers, ended } = gated();
  await using server = await serve(handler);
  using client = await RawClient.open(server.port);
  await writeNumbered(client, 100, 4, () => {});
  await milliseconds(20);
  await client.write(closeFrame(4000));
  gate.resolve();
  assertEquals(await client.readClose(), 4000);
  assertEquals(await ended, remote(4000));
  assertEquals(numbers.length, 100);
});

// --- Sockets ---

Deno.test("serveWebsocket() of ws does no harm when the same socket is served again", async () => {
  const told: unknown[] = [];
  const onError = (error: unknown) => void told.push(error);
  const { handler, ended } = watch(ECHO);
  const refuser: WsHandler<null> = {
    init: () => ({ kind: "shutdown" }),
    handle: (_frame, state) => ({ kind: "ok", state }),
  };
  await using server = await serveUpgrades(async (...upgrade) => {
    const first = serveWebsocket(...upgrade, handler);
    await serveWebsocket(...upgrade, handler, { onError });
    await first;
    await serveWebsocket(...upgrade, refuser, { onError });
  });
  using client = await RawClient.open(server.port);
  await client.write(frame(OPCODE.text, "hi"));
  assertEquals(await readShown(client, 1), ["text hi"]);
  await client.write(closeFrame(1000));
  assertEquals(await readShown(client, 2), ["close 1000", "end"]);
  assertEquals(await ended, remote(1000));
  const text =
    'TypeError: Cannot serve a WebSocket as "socket" must be new: received one that is served already';
  assertEquals(told.map(String), [text, text]);
});

Deno.test("serveWebsocket() of ws terminates with error/closed on a socket that another one upgraded", async () => {
  const told: unknown[] = [];
  const { handler, ended } = watch(ECHO);
  const other = new WebSocketServer({ noServer: true });
  await using server = await serveUpgrades(async (request, socket, head) => {
    other.handleUpgrade(request, socket, head as never, (opened) => opened.send("hi"));
    await serveWebsocket(request, socket, head, handler, {
      onError: (error) => void told.push(error),
    });
  });
  using client = await RawClient.open(server.port);
  assertEquals(await ended, CLOSED);
  assertEquals(await readShown(client, 1), ["text hi"]);
  assertEquals(told.length, 1);
  await client.write(closeFrame(1000));
  assertEquals(await readShown(client, 2), ["close 1000", "end"]);
});

const WHEN: Record<
  string,
  { readonly wait: number; readonly refuse: boolean; readonly ends: number }
> = {
  "during init": { wait: 0, refuse: false, ends: 1 },
  "during an init that refuses": { wait: 0, refuse: true, ends: 0 },
  "after the upgrade": { wait: 50, refuse: false, ends: 1 },
};

for (const [when, { wait, refuse, ends }] of Object.entries(WHEN)) {
  Deno.test(`serveWebsocket() of ws survives an error of the socket ${when}`, async () => {
    const before = sockets();
    const reasons: TerminateReason[] = [];
    const done = Promise.withResolvers<void>();
    await using server = await serveUpgrades(async (request, socket, head) => {
      setTimeout(() => socket.destroy(new Error("as the network would")), wait);
      await serveWebsocket(request, socket, head, {
        init: async () => {
          await milliseconds(20);
          return refuse ? { kind: "shutdown" } : { kind: "ok", state: null };
        },
        handle: (_frame, state) => ({ kind: "ok", state }),
        terminate: (reason) => void reasons.push(reason),
      });
      done.resolve();
    });
    using client = await RawClient.connect(server.port);
    await client.write(
      handshake(),
    );
    await done.promise;
    await until("the end of the line", () => sockets() === before + 2);
    await until("terminate", () => reasons.length === ends);
    assertEquals(reasons, Array(ends).fill(CLOSED));
  });
}

Deno.test("serveWebsocket() of ws survives clients that leave at any moment, and server.close() completes", async () => {
  const before = sockets();
  const connections = new Connections<string>();
  {
    await using server = await serve<null, string>({
      ...ECHO,
      init: () => milliseconds(3).then(() => ({ kind: "ok", state: null, frames: ping() })),
      handle: (frame, state) => ({ kind: "reply", frames: [frame, frame], state }),
    }, { ...QUICK, connections });
    const head = handshake();
    const hello = join(head, frame(OPCODE.binary, new Uint8Array(MIB - 1)));
    await Promise.all(Array.from({ length: 40 }, async (_, index) => {
      using client = await RawClient.connect(server.port);
      const bytes = hello.subarray(0, index % 4 === 0 ? head.length + index : hello.length);
      await client.write(bytes).catch(() => {});
      await milliseconds(index);
    }));
    await until("the ends", () => connections.size === 0);
  }
  await until("the sockets", () => sockets() === before);
  assertEquals(connections.abandoned, 0);
});

// --- What the tests say ---

function heard(client: WsClient, event: string): Promise<void> {
  return new Promise((resolve) => client.once(event, () => resolve()));
}

/** So many zeros as the payload of a compressed message (RFC 7692 §7.2.1). */
async function deflate(size: number): Promise<Uint8Array> {
  const deflating = createDeflateRaw({ level: 9 });
  const zeros = new Uint8Array(Math.min(size, MIB));
  const parts: Uint8Array[] = [];
  deflating.on("data", (part: Uint8Array) => parts.push(part));
  for (let left = size; left > 0; left -= zeros.length) {
    deflating.write(zeros.subarray(0, left));
    await new Promise<void>((resolve) => deflating.flush(constants.Z_SYNC_FLUSH, resolve));
  }
  deflating.close();
  return join(...parts).slice(0, -4);
}

function toNumber(data: Uint8Array): number {
  return new DataView(data.buffer, data.byteOffset).getUint32(0);
}

/** Writes messages that begin with their number, in segments of up to 64 KiB and more. */
async function writeNumbered(
  client: RawClient,
  count: number,
  size: number,
  wrote: (bytes: number) => void,
): Promise<void> {
  const one = frame(OPCODE.binary, new Uint8Array(size));
  const each = Math.max(1, Math.floor(64 * KIB / one.length));
  const start = one.length - size;
  for (let number = 0; number < count;) {
    const batch = join(...Array<Uint8Array>(Math.min(each, count - number)).fill(one));
    const view = new DataView(batch.buffer);
    // The mask of frame() is 1, 2, 3, 4.
    for (let at = start; at < batch.length; at += one.length) {
      view.setUint32(at, (number++ ^ 0x01020304) >>> 0);
    }
    await client.write(batch);
    wrote(batch.length);
  }
}

/** Waits until a count has stopped, and returns it. */
async function stall(count: () => number): Promise<number> {
  let last = -1;
  while (count() !== last) {
    last = count();
    await milliseconds(50);
    await milliseconds(50);
  }
  return last;
}
