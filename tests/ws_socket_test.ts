import { assertEquals } from "@std/assert";
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { fromError } from "../_connection/ws_socket.ts";
import type { TerminateReason } from "../mod.ts";
import { close, ping, serveWebsocket, text, type WsHandler } from "../ws.ts";
import { closeFrame, frame, join, OPCODE, RawClient } from "./_raw_client.ts";
import { BADENCODING, BADFRAME, BADSIZE, CLOSED } from "./_reasons.ts";
import { serveUpgrades } from "./_transports.ts";

/** What `ws` says of what a client did, and what we and the client make of it. */
interface Pin {
  readonly bytes: Uint8Array;
  readonly code: string;
  readonly reason: TerminateReason;
  readonly sees: number;
}

const LIMIT = 1_000;

const PINS: Readonly<Record<string, Pin>> = {
  "invalid UTF-8": {
    bytes: frame(OPCODE.text, new Uint8Array([0xff])),
    code: "WS_ERR_INVALID_UTF8",
    reason: BADENCODING,
    sees: 1007,
  },
  "invalid UTF-8 in a close reason": {
    bytes: frame(OPCODE.close, new Uint8Array([0x03, 0xe8, 0xff])),
    code: "WS_ERR_INVALID_UTF8",
    reason: BADENCODING,
    sees: 1007,
  },
  "a close code that may not be sent": {
    bytes: closeFrame(1006),
    code: "WS_ERR_INVALID_CLOSE_CODE",
    reason: BADFRAME,
    sees: 1002,
  },
  "half a close code": {
    bytes: frame(OPCODE.close, new Uint8Array([3])),
    code: "WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH",
    reason: BADFRAME,
    sees: 1002,
  },
  "a frame without a mask": {
    bytes: frame(OPCODE.text, "x", { masked: false }),
    code: "WS_ERR_EXPECTED_MASK",
    reason: BADFRAME,
    sees: 1002,
  },
  "the first reserved bit": {
    bytes: frame(OPCODE.text, "x", { rsv: 4 }),
    code: "WS_ERR_UNEXPECTED_RSV_1",
    reason: BADFRAME,
    sees: 1002,
  },
  "another reserved bit": {
    bytes: frame(OPCODE.text, "x", { rsv: 2 }),
    code: "WS_ERR_UNEXPECTED_RSV_2_3",
    reason: BADFRAME,
    sees: 1002,
  },
  "a fragmented ping": {
    bytes: frame(OPCODE.ping, "x", { fin: false }),
    code: "WS_ERR_EXPECTED_FIN",
    reason: BADFRAME,
    sees: 1002,
  },
  "a ping of 126 bytes": {
    bytes: frame(OPCODE.ping, "x".repeat(126)),
    code: "WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH",
    reason: BADFRAME,
    sees: 1002,
  },
  "an unknown opcode": {
    bytes: frame(3, "x"),
    code: "WS_ERR_INVALID_OPCODE",
    reason: BADFRAME,
    sees: 1002,
  },
  "a continuation of nothing": {
    bytes: frame(OPCODE.continuation, "x"),
    code: "WS_ERR_INVALID_OPCODE",
    reason: BADFRAME,
    sees: 1002,
  },
  "a new message inside a fragmented one": {
    bytes: join(frame(OPCODE.text, "x", { fin: false }), frame(OPCODE.text, "y")),
    code: "WS_ERR_INVALID_OPCODE",
    reason: BADFRAME,
    sees: 1002,
  },
  "a message over the limit": {
    bytes: frame(OPCODE.text, "x".repeat(LIMIT + 1)),
    code: "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
    reason: BADSIZE,
    sees: 1009,
  },
  "the header alone of a message over the limit": {
    bytes: frame(OPCODE.text, "x".repeat(LIMIT + 1)).subarray(0, 8),
    code: "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
    reason: BADSIZE,
    sees: 1009,
  },
  "a frame of 2 ** 53 bytes": {
    bytes: join(new Uint8Array([0x82, 0xff, 0, 0x20, 0, 0, 0, 0, 0, 0]), new Uint8Array(4)),
    code: "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH",
    reason: BADSIZE,
    sees: 1009,
  },
};

for (const [name, { bytes, code, reason, sees }] of Object.entries(PINS)) {
  Deno.test(`ws words ${name} as ${code}; it ends with ${JSON.stringify(reason)}`, async () => {
    const heard = Promise.withResolvers<unknown>();
    const ended = Promise.withResolvers<TerminateReason>();
    const raw = new WebSocketServer({ noServer: true, maxPayload: LIMIT });
    await using theirs = await serveUpgrades((request, socket, head) =>
      raw.handleUpgrade(request, socket, head as Buffer, (opened) => {
        opened.on("error", (error) => heard.resolve("code" in error ? error.code : error));
      })
    );
    await using ours = await serveUpgrades((request, socket, head) =>
      serveWebsocket(request, socket, head, {
        init: () => ({ kind: "ok", state: null }),
        handle: (_frame, state: null) => ({ kind: "ok", state }),
        terminate: ended.resolve,
      }, { maxMessageSize: LIMIT })
    );
    for (const { port } of [theirs, ours]) {
      using client = await RawClient.open(port);
      await client.write(bytes);
      assertEquals(await client.readClose(), sees);
    }
    assertEquals(await heard.promise, code);
    assertEquals(await ended.promise, reason);
  });
}

/** What the stream under a connection is asked to write, each call as the number of buffers it takes. */
function countWrites(stream: Duplex, calls: number[]): void {
  const { _write: write, _writev: writev } = stream;
  stream._write = (...args) => {
    calls.push(1);
    return write.apply(stream, args);
  };
  stream._writev = (...args) => {
    calls.push(args[0].length);
    return writev?.apply(stream, args);
  };
}

/** The writes of a connection whose handler answers each message so. */
async function writesOf(
  handle: WsHandler<null>["handle"],
  messages: Uint8Array,
  answers: number,
): Promise<readonly number[]> {
  const calls: number[] = [];
  await using served = await serveUpgrades((request, socket, head) => {
    countWrites(socket, calls);
    return serveWebsocket(request, socket, head, {
      init: () => ({ kind: "ok", state: null }),
      handle,
    });
  });
  using client = await RawClient.open(served.port);
  calls.length = 0;
  await client.write(messages);
  for (let left = answers; left > 0; left--) await client.readFrame();
  const written = [...calls];
  await client.write(closeFrame(1000));
  await client.readClose();
  return written;
}

const THREE = join(frame(OPCODE.text, "1"), frame(OPCODE.text, "2"), frame(OPCODE.text, "3"));

Deno.test("WsSocket writes a frame as one buffer", async () => {
  const echo: WsHandler<null>["handle"] = (frames, state) => ({ kind: "reply", frames, state });
  assertEquals(await writesOf(echo, frame(OPCODE.text, "1"), 1), [1]);
});

Deno.test("WsSocket writes the answers to messages that came together together", async () => {
  const echo: WsHandler<null>["handle"] = (frames, state) => ({ kind: "reply", frames, state });
  assertEquals(await writesOf(echo, THREE, 3), [3]);
});

Deno.test("WsSocket writes the answers together that promises give in one turn", async () => {
  const echo: WsHandler<null>["handle"] = async (frames, state) => {
    await Promise.resolve();
    return { kind: "reply", frames, state };
  };
  assertEquals(await writesOf(echo, THREE, 3), [3]);
});

Deno.test("WsSocket writes at once what is more than 64 KiB together", async () => {
  const frames = [30_000, 30_000, 30_000, 1].map((size) => text("x".repeat(size)));
  const many: WsHandler<null>["handle"] = (_frame, state) => ({ kind: "reply", frames, state });
  assertEquals(await writesOf(many, frame(OPCODE.text, "go"), 4), [3, 1]);
});

Deno.test("WsSocket writes a close frame behind what was sent in the same turn", async () => {
  const frames = [text("a"), ping(), text("b"), close(4000)];
  await using served = await serveUpgrades((request, socket, head) =>
    serveWebsocket(request, socket, head, {
      init: () => ({ kind: "ok", state: null }),
      handle: (_frame, state: null) => ({ kind: "reply", frames, state }),
    })
  );
  using client = await RawClient.open(served.port);
  await client.write(frame(OPCODE.text, "go"));
  const opcodes = [];
  for (let left = 4; left > 0; left--) opcodes.push((await client.readFrame())?.opcode);
  assertEquals(opcodes, [OPCODE.text, OPCODE.ping, OPCODE.text, OPCODE.close]);
  await client.write(closeFrame(4000));
});

Deno.test("fromError() takes what it does not know of ws for a broken rule", () => {
  assertEquals(fromError(coded("WS_ERR_OF_TOMORROW")), BADFRAME);
});

Deno.test("fromError() takes what zlib cannot inflate for a bad encoding", () => {
  for (const code of ["Z_DATA_ERROR", "Z_BUF_ERROR"]) {
    assertEquals(fromError(coded(code)), BADENCODING);
  }
});

Deno.test("fromError() takes every other error for a line that broke", () => {
  for (const code of ["ECONNRESET", "EPIPE", "", "NOT_WS_ERR_INVALID_UTF8"]) {
    assertEquals(fromError(coded(code)), CLOSED);
  }
  assertEquals(fromError(new Error("without a code")), CLOSED);
});

function coded(code: string): Error {
  return Object.assign(new Error("as told"), { code });
}
