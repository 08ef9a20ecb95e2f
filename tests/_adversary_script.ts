/** What a hostile session does, as data: the same seed and number give the same script. */

import type { Random } from "./_adversary_random.ts";
import { handshake } from "./_raw_client.ts";

/** One step of a session on one TCP connection. */
export type Step =
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  | { readonly kind: "trickle"; readonly bytes: Uint8Array }
  | { readonly kind: "pause"; readonly ms: number }
  | { readonly kind: "head"; readonly ms: number }
  | { readonly kind: "listen"; readonly ms: number }
  | { readonly kind: "deaf" }
  | { readonly kind: "leave"; readonly by: Leaving };

/** How a client goes: with a reset, with a FIN both ways, or with its own half only, waiting for the other. */
export type Leaving = "rst" | "fin" | "half";

/** What must come of it; what is left out may be anything. */
export interface Expectation {
  /** The status of the answer is 101, or is not. */
  readonly upgraded?: boolean;
  /** `terminate` is called once with one of these; `"none"` is no call. */
  readonly endings?: readonly string[];
}

/** A session. The last step leaves. */
export interface Script {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly expects: Expectation;
}

/** Draws up the session of this number, which goes with its request so that the fortress can tell how it ended. */
export type Plan = (random: Random, number: number) => Script;

const LEAVINGS: readonly Leaving[] = ["rst", "fin", "half"];

/** Bytes, in as few segments as they fit. */
export function send(bytes: Uint8Array): Step {
  return { kind: "send", bytes };
}

/** Bytes, each in a segment of its own. */
export function trickle(bytes: Uint8Array): Step {
  return { kind: "trickle", bytes };
}

/** Does nothing, but goes on reading if it did. */
export function pause(ms: number): Step {
  return { kind: "pause", ms };
}

/** Reads until the head of the answer has come, the line has ended or the time is over. */
export function head(ms = 5_000): Step {
  return { kind: "head", ms };
}

/** Reads until the line has ended or the time is over. */
export function listen(ms: number): Step {
  return { kind: "listen", ms };
}

/** Reads no more. */
export const DEAF: Step = { kind: "deaf" };

export function leave(by: Leaving): Step {
  return { kind: "leave", by };
}

/** Any way to leave. */
export function leaveSomehow(random: Random): Step {
  return leave(random.pick(LEAVINGS));
}

/** A valid request. */
export function request(path: string, number: number): Uint8Array<ArrayBuffer> {
  return handshake({}, `GET /${path}?${number} HTTP/1.1`);
}

/** Sends a valid request and waits for the answer. */
export function ask(path: string, number: number): Step[] {
  return [send(request(path, number)), head()];
}
