import { assertEquals } from "@std/assert";
import {
  type Case,
  closed,
  type Deviation,
  echo,
  echoed,
  type Expectation,
  failed,
  rfcTests,
  type Step,
} from "./_rfc6455.ts";
import {
  closeFrame,
  frame,
  type FrameOptions,
  join,
  OPCODE,
  RawClient,
  type RawFrame,
} from "./_raw_client.ts";
import { BADSIZE, CLOSED, OVERFLOW, SHUTDOWN } from "./_reasons.ts";
import { type Transport, TRANSPORTS } from "./_transports.ts";

type Data = string | Uint8Array;

// What the client writes.
const text = (data: Data = "", options?: FrameOptions) => frame(OPCODE.text, data, options);
const binary = (data: Data = "", options?: FrameOptions) => frame(OPCODE.binary, data, options);
const ping = (data: Data = "", options?: FrameOptions) => frame(OPCODE.ping, data, options);
const pong = (data: Data = "", options?: FrameOptions) => frame(OPCODE.pong, data, options);
const begin = (data: Data = "") => text(data, { fin: false });
const more = (data: Data = "") => frame(OPCODE.continuation, data, { fin: false });
const end = (data: Data = "") => frame(OPCODE.continuation, data);
const heard = (count: number) => ({ heard: count });

// What it sees.
const encoder = new TextEncoder();
const seen = (opcode: number, data: Data): RawFrame => ({
  fin: true,
  rsv: 0,
  opcode,
  payload: typeof data === "string" ? encoder.encode(data) : data,
});
const aText = (data: Data = "") => seen(OPCODE.text, data);
const aBinary = (data: Data = "") => seen(OPCODE.binary, data);
const aPong = (data: Data = "") => seen(OPCODE.pong, data);

// What Deno does instead.
const CUT: Deviation = { close: "fin", deviates: "cut without a close frame" };
const accepts = (deviates: string, expect: Expectation): Deviation => ({ ...expect, deviates });

// A line that goes away.
const LOST: Expectation = { frames: [], close: "fin", reason: CLOSED, leaves: false };

const KIB = 2 ** 10;
const MIB = 2 ** 20;

function hex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(digits.replaceAll(" ", ""));
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** The pieces of `bytes`, so many bytes each. */
function chop(bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / size);
  return range(1, count).map((piece) => bytes.subarray((piece - 1) * size, piece * size));
}

/** Writes each piece on its own, so that the server reads it on its own. */
function slowly(pieces: readonly Uint8Array[]): Step[] {
  return pieces.flatMap((piece) => [piece, "pause"] as const);
}

/** `bytes` in two parts, in every way there is. */
function halves(bytes: Uint8Array): [Uint8Array, Uint8Array][] {
  return range(1, bytes.length - 1).map((at) => [bytes.subarray(0, at), bytes.subarray(at)]);
}

/** One message in fragments of so many bytes. */
function fragments(opcode: number, data: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const pieces = chop(data, size);
  return join(
    ...pieces.map((piece, index) =>
      frame(index === 0 ? opcode : OPCODE.continuation, piece, { fin: index === pieces.length - 1 })
    ),
  );
}

function letters(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(size).map((_, index) => 97 + index % 23);
}

function bytes(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(size).map((_, index) => index % 251);
}

/** Text of one to four bytes a character. */
function characters(size: number): Uint8Array<ArrayBuffer> {
  const data = encoder.encode("aü€😀".repeat(Math.ceil(size / 10)));
  return data.subarray(0, size).fill(97, size - size % 10);
}

const MADE = { text: characters, binary: bytes };

const SIZES = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537];

/** §5.1, §5.3: the mask. */
const MASKING: readonly Case[] = [
  {
    section: "5.1",
    name: "a frame without a mask fails the connection",
    scripts: [[text("x", { masked: false })]],
    expect: failed(1002),
    deno: accepts("accepted", echoed(aText("x"))),
  },
  {
    section: "5.1",
    name: "a ping without a mask fails the connection",
    scripts: [[ping("x", { masked: false })]],
    expect: failed(1002),
    deno: accepts("answered", echoed(aPong("x"))),
  },
  {
    section: "5.1",
    name: "a close frame without a mask fails the connection",
    scripts: [[frame(OPCODE.close, hex("03e8"), { masked: false })]],
    expect: failed(1002),
    deno: accepts("answered", closed(1000)),
  },
  ...["00000000", "ffffffff", "01020408", "80fe0100"].map((key): Case => ({
    section: "5.3",
    name: `payloads of 0 to 70 bytes are unmasked with the key ${key}`,
    scripts: [range(0, 70).map((size) => maskedWith(hex(key), letters(size)))],
    expect: echoed(...range(0, 70).map((size) => aText(letters(size)))),
  })),
];

function maskedWith(key: Uint8Array, data: Uint8Array): Uint8Array {
  const payload = data.map((byte, index) => byte ^ (key[index % 4] ?? 0));
  return join(new Uint8Array([0x81, 0x80 | data.length]), key, payload);
}

/** §5.2: the header. */
const FRAMING: readonly Case[] = [
  ...SIZES.flatMap((size): Case[] => [
    {
      section: "5.2",
      name: `a text of ${size} bytes comes back, read at once or in pieces`,
      scripts: inPieces(text(letters(size))),
      expect: echoed(aText(letters(size))),
    },
    {
      section: "5.2",
      name: `a binary of ${size} bytes comes back, read at once or in pieces`,
      scripts: inPieces(binary(bytes(size))),
      expect: echoed(aBinary(bytes(size))),
    },
  ]),
  {
    section: "5.2",
    name: "frames that come in one segment come back in order",
    scripts: [[join(text("1"), binary("2"), text("3"), text(""), binary(""), text("6"))]],
    expect: echoed(aText("1"), aBinary("2"), aText("3"), aText(), aBinary(), aText("6")),
  },
  {
    section: "5.2",
    name: "a length in more bytes than it needs fails the connection",
    scripts: ["81fe0001 01020304 60", "81ff0000000000000001 01020304 60"].map((it) => [hex(it)]),
    expect: failed(1002),
    deno: accepts("accepted", echoed(aText("a"))),
    ws: accepts("accepted", echoed(aText("a"))),
  },
  {
    section: "5.2",
    name: "a length with its highest bit set fails the connection",
    scripts: [[hex("82ff8000000000000001 01020304 60")]],
    expect: failed(1002),
    deno: { close: "fin", reason: BADSIZE, deviates: "too large; cut without a close frame" },
    ws: { ...failed(1009), deviates: "too large" },
  },
  {
    section: "5.2",
    name: "a frame that is never finished ends with the line",
    scripts: range(1, 6).map((size) => [text("x").subarray(0, size), "pause", "fin"] as const),
    expect: LOST,
  },
];

function inPieces(bytes: Uint8Array): Step[][] {
  const head = chop(bytes.subarray(0, 16), 1);
  return [[bytes], slowly([...head, ...chop(bytes.subarray(16), 9_973)])];
}

/** §5.2, §5.5, §5.6: what is reserved. */
const RESERVED: readonly Case[] = [
  ...range(1, 7).map(reservedBits),
  {
    section: "5.2",
    name: "what comes before reserved bits is answered, what comes behind them is not",
    scripts: range(1, 7).map((rsv) => [join(text("a"), ping("b"), text("x", { rsv }), ping("c"))]),
    expect: failed(1002, aText("a"), aPong("b")),
    deno: CUT,
  },
  ...[3, 4, 5, 6, 7].map((opcode) => reservedOpcode("5.6", opcode)),
  ...[11, 12, 13, 14, 15].map((opcode) => reservedOpcode("5.5", opcode)),
  {
    section: "5.2",
    name: "what comes before a reserved opcode is answered, what comes behind it is not",
    scripts: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [
      join(text("a"), ping("b"), frame(opcode, "x"), ping("c")),
    ]),
    expect: failed(1002, aText("a"), aPong("b")),
    deno: CUT,
  },
];

function reservedBits(rsv: number): Case {
  return {
    section: "5.2",
    name: `the reserved bits ${rsv.toString(2).padStart(3, "0")} fail the connection`,
    scripts: [
      [text("x", { rsv })],
      [text("", { rsv })],
      [binary("x", { rsv })],
      [begin("x"), frame(OPCODE.continuation, "y", { rsv })],
      [ping("x", { rsv })],
      [pong("x", { rsv })],
      [frame(OPCODE.close, hex("03e8"), { rsv })],
      slowly(chop(text("x", { rsv }), 1)),
    ],
    expect: failed(1002),
    deno: CUT,
  };
}

function reservedOpcode(section: string, opcode: number): Case {
  return {
    section,
    name: `the reserved opcode ${opcode} fails the connection`,
    scripts: [
      [frame(opcode)],
      [frame(opcode, "x")],
      [frame(opcode, "x", { fin: false })],
      [begin("a"), frame(opcode, "x")],
      slowly(chop(frame(opcode, "x"), 1)),
    ],
    expect: failed(1002),
    deno: CUT,
  };
}

/** §5.4: fragmentation. */
const FRAGMENTATION: readonly Case[] = [
  {
    section: "5.4",
    name: "a text in fragments comes back whole, wherever it is cut",
    scripts: [
      ...halves(letters(6)).map(([head, tail]) => [begin(head), end(tail)]),
      ...halves(letters(6)).map(([head, tail]) => slowly([begin(head), end(tail)])),
      ...[1, 2, 3].map((size) => [fragments(OPCODE.text, letters(6), size)]),
      slowly(chop(fragments(OPCODE.text, letters(6), 2), 1)),
      [begin(), more(letters(6)), more(), end()],
      [begin(letters(6)), end()],
      [begin(), end(letters(6))],
    ],
    expect: echoed(aText(letters(6))),
  },
  {
    section: "5.4",
    name: "a binary in fragments comes back whole, wherever it is cut",
    scripts: [
      ...[1, 2, 99, 100, 299].map((size) => [fragments(OPCODE.binary, bytes(300), size)]),
      slowly(chop(fragments(OPCODE.binary, bytes(300), 200), 7)),
    ],
    expect: echoed(aBinary(bytes(300))),
  },
  {
    section: "5.4",
    name: "empty fragments are an empty message",
    scripts: [
      [begin(), end()],
      [begin(), more(), end()],
      slowly([begin(), ...Array.from({ length: 10 }, () => more()), end()]),
    ],
    expect: echoed(aText()),
  },
  {
    section: "5.4",
    name: "fragmented and whole messages follow each other",
    scripts: [[
      join(text("1"), begin("2"), end("2"), binary("3"), begin("4"), more("4"), end("4")),
      fragments(OPCODE.binary, encoder.encode("5555"), 3),
    ]],
    expect: echoed(aText("1"), aText("22"), aBinary("3"), aText("444"), aBinary("5555")),
  },
  {
    section: "5.4",
    name: "control frames may come between fragments",
    scripts: [
      [begin("a"), ping("1"), heard(1), more("b"), ping("2"), heard(2), pong("3"), end("c")],
    ],
    expect: echoed(aPong("1"), aPong("2"), aText("abc")),
  },
  {
    section: "5.4",
    name: "a continuation of nothing fails the connection",
    scripts: [[end("x")], [end()], [more("x")], [more(), text("x")]],
    expect: failed(1002),
    deno: CUT,
  },
  {
    section: "5.4",
    name: "a continuation of a finished message fails the connection",
    scripts: [
      [text("a"), heard(1), end("x")],
      [begin(), end("a"), heard(1), end("x")],
      [begin(), end("a"), heard(1), more("x")],
    ],
    expect: failed(1002, aText("a")),
    deno: CUT,
  },
  {
    section: "5.4",
    name: "a whole message inside a fragmented one fails the connection",
    scripts: [
      [begin("a"), text("b")],
      [begin("a"), binary("b"), end("c")],
      [begin("a"), more("b"), text("c")],
      [binary("a", { fin: false }), text("b")],
    ],
    expect: failed(1002),
    deno: CUT,
  },
  {
    section: "5.4",
    name: "a fragmented message inside a fragmented one fails the connection",
    scripts: [
      [begin("a"), begin("b"), end("c")],
      [begin("a"), more("b"), begin("b"), end("c")],
      [binary("a", { fin: false }), begin("b"), end("c")],
    ],
    expect: failed(1002),
    deno: accepts("what came before it is forgotten", echoed(aText("bc"))),
  },
  {
    section: "5.4",
    name: "a message that is never finished ends with the line",
    scripts: [[begin("a"), more("b"), "pause", "fin"]],
    expect: LOST,
  },
];

/** §5.5: control frames. */
const CONTROL: readonly Case[] = [
  {
    section: "5.5",
    name: "a control frame in fragments fails the connection",
    scripts: [
      [ping("x", { fin: false })],
      [pong("x", { fin: false })],
      [frame(OPCODE.close, hex("03e8"), { fin: false })],
      [ping("x", { fin: false }), end("y")],
      [begin("a"), ping("x", { fin: false }), end("y")],
    ],
    expect: failed(1002),
    deno: CUT,
  },
  ...[126, 65_536].map((size): Case => ({
    section: "5.5",
    name: `a ping of ${size} bytes fails the connection`,
    scripts: [[ping(bytes(size))]],
    expect: failed(1002),
    deno: CUT,
  })),
  ...[126, 65_536].map((size): Case => ({
    section: "5.5",
    name: `a pong of ${size} bytes fails the connection`,
    scripts: [[pong(bytes(size)), text("x")]],
    expect: failed(1002),
    deno: accepts("accepted", echoed(aText("x"))),
  })),
  ...[126, 65_536].map((size): Case => ({
    section: "5.5",
    name: `a close frame of ${size} bytes fails the connection`,
    scripts: [[closeFrame(1000, "x".repeat(size - 2))]],
    expect: failed(1002),
    deno: { deviates: "given back", close: 1000 },
  })),
  ...[0, 1, 125].map((size): Case => ({
    section: "5.5.2",
    name: `a ping of ${size} bytes is answered with its bytes`,
    scripts: [[ping(bytes(size))], slowly(chop(ping(bytes(size)), 1))],
    expect: echoed(aPong(bytes(size))),
  })),
  {
    section: "5.5.2",
    name: "a ping need not be UTF-8",
    scripts: [[ping(hex("00fffefdfcfb00ff"))]],
    expect: echoed(aPong(hex("00fffefdfcfb00ff"))),
  },
  {
    section: "5.5.2",
    name: "a thousand pings are answered in order, fifty at a time",
    scripts: [
      range(1, 1_000).flatMap((count) =>
        count % 50 === 0 ? [ping(`${count}`), heard(count)] : [ping(`${count}`)]
      ),
    ],
    expect: echoed(...range(1, 1_000).map((count) => aPong(`${count}`))),
  },
  {
    section: "5.5.2",
    name: "a thousand pings are answered in order, all at once",
    scripts: [
      [join(...range(1, 1_000).map((count) => ping(`${count}`)))],
      chop(join(...range(1, 1_000).map((count) => ping(`${count}`))), 100),
    ],
    expect: echoed(...range(1, 1_000).map((count) => aPong(`${count}`))),
  },
  {
    section: "5.5.2",
    name: "a ping in the middle of a fragmented message is answered at once",
    scripts: [
      [begin("a"), ping("x"), heard(1), end("b")],
      [begin("a"), more("b"), ping("x"), heard(1), end()],
      slowly(chop(join(begin("a"), ping("x"), end("b")), 1)),
      [join(begin("a"), ping("x"), end("b"))],
    ],
    expect: echoed(aPong("x"), aText("ab")),
  },
  {
    section: "5.5.2",
    name: "a ping between two messages is answered between them",
    scripts: [[text("a"), heard(1), ping("x"), heard(2), text("b")]],
    expect: echoed(aText("a"), aPong("x"), aText("b")),
  },
  {
    section: "5.5.3",
    name: "a pong that nobody asked for is not answered",
    scripts: [
      [pong(), text("x")],
      [pong(bytes(125)), text("x")],
      [join(pong("a"), pong("b"), pong("c"), text("x"))],
      slowly(chop(join(pong("a"), text("x")), 1)),
    ],
    expect: echoed(aText("x")),
  },
  {
    section: "5.5.3",
    name: "a ping among pongs is answered once",
    scripts: [[join(pong("a"), ping("b"), pong("b"), pong("c"))]],
    expect: echoed(aPong("b")),
  },
];

/** §5.7: its own examples; what has no mask there gets the mask of its second. */
const EXAMPLES: readonly Case[] = [
  {
    section: "5.7",
    name: `the masked "Hello" comes back`,
    scripts: [[hex("81 85 37 fa 21 3d 7f 9f 4d 51 58")]],
    expect: echoed(aText("Hello")),
  },
  {
    section: "5.7",
    name: `the fragmented "Hello" comes back`,
    scripts: [[hex("01 83 37 fa 21 3d 7f 9f 4d"), hex("80 82 37 fa 21 3d 5b 95")]],
    expect: echoed(aText("Hello")),
  },
  {
    section: "5.7",
    name: `the ping "Hello" is answered`,
    scripts: [[hex("89 85 37 fa 21 3d 7f 9f 4d 51 58")]],
    expect: echoed(aPong("Hello")),
  },
];

/** §5.5.1, §7: closing. */
const CLOSING: readonly Case[] = [
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999]
    .map(allowedCode),
  {
    ...allowedCode(1014),
    deno: { ...failed(1002), deviates: "refused" },
  },
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
    (code): Case => ({
      section: "7.4",
      name: `the close code ${code} fails the connection`,
      scripts: [[closeFrame(code)], [closeFrame(code, "bye")]],
      expect: failed(1002),
    }),
  ),
  {
    section: "7.1.5",
    name: "a close frame without a code is answered with one without",
    scripts: [[closeFrame()], slowly(chop(closeFrame(), 1))],
    expect: closed(1005),
  },
  {
    section: "5.5.1",
    name: "half a close code fails the connection",
    scripts: [[frame(OPCODE.close, hex("03"))]],
    expect: failed(1002),
    deno: CUT,
  },
  ...["x", "ü€😀", "x".repeat(123)].map((reason): Case => ({
    section: "5.5.1",
    name: `a close frame with a reason of ${encoder.encode(reason).length} bytes is answered`,
    scripts: [[closeFrame(1000, reason)], slowly(chop(closeFrame(1000, reason), 1))],
    expect: closed(1000, reason),
  })),
  {
    section: "5.5.1",
    name: "a close reason that is not UTF-8 fails the connection",
    scripts: ["ff", "61c0", "eda080", "f4908080", "61e282"].map((reason) => [
      frame(OPCODE.close, hex(`03e8${reason}`)),
    ]),
    expect: failed(1007),
    deno: CUT,
  },
  {
    section: "5.5.1",
    name: "a close frame in the middle of a fragmented message is answered",
    scripts: [[begin("a"), closeFrame(4000)], [begin("a"), more("b"), closeFrame(4000), end("c")]],
    expect: closed(4000),
  },
  {
    section: "5.5.1",
    name: "nothing behind the client's close frame is answered",
    scripts: [
      text("x"),
      binary("x"),
      ping("x"),
      pong("x"),
      closeFrame(4000),
      closeFrame(4001),
      begin("x"),
      end("x"),
      text("x", { rsv: 1 }),
      frame(3, "x"),
      text(hex("ff")),
    ].flatMap((behind) => [
      [join(closeFrame(4000), behind)],
      [closeFrame(4000), behind],
      [closeFrame(4000), heard(1), behind],
    ]),
    expect: closed(4000),
  },
  {
    section: "5.5.1",
    name: "what comes before the client's close frame is answered",
    scripts: [
      [join(text("a"), ping("b"), closeFrame(4000))],
      [text("a"), ping("b"), closeFrame(4000)],
    ],
    expect: { ...closed(4000), frames: [aText("a"), aPong("b")] },
  },
  ...[1000, 1001, 1003, 1014, 3000, 4999].map((code): Case => ({
    section: "7.1.2",
    name: `the server's close frame ${code} is its last, and the line ends with the answer`,
    scripts: [[text(`close ${code}`)]],
    expect: { frames: [], close: code, reason: SHUTDOWN, leaves: false },
  })),
  {
    section: "5.5.1",
    name: "when both close at once, the client's close frame is answered and no other is sent",
    scripts: [[join(text("close 4000"), closeFrame(4001))]],
    expect: { frames: [], close: 4001, reason: SHUTDOWN, leaves: false },
  },
  {
    section: "5.5.1",
    name: "nothing behind the server's close frame is answered",
    scripts: [text("x"), ping("x"), pong("x"), begin("x"), text("x", { rsv: 1 })].flatMap((it) => [
      [text("close 4000"), heard(1), it],
    ]),
    expect: { frames: [], close: 4000, reason: SHUTDOWN, leaves: false },
  },
  {
    section: "7.1.6",
    name: "a line that ends without a close frame is closed abnormally",
    scripts: [["fin"], ["pause", "fin"], [ping("x").subarray(0, 3), "fin"]],
    expect: LOST,
  },
];

function allowedCode(code: number): Case {
  return {
    section: "7.4",
    name: `the close code ${code} is given back`,
    scripts: [[closeFrame(code)], slowly(chop(closeFrame(code), 1))],
    expect: closed(code),
  };
}

/** §8.1: texts are UTF-8. */
const VALID = {
  "ASCII with its control characters": "00 01 1f 20 7e 7f",
  "the Greek word of Autobahn": "ce ba cf 8c cf 83 ce bc ce b5",
  "the first and last of two bytes": "c2 80 df bf",
  "the first and last of three bytes": "e0 a0 80 ef bf bf",
  "the neighbors of the surrogates": "ed 9f bf ee 80 80",
  "the first and last of four bytes": "f0 90 80 80 f4 8f bf bf",
  "the noncharacters": "ef b7 90 ef b7 af ef bf be ef bf bf f0 9f bf be f0 9f bf bf f4 8f bf be",
  "a byte order mark in front": "ef bb bf 61",
  "the replacement character": "ef bf bd",
  "an emoji between letters": "61 f0 9f 98 80 62",
};

const INVALID = {
  "a lone continuation byte": ["80", "bf", "8080", "80bf80bf"],
  "an overlong form": [
    "c080",
    "c0af",
    "c1bf",
    "e08080",
    "e080af",
    "e09fbf",
    "f0808080",
    "f08080af",
    "f08fbfbf",
    "f880808080",
    "fc8080808080",
  ],
  "a surrogate": ["eda080", "edadbf", "edae80", "edb080", "edbfbf", "eda080edb080", "edafbfedbfbf"],
  "a code point over U+10FFFF": ["f4908080", "f4bfbfbf", "f5808080", "f7bfbfbf"],
  "a form of five or six bytes": ["f888808080", "fbbfbfbfbf", "fc8480808080", "fdbfbfbfbfbf"],
  "a byte that UTF-8 does not have": ["fe", "ff", "fefeffff", "c0", "c1", "f5", "f8"],
  "a sequence that breaks off": [
    "c261",
    "e261",
    "e28261",
    "f061",
    "f09f61",
    "f09f9861",
    "e282e282ac",
  ],
};

const TRUNCATED = ["c2", "e2", "e282", "f0", "f09f", "f09f98", "cebacf", "61f48fbf"];

const ENCODING: readonly Case[] = [
  ...Object.entries(VALID).map(([name, digits]): Case => ({
    section: "8.1",
    name: `a text of ${name} comes back, split at any byte`,
    scripts: everyWay(hex(digits)),
    expect: echoed(aText(hex(digits))),
  })),
  ...Object.entries(INVALID).map(([name, all]): Case => ({
    section: "8.1",
    name: `${name} fails the connection, split at any byte`,
    scripts: all.flatMap((digits) => everyWay(hex(`61${digits}62`))),
    expect: failed(1007),
    deno: CUT,
  })),
  {
    section: "8.1",
    name: "a text that ends within a sequence fails the connection",
    scripts: TRUNCATED.flatMap((it) => [[text(hex(it))], slowly(chop(text(hex(it)), 1))]),
    expect: failed(1007),
    deno: CUT,
  },
  ...TRUNCATED.map((digits): Case => ({
    section: "8.1",
    name: `a fragmented text that ends within a sequence (${digits}) fails the connection`,
    scripts: [
      [begin(hex(digits)), end()],
      [begin(), end(hex(digits))],
      [begin(), more(hex(digits)), end()],
      [begin(), ...chop(hex(digits), 1).map((byte) => more(byte)), end()],
    ],
    expect: failed(1007),
    deno: accepts("accepted, less that", echoed(aText(lessTail(hex(digits))))),
  })),
  {
    section: "8.1",
    name: "a fragment that is not UTF-8 fails the connection before the last one comes",
    scripts: [
      [begin(hex("61ff")), ping("x")],
      [begin("a"), more(hex("c0")), ping("x")],
      [begin(hex("e2")), more(hex("41")), ping("x")],
    ],
    expect: failed(1007),
    deno: CUT,
    ws: accepts("only when the last has come", echoed(aPong("x"))),
  },
  {
    section: "8.1",
    name: "a ping may come within a sequence",
    scripts: [[begin(hex("f09f")), ping("x"), heard(1), end(hex("9880"))]],
    expect: echoed(aPong("x"), aText("😀")),
  },
  {
    section: "8.1",
    name: "a sequence does not go on in the next message",
    scripts: [[begin(hex("f09f")), end(hex("98")), text(hex("80"))]],
    expect: failed(1007),
    deno: { ...CUT, frames: [aText()] },
  },
  {
    section: "8.1",
    name: "what is not UTF-8 may be binary",
    scripts: [[binary(hex("ff80c0eda080"))], [fragments(OPCODE.binary, hex("ff80c0eda080"), 1)]],
    expect: echoed(aBinary(hex("ff80c0eda080"))),
  },
];

/** A text whole, cut into two fragments at each byte, in fragments of a byte, and in segments of a byte. */
function everyWay(data: Uint8Array): Step[][] {
  return [
    [text(data)],
    slowly(chop(text(data), 1)),
    ...halves(data).map(([head, tail]) => [begin(head), end(tail)]),
    slowly([begin(), ...chop(data, 1).map((byte) => more(byte)), end()]),
  ];
}

function lessTail(data: Uint8Array): string {
  return new TextDecoder().decode(data, { stream: true });
}

/** §10.4: limits. */
const LIMIT = 1_000;

const LIMITS: readonly Case[] = [
  {
    section: "10.4",
    name: "a text of maxMessageSize comes back, whole or in fragments",
    limits: { maxMessageSize: LIMIT },
    scripts: [
      [text(characters(LIMIT))],
      ...[64, 999, 1_000].map((size) => [fragments(OPCODE.text, characters(LIMIT), size)]),
    ],
    expect: echoed(aText(characters(LIMIT))),
  },
  {
    section: "10.4",
    name: "a message of a byte more than maxMessageSize fails the connection",
    limits: { maxMessageSize: LIMIT },
    scripts: [
      [text(letters(LIMIT + 1))],
      [text(characters(LIMIT + 1))],
      [binary(bytes(LIMIT + 1))],
      [fragments(OPCODE.text, characters(LIMIT + 1), 64)],
      [fragments(OPCODE.binary, bytes(LIMIT + 1), LIMIT)],
    ],
    expect: failed(1009),
  },
  {
    section: "10.4",
    name: "a text before one over maxMessageSize is answered, one behind it is not",
    limits: { maxMessageSize: LIMIT },
    scripts: [[text("a"), heard(1), join(text(letters(LIMIT + 1)), text("b"))]],
    expect: failed(1009, aText("a")),
  },
  {
    section: "10.4",
    name: "a header that announces more than maxMessageSize fails the connection",
    limits: { maxMessageSize: LIMIT },
    scripts: [[text(letters(LIMIT + 1)).subarray(0, 8), "pause", "fin"]],
    expect: failed(1009),
    deno: accepts("only when all of it has come", LOST),
  },
  {
    section: "10.4",
    name: "unfinished fragments of more than maxMessageSize fail the connection",
    limits: { maxMessageSize: LIMIT },
    scripts: [[begin(letters(LIMIT)), more("x"), ping("y")]],
    expect: failed(1009),
    deno: accepts("only when the last has come", echoed(aPong("y"))),
  },
  {
    section: "10.4",
    name: "a header that announces 64 MiB fails the connection",
    scripts: [[hex("82ff 0000000004000000 01020304")]],
    expect: failed(1009),
    deno: CUT,
  },
];

const HUGE = { maxMessageSize: 16 * MIB, maxBuffered: 64 * MIB };

// More than these, ws ends by itself.
const MAX_FRAGMENTS = 16 * KIB;
const TOO_MANY: Deviation = {
  frames: [],
  close: 1008,
  reason: OVERFLOW,
  leaves: false,
  deviates: "more than 16 Ki fragments are too many",
};

const BIG: readonly Case[] = (["text", "binary"] as const).flatMap((kind) => [
  ...[256 * KIB, MIB, 4 * MIB, 16 * MIB].map((size) => big(kind, size)),
  ...[64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB].map((piece) => big(kind, 4 * MIB, piece)),
  ...[64, 997, 2 * KIB].map((piece) => segmented(kind, MIB, piece)),
  ...[0, 64, KIB, 4 * KIB].map((size) => many(kind, 1_000, size)),
  many(kind, 100, 64 * KIB),
]);

// What is big is made when its turn comes.
function big(kind: "text" | "binary", size: number, piece = size): Case {
  const inFragments = piece < size ? ` in fragments of ${piece} bytes` : "";
  return {
    section: piece < size ? "5.4" : "5.2",
    name: `a ${kind} of ${size / KIB} KiB${inFragments} comes back`,
    limits: HUGE,
    ...(size / piece > MAX_FRAGMENTS ? { ws: TOO_MANY } : {}),
    get scripts() {
      return [[fragments(OPCODE[kind], MADE[kind](size), piece)]];
    },
    get expect() {
      return echoed(seen(OPCODE[kind], MADE[kind](size)));
    },
  };
}

function segmented(kind: "text" | "binary", size: number, piece: number): Case {
  return {
    section: "5.2",
    name: `a ${kind} of ${size / KIB} KiB in segments of ${piece} bytes comes back`,
    limits: HUGE,
    get scripts() {
      return [chop(frame(OPCODE[kind], MADE[kind](size)), piece)];
    },
    get expect() {
      return echoed(seen(OPCODE[kind], MADE[kind](size)));
    },
  };
}

function many(kind: "text" | "binary", count: number, size: number): Case {
  return {
    section: "5.2",
    name: `a ${kind} of ${size} bytes, sent ${count} times, comes back as often`,
    limits: HUGE,
    get scripts() {
      const message = frame(OPCODE[kind], MADE[kind](size));
      return [range(1, count).map(() => message)];
    },
    get expect() {
      const message = seen(OPCODE[kind], MADE[kind](size));
      return echoed(...range(1, count).map(() => message));
    },
  };
}

const CASES = [
  ...MASKING,
  ...FRAMING,
  ...RESERVED,
  ...FRAGMENTATION,
  ...CONTROL,
  ...EXAMPLES,
  ...CLOSING,
  ...ENCODING,
  ...LIMITS,
  ...BIG,
];

for (const transport of TRANSPORTS) {
  rfcTests(transport, CASES);
  headerTests(transport);
}

/** No case sees how the server writes a header, for the raw client reads any. */
function headerTests({ name, serve }: Transport): void {
  const headers = {
    125: "82 7d",
    126: "82 7e 007e",
    65_535: "82 7e ffff",
    65_536: "82 7f 0000000000010000",
  };
  for (const [size, header] of Object.entries(headers)) {
    Deno.test(`RFC 6455 §5.2: ${size} bytes are sent with the shortest header and no mask [${name}]`, async () => {
      await using server = await serve(echo([]));
      using client = await RawClient.open(server.port);
      await client.write(binary(new Uint8Array(Number(size)).fill(7)));
      const expected = join(hex(header), new Uint8Array([7, 7, 7, 7]));
      const actual = new Uint8Array(expected.length);
      for (let at = 0; at < actual.length;) {
        at += await client.conn.read(actual.subarray(at)) ?? Infinity;
      }
      assertEquals(actual.toHex(), expected.toHex());
    });
  }
}
