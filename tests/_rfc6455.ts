/**
 * Runs cases of RFC 6455 against a transport: what its client sees on the wire and what `terminate` is told. A case says
 * what the RFC asks for; where a transport does otherwise, the case says that too, and the test holds it to it.
 */

import { assertEquals } from "@std/assert";
import {
  close,
  type InFrame,
  type OutFrame,
  type ServeWebsocketOptions,
  type TerminateReason,
  type WebsocketHandler,
} from "../mod.ts";
import { closeFrame, codeOf, OPCODE, RawClient, type RawFrame } from "./_raw_client.ts";
import { BADENCODING, BADFRAME, BADSIZE, remote } from "./_reasons.ts";
import { milliseconds, until } from "./_server.ts";
import type { Transport, TransportName } from "./_transports.ts";

/** What the client does next: writes bytes in one go, or one of the others. */
export type Step =
  | Uint8Array
  /** Goes on when so many frames have come. */
  | { readonly heard: number }
  /** Gives the server time to read what is written. */
  | "pause"
  /** Will not write any more: FIN. */
  | "fin";

/** What the client sees, and the one reason that `terminate` is called with. */
export interface Expectation {
  readonly frames: readonly RawFrame[];
  /** The code of the close frame, 1005 if it has none, `"fin"` if the line ends without. */
  readonly close: number | "fin";
  readonly reason: TerminateReason;
  /** Whether the client, when it has seen the frames, says good-bye with 1000. */
  readonly leaves: boolean;
}

/** What a transport does instead of what the RFC asks for. */
export type Deviation = Partial<Expectation> & { readonly deviates: string };

/** One rule of the RFC. */
export interface Case extends Readonly<Partial<Record<TransportName, Deviation>>> {
  readonly section: string;
  readonly name: string;
  /** Each is a connection of its own; all of them come to the same. */
  readonly scripts: readonly (readonly Step[])[];
  readonly expect: Expectation;
  readonly limits?: Limits;
}

/** The options that a case may set. */
export type Limits = Pick<ServeWebsocketOptions, "maxMessageSize" | "maxBuffered">;

const PATIENCE = 5_000;
const CLOSE_REGEXP = /^close (\d+)$/;
const PRINTABLE_REGEXP = /^[ -~]*$/;
const OPCODE_NAMES = new Map<number, string>(
  Object.entries(OPCODE).map(([name, opcode]) => [opcode, name]),
);
const latin1 = new TextDecoder("latin1");

/** The server answers with these; then the client leaves. */
export function echoed(...frames: RawFrame[]): Expectation {
  return { frames, close: 1000, reason: remote(1000), leaves: true };
}

/** The server answers the client's close frame with the same. */
export function closed(code: number, reason = ""): Expectation {
  return { frames: [], close: code, reason: remote(code, reason), leaves: false };
}

/** RFC 6455 §7.1.7: the server fails the connection. */
export function failed(code: 1002 | 1007 | 1009, ...frames: RawFrame[]): Expectation {
  return { frames, close: code, reason: FAILURES[code], leaves: false };
}

const FAILURES = { 1002: BADFRAME, 1007: BADENCODING, 1009: BADSIZE } as const;

/** Adds the tests of all cases. */
export function rfcTests(transport: Transport, cases: Iterable<Case>): void {
  for (const row of cases) {
    Deno.test(titleOf(transport, row), () => rfcTest(transport, row));
  }
}

function titleOf({ name }: Transport, row: Case): string {
  const deviation = row[name];
  const instead = deviation === undefined ? "" : ` deviates: ${deviation.deviates}`;
  return `RFC 6455 §${row.section}: ${row.name} [${name}${instead}]`;
}

async function rfcTest(transport: Transport, row: Case): Promise<void> {
  const { scripts, limits = {} } = row;
  const expect: Expectation = { ...row.expect, ...row[transport.name] };
  const ends: TerminateReason[][] = [];
  {
    await using server = await transport.serve(echo(ends), limits);
    const all = await Promise.all(scripts.map((script) => play(server.port, script, expect)));
    const expected = toLines(expect);
    for (const [index, lines] of all.entries()) {
      assertEquals(lines, expected, `Script ${index + 1} of ${scripts.length}`);
    }
    await until("terminate", () => ends.every((reasons) => reasons.length > 0));
  }
  assertEquals(ends, scripts.map(() => [expect.reason]));
}

/**
 * Gives everything back, but for a text like "close 4000", which asks for that close frame. Its state is the list of the
 * reasons it is terminated with; `ends` has those of all connections.
 */
export function echo(ends: TerminateReason[][]): WebsocketHandler<TerminateReason[]> {
  return {
    init() {
      const state: TerminateReason[] = [];
      ends.push(state);
      return { kind: "ok", state };
    },
    handle: (frame, state) => ({ kind: "reply", frames: toReply(frame), state }),
    terminate: (reason, state) => void state.push(reason),
  };
}

function toReply(frame: InFrame): OutFrame {
  if (frame.kind === "binary" || frame.data.length > 10) return frame;
  const code = CLOSE_REGEXP.exec(frame.data)?.[1];
  return code === undefined ? frame : close(Number(code));
}

/** What a client saw so far. */
interface Seen {
  readonly lines: string[];
  over: boolean;
}

/** Resolves when the server has ended the line, as RFC 6455 §7.1.1 asks: the client does not. */
async function play(port: number, script: readonly Step[], expect: Expectation): Promise<string[]> {
  using client = await RawClient.open(port);
  client.conn.setNoDelay(true);
  const seen: Seen = { lines: [], over: false };
  const reading = listen(client, seen, expect);
  const giveUp = setTimeout(() => hangUp(client, seen), PATIENCE);
  for (const step of script) await take(step, client, seen);
  if (expect.leaves) {
    await take({ heard: expect.frames.length }, client, seen);
    await take(closeFrame(1000), client, seen);
  }
  await reading;
  clearTimeout(giveUp);
  return seen.lines;
}

async function take(step: Step, client: RawClient, seen: Seen): Promise<void> {
  if (step === "pause") return milliseconds(1);
  // The server may end the line at any byte; that is for the reader to tell.
  if (step === "fin") return client.conn.closeWrite().catch(() => {});
  if (step instanceof Uint8Array) return client.write(step).catch(() => {});
  while (!seen.over && seen.lines.length < step.heard) await milliseconds(1);
}

async function listen(client: RawClient, seen: Seen, { reason }: Expectation): Promise<void> {
  let closes = false;
  for (let frame = await client.readFrame(); frame; frame = await client.readFrame()) {
    seen.lines.push(toLine(frame));
    if (frame.opcode !== OPCODE.close) continue;
    closes = true;
    // RFC 6455 §5.5.1: who did not begin it answers.
    if (reason.kind !== "remote") await take(closeFrame(codeOf(frame)), client, seen);
  }
  if (!closes) seen.lines.push("fin");
  seen.over = true;
}

function hangUp(client: RawClient, { lines }: Seen): void {
  lines.push("a line that stays open");
  client.end();
}

function toLines({ frames, close }: Expectation): string[] {
  return [...frames.map(toLine), close === "fin" ? "fin" : `close ${close}`];
}

function toLine(frame: RawFrame): string {
  const { fin, rsv, opcode, payload } = frame;
  const flags = fin && rsv === 0 ? "" : ` fin=${fin} rsv=${rsv}`;
  if (opcode === OPCODE.close) return `close ${codeOf(frame)}${flags}`;
  return `${OPCODE_NAMES.get(opcode) ?? opcode}${flags} ${toContent(payload)}`;
}

function toContent(payload: Uint8Array): string {
  if (payload.length > 128) return `${payload.length} bytes, checksum ${checksum(payload)}`;
  const text = latin1.decode(payload);
  return PRINTABLE_REGEXP.test(text) ? `"${text}"` : payload.toHex();
}

// FNV-1a
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}
