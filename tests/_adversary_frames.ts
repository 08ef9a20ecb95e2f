import { LIMITS } from "./_adversary_limits.ts";
import type { Random } from "./_adversary_random.ts";
import { frame, join, OPCODE } from "./_raw_client.ts";

/** Bytes that break a rule of RFC 6455, and what the server calls that. */
export interface Offense {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The cause of the end; undefined if it may be overlooked. */
  readonly cause: string | undefined;
}

type Crime = (random: Random) => Uint8Array<ArrayBuffer>;

const BADFRAME: Readonly<Record<string, Crime>> = {
  "a reserved bit": (random) =>
    frame(random.pick([1, 2, 8, 9, 10]), "x", { rsv: random.between(1, 7) }),
  "an unknown opcode": (random) => frame(random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), "x"),
  "a fragmented control frame": (random) => frame(random.pick([8, 9, 10]), "", { fin: false }),
  "a long ping": (random) => frame(OPCODE.ping, random.bytes(random.between(126, 1_000))),
  "a continuation of nothing": (random) =>
    frame(OPCODE.continuation, "x", { fin: random.chance(0.5) }),
  "a whole message inside a fragmented one": () =>
    join(frame(OPCODE.text, "x", { fin: false }), frame(OPCODE.text, "y")),
  "half a close code": (random) => frame(OPCODE.close, random.bytes(1)),
  "a close code that may not be sent": (random) =>
    frame(OPCODE.close, toCode(random.pick([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000]))),
};

const BADENCODING: Readonly<Record<string, Crime>> = {
  "text that is not UTF-8": (random) => frame(OPCODE.text, badUtf8(random)),
  "fragments that are not UTF-8": (random) =>
    join(
      frame(OPCODE.text, "x", { fin: false }),
      frame(OPCODE.continuation, badUtf8(random)),
    ),
  "a close reason that is not UTF-8": (random) =>
    frame(OPCODE.close, join(toCode(1000), badUtf8(random))),
};

const BADSIZE: Readonly<Record<string, Crime>> = {
  "64 MiB announced": (random) => toHeader(random.between(2 ** 26, 2 ** 40)),
  "a length above 2 to the 63": () => toHeader(2 ** 63),
  "a message that is too long": (random) =>
    frame(OPCODE.binary, new Uint8Array(LIMITS.maxMessageSize + random.between(1, 10_000))),
  "fragments that are too long": (random) => {
    const part = new Uint8Array(LIMITS.maxMessageSize / 2 + random.between(1, 1_000));
    return join(
      frame(OPCODE.binary, part, { fin: false }),
      frame(OPCODE.continuation, part),
    );
  },
};

const OVERLOOKED: Readonly<Record<string, Crime>> = {
  "no mask": (random) => frame(OPCODE.text, "x".repeat(random.below(300)), { masked: false }),
  "a length longer than needed": () =>
    join(new Uint8Array([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), new Uint8Array([7])),
  "a message begun inside another": () =>
    join(frame(OPCODE.text, "x", { fin: false }), frame(OPCODE.text, "y", { fin: false })),
  "a character cut at the end": () =>
    join(
      frame(OPCODE.text, "x", { fin: false }),
      frame(OPCODE.continuation, new Uint8Array([0xe2, 0x82])),
    ),
  "a long pong": (random) => frame(OPCODE.pong, random.bytes(random.between(126, 1_000))),
  "noise": (random) => random.bytes(random.between(1, 300)),
  "no end of fragments": (random) =>
    join(
      frame(OPCODE.text, "x", { fin: false }),
      ...Array.from(
        { length: random.below(200) },
        () => frame(OPCODE.continuation, random.chance(0.5) ? "" : "y", { fin: false }),
      ),
    ),
  "16 MiB announced": () => toHeader(2 ** 24),
  "half a header": (random) => toHeader(70_000).slice(0, random.between(1, 13)),
  "half a frame": () => frame(OPCODE.text, "x".repeat(300)).slice(0, 100),
};

const OFFENSES: readonly (readonly [cause: string | undefined, Readonly<Record<string, Crime>>])[] =
  [
    ["error/badframe", BADFRAME],
    ["error/badencoding", BADENCODING],
    ["error/badsize", BADSIZE],
    [undefined, OVERLOOKED],
  ];

/** One way to break the protocol. */
export function commit(random: Random): Offense {
  const [cause, crimes] = random.pick(OFFENSES);
  const [name, crime] = random.pick(Object.entries(crimes));
  return { name, cause, bytes: crime(random) };
}

/** Frames that break nothing, and after which no message is unfinished. */
export function innocence(random: Random): Uint8Array<ArrayBuffer> {
  return join(...Array.from({ length: random.below(4) }, () => innocent(random)));
}

/** The two bytes of a close code. */
export function toCode(code: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array([code >> 8, code & 0xff]);
}

function innocent(random: Random): Uint8Array<ArrayBuffer> {
  switch (random.below(5)) {
    case 0:
      return frame(OPCODE.text, "grüße ".repeat(random.below(100)));
    case 1:
      return frame(OPCODE.binary, random.bytes(random.below(300)));
    case 2:
      return frame(OPCODE.ping, random.bytes(random.below(126)));
    case 3:
      return frame(OPCODE.pong);
    default:
      return join(
        frame(OPCODE.text, "in ", { fin: false }),
        frame(OPCODE.ping, "between"),
        frame(OPCODE.continuation, "", { fin: false }),
        frame(OPCODE.continuation, "parts"),
      );
  }
}

// What follows is no UTF-8 wherever it stands in a message.
function badUtf8(random: Random): Uint8Array<ArrayBuffer> {
  const sequence = random.pick([[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [
    0xf4,
    0x90,
    0x80,
    0x80,
  ]]);
  return join(new Uint8Array(random.below(50)), new Uint8Array(sequence), new Uint8Array(1));
}

function toHeader(length: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(14);
  header.set([0x82, 0xff]);
  new DataView(header.buffer).setBigUint64(2, BigInt(length));
  return header;
}
