import { assertEquals } from "@std/assert";
import {
  close,
  Connections,
  type ServeWebsocketOptions,
  type TerminateReason,
  text,
  type WebsocketHandler,
} from "../mod.ts";
import { ERROR_TEXTS } from "../_connection/terminate_reason.ts";
import { closeFrame, frame, join, OPCODE, RawClient } from "./_raw_client.ts";
import { milliseconds, serve, serveRaw } from "./_server.ts";

/** What one connection came to: what the client saw at the end, and why the server says it ended. */
interface Row {
  readonly name: string;
  readonly reason: TerminateReason;
  readonly sees: number | "fin";
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
    handle(frame, state) {
      switch (frame.data) {
        case "shutdown":
          return { kind: "shutdown", state };
        case "close 4001":
          return { kind: "reply", frames: close(4001, "as told"), state };
        case "throw":
          throw new Error("as told");
        case "reject":
          return Promise.reject(new Error("as told"));
        case "wait":
          return milliseconds(30).then(() => ({ kind: "ok", state }));
      }
      return { kind: "reply", frames: frame, state };
    },
    info: (news, state) => ({ kind: "reply", frames: text(news), state }),
    terminate: ended,
  };
}

const error = (cause: Exclude<(TerminateReason & { kind: "error" })["cause"], "crash">) =>
  ({ kind: "error", cause }) as const;
const NORMAL = { kind: "normal", cause: "shutdown" } as const;
const say = (message: string) => (client: RawClient) => client.write(frame(OPCODE.text, message));
const write = (bytes: Uint8Array) => (client: RawClient) => client.write(bytes);

const ROWS: readonly Row[] = [
  { name: "shutdown", reason: NORMAL, sees: 1000, act: say("shutdown") },
  { name: "a close frame in a reply", reason: NORMAL, sees: 4001, act: say("close 4001") },
  {
    name: "a timeout",
    reason: { kind: "normal", cause: "timeout" },
    sees: 1000,
    act: () => {},
    timeout: 50,
  },
  {
    name: "a drain",
    reason: { kind: "normal", cause: "drain" },
    sees: 1001,
    act: (_client, connections) => void connections.drain({ deadline: 2_000 }),
  },
  {
    name: "a drain with a code",
    reason: { kind: "normal", cause: "drain" },
    sees: 1012,
    act: (_client, connections) => void connections.drain({ code: 1012, deadline: 2_000 }),
  },
  {
    name: "the client's close frame",
    reason: { kind: "remote", code: 4002, reason: "bye" },
    sees: 4002,
    act: write(closeFrame(4002, "bye")),
  },
  {
    name: "the client's close frame without a code",
    reason: { kind: "remote", code: 1005, reason: "" },
    sees: 1005,
    act: write(closeFrame()),
  },
  {
    name: "a lost line",
    reason: error("closed"),
    sees: "fin",
    act: (client) => client.conn.closeWrite(),
  },
  {
    name: "text that is not UTF-8",
    reason: error("badencoding"),
    sees: "fin",
    act: write(frame(OPCODE.text, new Uint8Array([0xff]))),
  },
  {
    name: "a reserved bit",
    reason: error("badframe"),
    sees: "fin",
    act: write(frame(OPCODE.text, "x", { rsv: 4 })),
  },
  {
    name: "a close code that may not be sent",
    reason: error("badframe"),
    sees: 1002,
    act: write(closeFrame(1005)),
  },
  {
    name: "a message over maxMessageSize",
    reason: error("badsize"),
    sees: 1009,
    act: say("x".repeat(1_001)),
    options: { maxMessageSize: 1_000 },
  },
  {
    name: "a fragmented message over maxMessageSize",
    reason: error("badsize"),
    sees: 1009,
    act: write(join(
      frame(OPCODE.text, "x".repeat(600), { fin: false }),
      frame(OPCODE.continuation, "x".repeat(600)),
    )),
    options: { maxMessageSize: 1_000 },
  },
  {
    name: "a ping without an answer",
    reason: error("heartbeat"),
    sees: 1001,
    act: () => {},
    options: { heartbeat: 100 },
  },
  {
    name: "a mailbox over maxMailbox",
    reason: error("overflow"),
    sees: 1013,
    act: write(join(...["wait", "1", "2"].map((data) => frame(OPCODE.text, data)))),
    options: { maxMailbox: 1 },
  },
  {
    name: "a mailbox over maxMailboxBytes",
    reason: error("overflow"),
    sees: 1013,
    act: write(join(...["wait", "12", "34"].map((data) => frame(OPCODE.text, data)))),
    options: { maxMailboxBytes: 3 },
  },
  {
    name: "a reply over maxBuffered",
    reason: error("slow"),
    sees: 1013,
    act: say("x".repeat(1_001)),
    options: { maxBuffered: 1_000 },
  },
];

for (const { name, reason, sees, act, options, timeout } of ROWS) {
  Deno.test(`serveWebsocket() ends with ${JSON.stringify(reason)} on ${name}; the client sees ${sees}`, async () => {
    const { promise: ended, resolve } = Promise.withResolvers<TerminateReason>();
    const connections = new Connections<string>();
    await using server = serve(puppet(resolve, timeout), { connections, ...options });
    using client = await RawClient.open(server.port);
    await act(client, connections);
    assertEquals(await client.readClose(), sees);
    assertEquals(await ended, reason);
  });
}

for (const thrown of ["throw", "reject"]) {
  Deno.test(`serveWebsocket() ends with error/crash on a ${thrown} in handle; the client sees 1011`, async () => {
    const { promise: ended, resolve } = Promise.withResolvers<TerminateReason>();
    const told: unknown[] = [];
    await using server = serve(puppet(resolve), { onError: (error) => void told.push(error) });
    using client = await RawClient.open(server.port);
    await client.write(frame(OPCODE.text, thrown));
    assertEquals(await client.readClose(), 1011);
    const reason = await ended;
    assertEquals(told.map(String), ["Error: as told"]);
    assertEquals(reason, { kind: "error", cause: "crash", error: told[0] });
  });
}

/** What Deno says of what a client did, and what we make of it. */
interface Pin {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly cause: TerminateReason & { readonly kind: "error" };
}

const PINS: Readonly<Record<string, Pin>> = {
  "invalid UTF-8": {
    bytes: frame(OPCODE.text, new Uint8Array([0xff])),
    text: "Invalid UTF-8",
    cause: error("badencoding"),
  },
  "invalid UTF-8 in a close reason": {
    bytes: frame(OPCODE.close, new Uint8Array([0x03, 0xe8, 0xff])),
    text: "Invalid UTF-8",
    cause: error("badencoding"),
  },
  "a close code that may not be sent": {
    bytes: closeFrame(1006),
    text: "Invalid close code",
    cause: error("badframe"),
  },
  "half a close code": {
    bytes: frame(OPCODE.close, new Uint8Array([3])),
    text: "Invalid close frame",
    cause: error("badframe"),
  },
  "a reserved bit": {
    bytes: frame(OPCODE.text, "x", { rsv: 2 }),
    text: "Reserved bits are not zero",
    cause: error("badframe"),
  },
  "a fragmented ping": {
    bytes: frame(OPCODE.ping, "x", { fin: false }),
    text: "Control frame must not be fragmented",
    cause: error("badframe"),
  },
  "a ping of 126 bytes": {
    bytes: frame(OPCODE.ping, "x".repeat(126)),
    text: "Ping frame too large",
    cause: error("badframe"),
  },
  "an unknown opcode": { bytes: frame(3, "x"), text: "Invalid value", cause: error("badframe") },
  "a continuation of nothing": {
    bytes: frame(OPCODE.continuation, "x"),
    text: "Invalid continuation frame",
    cause: error("badframe"),
  },
  "a new message inside a fragmented one": {
    bytes: join(frame(OPCODE.text, "x", { fin: false }), frame(OPCODE.text, "y")),
    text: "Invalid fragment",
    cause: error("badframe"),
  },
  "a frame of 64 MiB": {
    bytes: frame(OPCODE.binary, new Uint8Array(2 ** 26)).slice(0, 14),
    text: "Frame too large",
    cause: error("badsize"),
  },
};

for (const [name, { bytes, text, cause }] of Object.entries(PINS)) {
  Deno.test(`Deno words ${name} as "${text}"; it ends with error/${cause.cause}`, async () => {
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
    assertEquals(await ended, cause);
  });
}

Deno.test("ERROR_TEXTS has no text that is not pinned here", () => {
  const pinned = Object.values(PINS).map(({ text }) => text);
  // The wire cannot bring these about: Deno has them for its own ends, or the row of the unanswered ping does.
  const others = ["Invalid string data", "No response from ping frame."];
  assertEquals(new Set(Object.keys(ERROR_TEXTS)), new Set([...pinned, ...others]));
});
