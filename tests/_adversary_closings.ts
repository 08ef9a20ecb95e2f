import { innocence, toCode } from "./_adversary_frames.ts";
import { Random } from "./_adversary_random.ts";
import { ask, leaveSomehow, listen, pause, type Script, send } from "./_adversary_script.ts";
import { closeFrame, frame, join, OPCODE } from "./_raw_client.ts";

/** Both sides of every limit between what may be sent and what may not (RFC 6455 §7.4). */
const CODES: readonly number[] = [
  ...[0, 1, 7, 125, 500, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010],
  ...[1011, 1012, 1013, 1014, 1015, 1016, 1100, 1999, 2000, 2999, 3000, 3001, 3500, 3999, 4000],
  ...[4001, 4500, 4999, 5000, 5001, 9999, 32_767, 32_768, 65_535],
];

/** How many sessions {@linkcode closeInTurn} has. */
export const TURNS = 5_120;

/** Every code up to 5000 and some above, and every length that a control frame may have. */
export function closeInTurn(number: number): Script {
  const code = number <= 5_000 ? number : number * 12;
  const length = number % 126;
  return closeWith(new Random(number), number, code, length);
}

/** A close frame with a code on the edge, some of them too long for a control frame. */
export function closeCodes(random: Random, number: number): Script {
  const length = random.chance(0.3) ? random.between(126, 70_000) : random.below(126);
  return closeWith(random, number, random.pick(CODES), length);
}

function closeWith(random: Random, number: number, code: number, length: number): Script {
  const payload = join(toCode(code), new Uint8Array(70_000).fill(0x78)).slice(0, length);
  return {
    name: `a close frame of ${length} bytes with ${code}`,
    steps: [
      ...ask("calm", number),
      send(join(innocence(random), frame(OPCODE.close, payload))),
      listen(5_000),
      leaveSomehow(random),
    ],
    expects: { upgraded: true, endings: [endingOf(code, length)] },
  };
}

/** Holds the line after the server's close frame, for longer than the server waits. */
export function stubborn(random: Random, number: number): Script {
  const path = random.pick([
    "close",
    "shutdown",
    "goodbye",
    "timeout",
    "throw-handle",
    "throw-info",
  ]);
  return {
    name: `does not answer the close of /${path}`,
    steps: [
      ...ask(path, number),
      send(frame(OPCODE.text, "x")),
      listen(random.below(500)),
      leaveSomehow(random),
    ],
    expects: { upgraded: true, endings: endingsOfClosing(path) },
  };
}

/** Goes on talking after the server's close frame. */
export function pingsWhileClosing(random: Random, number: number): Script {
  const path = random.pick(["close", "shutdown", "goodbye", "throw-handle"]);
  const opcode = random.pick([OPCODE.ping, OPCODE.ping, OPCODE.pong, OPCODE.text, OPCODE.binary]);
  const talk = [send(frame(opcode, "still here")), pause(random.below(10))];
  return {
    name: `sends ${opcode} while /${path} closes`,
    steps: [
      ...ask(path, number),
      send(join(frame(OPCODE.text, "x"), ...random.chance(0.5) ? [frame(opcode)] : [])),
      ...Array.from({ length: random.between(1, 10) }, () => talk).flat(),
      ...random.chance(0.5) ? [send(closeFrame(random.pick([1000, 4000, 1005])))] : [],
      listen(random.below(300)),
      leaveSomehow(random),
    ],
    expects: { upgraded: true, endings: endingsOfClosing(path) },
  };
}

function endingOf(code: number, length: number): string {
  if (length === 0) return "remote/1005";
  // RFC 6455 §5.5: no control frame has more than 125 bytes.
  const isBad = length === 1 || length > 125 || !isTakenByDeno(code);
  return isBad ? "error/badframe" : `remote/${code}`;
}

// Of those registered Deno does not know 1014.
function isTakenByDeno(code: number): boolean {
  return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1013 ||
    code >= 3000 && code <= 4999;
}

// A reset may overtake the frame that makes it close.
function endingsOfClosing(path: string): string[] {
  if (path === "timeout") return ["normal/timeout", "error/closed"];
  return [path.startsWith("throw") ? "error/crash" : "normal/shutdown", "error/closed"];
}
