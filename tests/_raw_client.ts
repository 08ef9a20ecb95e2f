/** A client that speaks RFC 6455 by hand, so that a test can break any rule of it and see each byte that comes back. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What the server sent, frame by frame. */
export interface RawFrame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** A raw frame to send. */
export interface FrameOptions {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly masked?: boolean;
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The request that asks for the upgrade; a header set to `null` is left out. */
export function handshake(
  headers: Record<string, string | null> = {},
  line: string = "GET / HTTP/1.1",
): Uint8Array<ArrayBuffer> {
  const all: Record<string, string | null> = {
    Host: "127.0.0.1",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}`]
  );
  return encoder.encode([line, ...lines, "", ""].join("\r\n"));
}

/** The bytes of one frame. */
export function frame(
  opcode: number,
  payload: string | Uint8Array = "",
  { fin = true, rsv = 0, masked = true }: FrameOptions = {},
): Uint8Array<ArrayBuffer> {
  const data = typeof payload === "string" ? encoder.encode(payload) : payload;
  const length = lengthBytes(data.length, masked);
  const mask = masked ? [1, 2, 3, 4] : [];
  const bytes = new Uint8Array(1 + length.length + mask.length + data.length);
  bytes.set([(fin ? 0x80 : 0) | rsv << 4 | opcode, ...length, ...mask]);
  const start = bytes.length - data.length;
  for (let index = 0; index < data.length; index++) {
    bytes[start + index] = (data[index] ?? 0) ^ (mask[index % 4] ?? 0);
  }
  return bytes;
}

/** The bytes of a close frame. */
export function closeFrame(code?: number, reason = ""): Uint8Array<ArrayBuffer> {
  if (code === undefined) return frame(OPCODE.close);
  const text = encoder.encode(reason);
  return frame(OPCODE.close, new Uint8Array([code >> 8, code & 0xff, ...text]));
}

/** Joins byte strings into one, to be sent in one segment. */
export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function lengthBytes(length: number, masked: boolean): number[] {
  const bit = masked ? 0x80 : 0;
  if (length < 126) return [bit | length];
  if (length < 2 ** 16) return [bit | 126, length >> 8, length & 0xff];
  const high = Math.floor(length / 2 ** 32);
  return [bit | 127, ...bytesOf32(high), ...bytesOf32(length % 2 ** 32)];
}

function bytesOf32(value: number): number[] {
  return [value >>> 24, value >>> 16 & 0xff, value >>> 8 & 0xff, value & 0xff];
}

/** One TCP connection. */
export class RawClient<Conn extends Deno.Conn = Deno.TcpConn> implements Disposable {
  readonly conn: Conn;
  #buffer: Uint8Array = new Uint8Array();
  #ended = false;

  constructor(conn: Conn) {
    this.conn = conn;
  }

  /** Connects and sends nothing. */
  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Connects and upgrades; the answer must be a 101. */
  static async open(
    port: number,
    headers: Record<string, string | null> = {},
  ): Promise<RawClient> {
    const client = await RawClient.connect(port);
    const head = await client.upgrade(headers);
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`Not upgraded: ${head}`);
    return client;
  }

  /** Sends the handshake and reads the head of the answer. */
  async upgrade(headers: Record<string, string | null> = {}, line?: string): Promise<string> {
    await this.write(handshake(headers, line));
    return await this.readHead();
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  /** The head of an HTTP answer. */
  async readHead(): Promise<string> {
    for (;;) {
      const end = decoder.decode(this.#buffer).indexOf("\r\n\r\n");
      if (end >= 0) {
        const head = decoder.decode(this.#buffer.subarray(0, end));
        this.#buffer = this.#buffer.subarray(end + 4);
        return head;
      }
      if (!await this.#fill()) throw new Error("No answer");
    }
  }

  /** The body of an HTTP answer with such a head, which says how long it is. */
  async readBody(head: string): Promise<string> {
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    while (this.#buffer.length < length) if (!await this.#fill()) throw new Error("No body");
    const body = decoder.decode(this.#buffer.subarray(0, length));
    this.#buffer = this.#buffer.subarray(length);
    return body;
  }

  /** The next frame, or undefined at the end of the stream. */
  async readFrame(): Promise<RawFrame | undefined> {
    for (;;) {
      const parsed = parseFrame(this.#buffer);
      if (parsed !== undefined) {
        this.#buffer = this.#buffer.subarray(parsed.length);
        return parsed.frame;
      }
      if (!await this.#fill()) return undefined;
    }
  }

  /** Reads to the end: all frames that still come. */
  async readAll(): Promise<RawFrame[]> {
    const frames: RawFrame[] = [];
    for (;;) {
      const frame = await this.readFrame();
      if (frame === undefined) return frames;
      frames.push(frame);
    }
  }

  /** Reads on until a close frame or the end: the close code, 1005 for an empty one, `"fin"` for none. */
  async readClose(): Promise<number | "fin"> {
    const frames = await this.readUntilClose();
    const last = frames.at(-1);
    return last?.opcode === OPCODE.close ? codeOf(last) : "fin";
  }

  /** Reads on until a close frame or the end. */
  async readUntilClose(): Promise<RawFrame[]> {
    const frames: RawFrame[] = [];
    for (;;) {
      const frame = await this.readFrame();
      if (frame !== undefined) frames.push(frame);
      if (frame === undefined || frame.opcode === OPCODE.close) return frames;
    }
  }

  /** Leaves politely: FIN. */
  end(): void {
    try {
      this.conn.close();
    } catch {
      // It is closed already.
    }
  }

  [Symbol.dispose](): void {
    this.end();
  }

  async #fill(): Promise<boolean> {
    if (this.#ended) return false;
    const chunk = new Uint8Array(65_536);
    const count = await this.conn.read(chunk).catch(() => null);
    this.#ended = count === null;
    if (count === null) return false;
    this.#buffer = this.#buffer.length === 0
      ? chunk.subarray(0, count)
      : join(this.#buffer, chunk.subarray(0, count));
    return true;
  }
}

/** The code of a close frame: 1005 when it has none (RFC 6455 §7.1.5). */
export function codeOf({ payload }: RawFrame): number {
  const [high, low] = payload;
  return high === undefined || low === undefined ? 1005 : high << 8 | low;
}

/** The text of a frame. */
export function textOf({ payload }: RawFrame): string {
  return decoder.decode(payload);
}

function parseFrame(bytes: Uint8Array): { frame: RawFrame; length: number } | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const short = second & 0x7f;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start) return undefined;
  const size = short < 126
    ? short
    : short === 126
    ? view.getUint16(2)
    : Number(view.getBigUint64(2));
  if (bytes.length < start + size) return undefined;
  const payload = bytes.slice(start, start + size);
  return {
    frame: { fin: (first & 0x80) !== 0, rsv: first >> 4 & 7, opcode: first & 0xf, payload },
    length: start + size,
  };
}
