/**
 * The bytes of a WebSocket client, by hand: one handshake, one masked frame, and the echo that must
 * come back. The benches speak raw TCP with them, so that a client library's cost is not part of
 * what is measured.
 */

const OPCODES = { text: 0x1, binary: 0x2, close: 0x8 } as const;

/** The kinds of frame that the benches send. */
export type FrameKind = keyof typeof OPCODES;

/** The frame as a client sends it, masked. */
export function toMaskedFrame(kind: FrameKind, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const mask = crypto.getRandomValues(new Uint8Array(4));
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return join([toHeader(kind, payload.length, 0x80), mask, masked]);
}

/** The frame as a server sends it. */
export function toServerFrame(kind: FrameKind, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return join([toHeader(kind, payload.length, 0), payload]);
}

// RFC 6455 §5.2, up to 65,535 bytes of payload.
function toHeader(kind: FrameKind, length: number, maskBit: number): Uint8Array {
  const first = 0x80 | OPCODES[kind];
  if (length < 126) return Uint8Array.of(first, maskBit | length);
  return Uint8Array.of(first, maskBit | 126, length >> 8, length & 0xff);
}

/** One array with the bytes of all `parts`. */
export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Opens `count` WebSocket connections to a server on this machine. */
export async function openAll(port: number, count: number): Promise<Deno.TcpConn[]> {
  const opened: Deno.TcpConn[] = [];
  // In groups, or the listener's backlog overflows and a connect waits a second for its retry.
  while (opened.length < count) {
    const group = Math.min(100, count - opened.length);
    opened.push(...await Promise.all(Array.from({ length: group }, () => open(port))));
  }
  return opened;
}

async function open(port: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  await writeAll(conn, toHandshake(port));
  const head = await readHead(conn);
  if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`Cannot upgrade: received "${head}"`);
  return conn;
}

function toHandshake(port: number): Uint8Array {
  return new TextEncoder().encode(
    [
      "GET / HTTP/1.1",
      `Host: 127.0.0.1:${port}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "\r\n",
    ].join("\r\n"),
  );
}

async function readHead(conn: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const length = await conn.read(buffer);
    if (length === null) throw new Error("Cannot upgrade: the server closed the connection");
    head += new TextDecoder().decode(buffer.subarray(0, length));
  }
  return head;
}

/** Writes all of `bytes`. */
export async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  let written = await conn.write(bytes);
  while (written < bytes.length) written += await conn.write(bytes.subarray(written));
}

const CLOSE_FRAME = toMaskedFrame("close", Uint8Array.of(0x03, 0xe8));

/** Says goodbye with a close frame and lets go of every connection. */
export async function closeAll(conns: readonly Deno.TcpConn[]): Promise<void> {
  await Promise.all(conns.map((conn) => writeAll(conn, CLOSE_FRAME)));
  for (const conn of conns) conn.close();
}
