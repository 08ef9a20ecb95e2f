import { type Change, type Draft, FATAL, HARMLESS, OPEN } from "./_adversary_changes.ts";
import type { Random } from "./_adversary_random.ts";
import { handshake } from "./_raw_client.ts";

type Fate = "harmless" | "open" | "fatal";

/** A request and what must come of it. */
export interface FuzzedHandshake {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly name: string;
  /** Whether the answer must be a 101, or must not; undefined if it may. */
  readonly upgraded: boolean | undefined;
}

/** A valid request with up to four changes. */
export function fuzzHandshake(random: Random, target: string): FuzzedHandshake {
  const changes = [
    ...choose("harmless", HARMLESS, random, random.below(4)),
    ...choose("open", OPEN, random, random.chance(0.3) ? 1 : 0),
    ...choose("fatal", FATAL, random, random.chance(0.6) ? 1 : 0),
  ];
  const draft = newDraft(target);
  for (const { change } of changes) change(draft, random);
  return {
    bytes: toBytes(draft),
    name: changes.map(({ name }) => name).join(", ") || "no change",
    upgraded: toUpgraded(changes.map(({ fate }) => fate)),
  };
}

/** Bytes that are no request at all. */
export function noise(random: Random): Uint8Array<ArrayBuffer> {
  switch (random.below(5)) {
    case 0:
      return random.bytes(random.between(1, 2_000));
    case 1:
      return latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    case 2:
      // The first bytes of TLS.
      return latin1("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + "\0".repeat(32));
    case 3:
      return latin1("\r\n".repeat(random.between(1, 500)));
    default:
      return mangle(handshake(), random);
  }
}

/** The bytes with some of them changed. */
export function mangle(
  bytes: Uint8Array<ArrayBuffer>,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const mangled = bytes.slice();
  for (let left = random.between(1, 8); left > 0; left--) {
    mangled[random.below(mangled.length)] = random.below(256);
  }
  return mangled;
}

function choose(
  fate: Fate,
  changes: Readonly<Record<string, Change>>,
  random: Random,
  count: number,
) {
  return random.some(Object.entries(changes), count)
    .map(([name, change]) => ({ name, change, fate }));
}

function toUpgraded(fates: readonly Fate[]): boolean | undefined {
  if (fates.includes("fatal")) return false;
  return fates.includes("open") ? undefined : true;
}

function newDraft(target: string): Draft {
  return {
    method: "GET",
    target,
    version: "HTTP/1.1",
    eol: "\r\n",
    headers: [
      ["Host", "127.0.0.1"],
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
      ["Sec-WebSocket-Version", "13"],
    ],
    end: "\r\n",
  };
}

function toBytes({ method, target, version, eol, headers, end }: Draft): Uint8Array<ArrayBuffer> {
  const lines = [`${method} ${target} ${version}`, ...headers.map((header) => header.join(": "))];
  return latin1(lines.map((line) => line + eol).join("") + end);
}

function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
