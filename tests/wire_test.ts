import { assertEquals } from "@std/assert";
import {
  binary,
  close,
  Connections,
  type ServeWebsocketOptions,
  type TerminateReason,
  text,
  type WebsocketHandler,
} from "../mod.ts";
import { ERROR_TEXTS } from "../_connection/terminate_reason.ts";
import { closeFrame, codeOf, frame, join, OPCODE, RawClient, textOf } from "./_raw_client.ts";
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
import { milliseconds, serve, serveRaw } from "./_server.ts";
import { type Differences, type Outcome, testEach, TRANSPORTS } from "./_transports.ts";

/** What a client does, and what comes of it. */
interface Row extends Outcome {
  readonly name: string;
  readonly act: (client: RawClient, connections: Connections<string>) => unknown;
  readonly options?: ServeWebsocketOptions<string>;
  readonly timeout?: number;
}

/** Does what the client's text says. */
function puppet(
  ended: (reason: TerminateReason) => void,
  timeout = Infinity,
): WebsocketHandler<number, string> {
  return {
    init: () => ({ kind: "ok", state: 0, timeout }),
    handle(frame, state, self) {
      switch (frame.data) {
        case "shutdown":
          return { kind: "shutdown", state };
        case "close 4001":
          return { kind: "reply", frames: close(4001, "as told"), state };
        case "throw":
          throw new Error("as told");
        case "reject":
          return Promise.reject(new Error("as told"));
        case "pour":
          return { kind: "reply", frames: binary(new Uint8Array(2 ** 23)), state };
        case "talk":
          for (const news of ["1", "2", "3"]) self.send(news);
          return milliseconds(30).then(() => ({ kind: "ok", state }));
        case "wait":
          return milliseconds(30).then(() => ({ kind: "ok", state }));
      }
      return { kind: "reply", frames: frame, state };
    },
    info: (news, state) => ({ kind: "reply", frames: text(news), state }),
    terminate: ended,
  };
}

const say = (message: string) => (client: RawClient) => client.write(frame(OPCODE.text, message));
const sayAll = (...messages: string[]) =>
  write(join(...messages.map((message) => frame(OPCODE.text, message))));
const write = (bytes: Uint8Array) => (client: RawClient) => client.write(bytes);

const toRows = (differences: Differences): readonly Row[] => [
  { name: "shutdown", reason: SHUTDOWN, sees: 1000, act: say("shutdown") },
  { name: "a close frame in a reply", reason: SHUTDOWN, sees: 4001, act: say("close 4001") },
  {
    name: "a timeout",
    reason: TIMEOUT,
    sees: 1000,
    act: () => {},
    timeout: 50,
  },
  {
    name: "a drain",
    reason: DRAIN,
    sees: 1001,
    act: (_client, connections) => void connections.drain({ deadline: 2_000 }),
  },
  {
    name: "a drain with a code",
    reason: DRAIN,
    sees: 1012,
    act: (_client, connections) => void connections.drain({ code: 1012, deadline: 2_000 }),
  },
  {
    name: "the client's close frame",
    reason: remote(4002, "bye"),
    sees: 4002,
    act: write(closeFrame(4002, "bye")),
  },
  {
    name: "the client's close frame without a code",
    reason: remote(1005),
    sees: 1005,
    act: write(closeFrame()),
  },
  {
    name: "a lost line",
    reason: CLOSED,
    sees: "fin",
    act: (client) => client.conn.closeWrite(),
  },
  {
    name: "text that is not UTF-8",
    reason: BADENCODING,
    sees: differences.badencoding,
    act: write(frame(OPCODE.text, new Uint8Array([0xff]))),
  },
  {
    name: "a reserved bit",
    reason: BADFRAME,
    sees: differences.badframe,
    act: write(frame(OPCODE.text, "x", { rsv: 4 })),
  },
  {
    name: "a close code that may not be sent",
    reason: BADFRAME,
    sees: 1002,
    act: write(closeFrame(1005)),
  },
  {
    name: "a message over maxMessageSize",
    reason: BADSIZE,
    sees: 1009,
    act: say("x".repeat(1_001)),
    options: { maxMessageSize: 1_000 },
  },
  {
    name: "a fragmented message over maxMessageSize",
    reason: BADSIZE,
    sees: 1009,
    act: write(join(
      frame(OPCODE.text, "x".repeat(600), { fin: false }),
      frame(OPCODE.continuation, "x".repeat(600)),
    )),
    options: { maxMessageSize: 1_000 },
  },
  {
    name: "a ping without an answer",
    reason: HEARTBEAT,
    sees: 1001,
    act: () => {},
    options: { heartbeat: 100 },
  },
  {
    name: "infos over maxMailbox",
    reason: OVERFLOW,
    sees: 1013,
    act: say("talk"),
    options: { maxMailbox: 2 },
  },
  {
    name: "messages over maxMailbox",
    ...differences.flood,
    act: sayAll("wait", "1", "2", "leave"),
    options: { maxMailbox: 1 },
  },
  {
    name: "messages over maxMailboxBytes",
    reason: OVERFLOW,
    sees: 1013,
    act: sayAll("wait", "12", "34"),
    options: { maxMailboxBytes: 3 },
  },
  {
    name: "a reply over maxBuffered",
    reason: SLOW,
    sees: 1013,
    act: say("pour"),
    options: { maxBuffered: 2 ** 20 },
  },
];

for (const { name: transport, differences, serve } of TRANSPORTS) {
  for (const { name, reason, sees, act, options, timeout } of toRows(differences)) {
    Deno.test(`serveWebsocket() ends with ${JSON.stringify(reason)} on ${name}; the client sees ${sees} [${transport}]`, async () => {
      const { promise: ended, resolve } = Promise.withResolvers<TerminateReason>();
      const connections = new Connections<string>();
      await using server = await serve(puppet(resolve, timeout), { connections, ...options });
      using client = await RawClient.open(server.port);
      await act(client, connections);
      assertEquals(await readEnd(client), sees);
      client.end();
      assertEquals(await ended, reason);
    });
  }
}

/** Reads on until a close frame or the end. A client that hears "leave" says good-bye. */
async function readEnd(client: RawClient): Promise<number | "fin"> {
  for (let frame = await client.readFrame(); frame; frame = await client.readFrame()) {
    if (frame.opcode === OPCODE.close) return codeOf(frame);
    if (textOf(frame) === "leave") await client.write(closeFrame(1000));
  }
  return "fin";
}

for (const thrown of ["throw", "reject"]) {
  testEach(
    `serveWebsocket() ends with error/crash on a ${thrown} in handle; the client sees 1011`,
    async ({ serve }) => {
      const { promise: ended, resolve } = Promise.withResolvers<TerminateReason>();
      const told: unknown[] = [];
      await using server = await serve(puppet(resolve), {
        onError: (error) => void told.push(error),
      });
      using client = await RawClient.open(server.port);
      await client.write(frame(OPCODE.text, thrown));
      assertEquals(await client.readClose(), 1011);
      const reason = await ended;
      assertEquals(told.map(String), ["Error: as told"]);
      assertEquals(reason, crash(told[0]));
    },
  );
}

/** What Deno says of what a client did, and what we make of it. */
interface Pin {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly reason: TerminateReason;
}

const PINS: Readonly<Record<string, Pin>> = {
  "invalid UTF-8": {
    bytes: frame(OPCODE.text, new Uint8Array([0xff])),
    text: "Invalid UTF-8",
    reason: BADENCODING,
  },
  "invalid UTF-8 in a close reason": {
    bytes: frame(OPCODE.close, new Uint8Array([0x03, 0xe8, 0xff])),
    text: "Invalid UTF-8",
    reason: BADENCODING,
  },
  "a close code that may not be sent": {
    bytes: closeFrame(1006),
    text: "Invalid close code",
    reason: BADFRAME,
  },
  "half a close code": {
    bytes: frame(OPCODE.close, new Uint8Array([3])),
    text: "Invalid close frame",
    reason: BADFRAME,
  },
  "a reserved bit": {
    bytes: frame(OPCODE.text, "x", { rsv: 2 }),
    text: "Reserved bits are not zero",
    reason: BADFRAME,
  },
  "a fragmented ping": {
    bytes: frame(OPCODE.ping, "x", { fin: false }),
    text: "Control frame must not be fragmented",
    reason: BADFRAME,
  },
  "a ping of 126 bytes": {
    bytes: frame(OPCODE.ping, "x".repeat(126)),
    text: "Ping frame too large",
    reason: BADFRAME,
  },
  "an unknown opcode": { bytes: frame(3, "x"), text: "Invalid value", reason: BADFRAME },
  "a continuation of nothing": {
    bytes: frame(OPCODE.continuation, "x"),
    text: "Invalid continuation frame",
    reason: BADFRAME,
  },
  "a new message inside a fragmented one": {
    bytes: join(frame(OPCODE.text, "x", { fin: false }), frame(OPCODE.text, "y")),
    text: "Invalid fragment",
    reason: BADFRAME,
  },
  "a frame of 64 MiB": {
    bytes: frame(OPCODE.binary, new Uint8Array(2 ** 26)).slice(0, 14),
    text: "Frame too large",
    reason: BADSIZE,
  },
};

for (const [name, { bytes, text, reason }] of Object.entries(PINS)) {
  Deno.test(`Deno words ${name} as "${text}"; it ends with ${JSON.stringify(reason)}`, async () => {
    const heard = Promise.withResolvers<string>();
    const { promise: ended, resolve } = Promise.withResolvers<TerminateReason>();
    await using raw = serveRaw((request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onerror = (event) => heard.resolve((event as ErrorEvent).message);
      return response;
    });
    await using ours = serve(puppet(resolve));
    for (const { port } of [raw, ours]) {
      using client = await RawClient.open(port);
      await client.write(bytes);
      await client.readAll();
    }
    assertEquals(await heard.promise, text);
    assertEquals(await ended, reason);
  });
}

Deno.test("ERROR_TEXTS has no text that is not pinned here", () => {
  const pinned = Object.values(PINS).map(({ text }) => text);
  // The wire cannot bring these about: Deno has them for its own ends, or the row of the unanswered ping does.
  const others = ["Invalid string data", "No response from ping frame."];
  assertEquals(new Set(Object.keys(ERROR_TEXTS)), new Set([...pinned, ...others]));
});
