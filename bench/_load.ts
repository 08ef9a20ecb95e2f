/**
 * The load: connections that each keep a fixed number of frames in flight for a while. One prepared
 * frame is sent again and again, and of what comes back only the length is counted, once its first
 * echo has been compared byte by byte.
 */
import { join, toMaskedFrame, toServerFrame, writeAll } from "./_wire.ts";

/** What is sent, and how much of it at a time. */
export interface Load {
  readonly name: string;
  readonly kind: "text" | "binary";
  /** Bytes of one message. */
  readonly size: number;
  /** Messages sent and not yet echoed, on each connection. */
  readonly inFlight: number;
  readonly connections: number;
}

/** The bytes of a load, made once and sent again and again. */
export interface Prepared {
  /** As many frames as are in flight, back to back: a part of it is sent for what came back. */
  readonly burst: Uint8Array;
  readonly frameLength: number;
  readonly echo: Uint8Array;
  readonly inFlight: number;
}

/** What a load did. */
export interface Echoed {
  readonly messages: number;
  readonly seconds: number;
}

/** Makes the bytes of a load. */
export function prepare({ kind, size, inFlight }: Load): Prepared {
  const payload = Uint8Array.from({ length: size }, (_, index) => 0x21 + index % 94);
  const frame = toMaskedFrame(kind, payload);
  return {
    burst: join(Array<Uint8Array>(inFlight).fill(frame)),
    frameLength: frame.length,
    echo: toServerFrame(kind, payload),
    inFlight,
  };
}

/** Sends one message on each connection and compares what comes back, byte by byte. */
export async function checkEchoes(conns: readonly Deno.TcpConn[], load: Prepared): Promise<void> {
  await Promise.all(conns.map((conn) => checkEcho(conn, load)));
}

async function checkEcho(conn: Deno.TcpConn, { burst, frameLength, echo }: Prepared) {
  await writeAll(conn, burst.subarray(0, frameLength));
  const received = await readExactly(conn, echo.length);
  if (received.some((byte, index) => byte !== echo[index])) {
    throw new Error("Cannot measure: the echo is not the frame that was sent");
  }
}

async function readExactly(conn: Deno.TcpConn, length: number): Promise<Uint8Array> {
  const received = new Uint8Array(length);
  let filled = 0;
  while (filled < length) filled += await readSome(conn, received.subarray(filled));
  return received;
}

async function readSome(conn: Deno.TcpConn, buffer: Uint8Array): Promise<number> {
  const length = await conn.read(buffer);
  if (length === null) throw new Error("Cannot measure: the server closed the connection");
  return length;
}

/** Keeps every connection busy for `seconds`, then waits until the last echo is back. */
export async function runLoad(
  conns: readonly Deno.TcpConn[],
  load: Prepared,
  seconds: number,
): Promise<Echoed> {
  // A flag, as to ask for the time at each message would cost more than to count it.
  const clock = { over: false };
  setTimeout(() => clock.over = true, seconds * 1000);
  const start = performance.now();
  const counts = await Promise.all(conns.map((conn) => keepBusy(conn, load, clock)));
  const messages = counts.reduce((sum, count) => sum + count, 0);
  return { messages, seconds: (performance.now() - start) / 1000 };
}

async function keepBusy(
  conn: Deno.TcpConn,
  { burst, frameLength, echo, inFlight }: Prepared,
  clock: { readonly over: boolean },
): Promise<number> {
  const buffer = new Uint8Array(64 * 1024);
  let echoed = 0;
  let bytes = 0;
  let awaited = inFlight;
  await writeAll(conn, burst);
  while (awaited > 0) {
    bytes += await readSome(conn, buffer);
    const whole = Math.trunc(bytes / echo.length);
    if (whole === 0) continue;
    bytes -= whole * echo.length;
    echoed += whole;
    if (clock.over) awaited -= whole;
    else await writeAll(conn, whole === inFlight ? burst : burst.subarray(0, whole * frameLength));
  }
  return echoed;
}
