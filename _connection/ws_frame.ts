import { Buffer } from "node:buffer";
import type { DataFrame } from "./line.ts";

const FIN = 0x80;
const OPCODES = { text: 0x1, binary: 0x2, ping: 0x9, pong: 0xa } as const;
const [LENGTH_16, LENGTH_64] = [126, 127] as const;

/**
 * A frame as a server sends it (RFC 6455 §5.2), in one buffer of its own: whatever becomes of `data`. `ws` writes its head and
 * its payload as two, which costs more than all that a handler's answer costs.
 */
export function encodeFrame({ kind, data }: DataFrame): Buffer {
  const length = Buffer.byteLength(data);
  const head = headLength(length);
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = FIN | OPCODES[kind];
  writeLength(frame, length);
  if (typeof data === "string") frame.write(data, head);
  else frame.set(data, head);
  return frame;
}

function headLength(length: number): number {
  if (length < LENGTH_16) return 2;
  return length < 2 ** 16 ? 4 : 10;
}

function writeLength(frame: Buffer, length: number): void {
  if (length < LENGTH_16) {
    frame[1] = length;
  } else if (length < 2 ** 16) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
}
