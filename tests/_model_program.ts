// What may happen to one connection, as data, and what can be seen of it.

/** What a callback does. All parts may be missing, so that a counterexample shows only what matters. */
export interface Callback {
  /** What happens while it runs; nothing by default. */
  readonly acts?: readonly Act[];
  /** When its answer is there: "now", the default, or promised. */
  readonly settles?: "now" | "soon" | "twice" | "late" | "never";
  /** "ok" by default; "unclonable" hibernates a state that cannot be. */
  readonly says?: "ok" | "reply" | "close" | "shutdown" | "throw" | "garbage" | "unclonable";
  readonly frames?: readonly Payload[];
  readonly timeout?: number | undefined;
  readonly hibernate?: boolean;
}

/** A payload of so many characters; of "wide" text they take two bytes each. */
export interface Payload {
  readonly as: "text" | "wide" | "binary" | "ping" | "pong";
  readonly size: number;
}

/** What can happen at any moment, also while a callback runs. */
export type Act =
  | { readonly do: "frame"; readonly data: Payload; readonly then: Callback }
  | { readonly do: "info"; readonly to: "self" | "all"; readonly then: Callback }
  | {
    readonly do: "drain";
    readonly deadline: number;
    readonly spread: number;
    readonly code: number;
  }
  | { readonly do: "open" }
  | { readonly do: "lost"; readonly by: Loss }
  | { readonly do: "stalled" }
  | { readonly do: "released"; readonly held: boolean };

/**
 * What can happen between callbacks: an act, or
 *
 * - `"begin"`: the client asks for the connection, once.
 * - `"turn"`: the event loop goes on until it has nothing left to do.
 * - `"answer"`: the callback that answers late does so.
 * - `"pass"`: units of time.
 * - `"take"`: the network takes a share of the bytes that wait.
 */
export type Step =
  | Act
  | { readonly do: "begin" }
  | { readonly do: "turn" }
  | { readonly do: "answer" }
  | { readonly do: "pass"; readonly units: number }
  | { readonly do: "take"; readonly share: number };

/** The whole life of a connection. */
export interface Program {
  readonly limits: Limits;
  readonly init: Callback;
  readonly terminate: Callback;
  readonly steps: readonly Step[];
  readonly hasInfo: boolean;
  readonly hasControl: boolean;
  readonly hasTerminate: boolean;
  /** The line lets go when it is closed, without waiting for the client. */
  readonly letsGo: boolean;
  /** The line can make the client wait. */
  readonly canHold: boolean;
  /** The client never leaves. */
  readonly stays: boolean;
  readonly heartbeat: number;
  /** Its signal is asked for before the end. */
  readonly isWatched: boolean;
}

/** Limits that are low enough to be passed. */
export interface Limits {
  readonly maxMessageSize?: number;
  readonly maxMailbox?: number;
  readonly maxMailboxBytes?: number;
  readonly maxBuffered?: number;
}

/** How a line can be lost. */
export type Loss = keyof typeof LOSSES;

/** The reason that each loss is. */
export const LOSSES = {
  "close 1000": "remote/1000 ",
  "close 1001": "remote/1001 ",
  "close 1005": "remote/1005 ",
  "close 4001 bye": "remote/4001 bye",
  "close 1000 too-long": "error/badframe",
  "close 0": "error/closed",
  "close 1006": "error/closed",
  "error Unexpected EOF": "error/closed",
  "error ": "error/closed",
  "error Invalid UTF-8": "error/badencoding",
  "error Invalid close code": "error/badframe",
  "error Frame too large": "error/badsize",
  "error No response from ping frame.": "error/heartbeat",
} as const;

/** Milliseconds. Timeouts end with a unit; what else takes time ends within one, each at its own time. */
export const UNIT = 100;

/** Milliseconds. Polls make it later, but not by a unit. */
export const CLOSE_TIMEOUT = UNIT + 10;

/** What stands in a payload, and as what. */
export interface Content {
  readonly as: Payload["as"];
  readonly data: string;
}

const ANSWERS: ReadonlySet<unknown> = new Set(["reply", "close", "unclonable"]);
const encoder = new TextEncoder();

/** The content that carries a label. */
export function toContent({ as, size }: Payload, label: string): Content {
  return { as, data: label.padEnd(size, as === "wide" ? "é" : ".") };
}

/** The contents that a callback sends. */
export function contentsOf(label: string, { says, frames = [] }: Callback): Content[] {
  if (label !== "init" && !ANSWERS.has(says)) return [];
  return frames.map((frame, index) => toContent(frame, `${label}, ${index}`));
}

/** A content as {@linkcode Seen} has it. */
export function show({ as, data }: Content): string {
  return `${as === "wide" ? "text" : as} ${data}`;
}

/** How many bytes a content is on the wire. */
export function sizeOf({ data }: Content): number {
  return encoder.encode(data).length;
}

/** What is told of a callback that fails. */
export function crashOf({ says }: Callback): string | undefined {
  if (says === "throw") return "boom";
  return says === "garbage" || says === "unclonable" ? "garbage" : undefined;
}

/** All that can be seen of a connection, in the order in which it happened. */
export interface Seen {
  readonly calls: string[];
  readonly wire: string[];
  readonly sends: boolean[];
  readonly told: string[];
  readonly drains: string[];
}

/** Nothing yet. */
export function nothingSeen(): Seen {
  return { calls: [], wire: [], sends: [], told: [], drains: [] };
}

/** What plays a program: the model, or the library. */
export interface Player {
  readonly seen: Seen;
  /** Of the group that the connection belongs to. */
  readonly size: number;
  readonly abandoned: number;
  readonly buffered: number;
  readonly isAborted: boolean;
  readonly begin: () => void;
  readonly act: (act: Act) => void;
  readonly answer: () => void;
  readonly take: (share: number) => void;
  readonly tick: (ms: number) => void;
  readonly turn: () => void | Promise<void>;
}
