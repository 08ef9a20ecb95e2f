// Random programs.

import fc from "fast-check";
import type { Act, Callback, Limits, Loss, Payload, Program, Step } from "./_model_program.ts";
import { LOSSES, UNIT } from "./_model_program.ts";

/** Some lines can do what others cannot. */
export type LineKind = "line" | "socket";

/** What a line's programs are made of. */
interface Parts {
  readonly payload: fc.Arbitrary<Payload>;
  readonly odd: fc.Arbitrary<Act>;
  /** Whether something can come from the line while a callback runs. */
  readonly isReentrant: boolean;
}

// As Deno fires them when it does not fire one close event at the end.
const ODD_SEQUENCES: readonly (readonly Act[])[] = [
  losses("error No response from ping frame.", "close 1001", "close 1005"),
  losses("close 1005", "error Unexpected EOF", "close 0"),
  losses("error Unexpected EOF", "close 0"),
  [...losses("close 0"), { do: "open" }],
  [...losses("close 1005"), { do: "open" }, ...losses("close 1000")],
  [{ do: "open" }, { do: "open" }],
];

const SAYS = { ok: 20, reply: 16, close: 1, shutdown: 1, throw: 1, garbage: 1, unclonable: 1 };
const SAYS_IN_INIT = { ok: 60, close: 1, shutdown: 1, throw: 1, garbage: 1, unclonable: 1 };
const SETTLES = { now: 24, soon: 10, twice: 3, late: 10, never: 1 };
const SETTLES_IN_INIT = { now: 30, soon: 12, twice: 3, late: 5, never: 1 };
const TEXTS = { text: 2, wide: 1, binary: 1 };
const TEXTS_AND_CONTROL = { ...TEXTS, ping: 1, pong: 1 };

/** Programs for one kind of line. */
export function programs(kind: LineKind): fc.Arbitrary<Program> {
  const isLine = kind === "line";
  const parts = {
    payload: payloads(isLine ? TEXTS_AND_CONTROL : TEXTS),
    odd: isLine ? fc.oneof(stalls, releases) : losing,
    isReentrant: isLine,
  };
  const inner = innerActs(parts);
  return fc.record({
    limits,
    init: callbacks(parts, inner, SAYS_IN_INIT, SETTLES_IN_INIT),
    terminate: callbacks(parts, inner),
    steps: fc.tuple(openings, flat(fc.array(steps(parts, inner), MANY))).map(([first, rest]) => [
      ...first,
      ...rest,
    ]),
    hasInfo: mostly,
    hasControl: mostly,
    hasTerminate: mostly,
    letsGo: fc.boolean(),
    canHold: isLine ? fc.boolean() : fc.constant(false),
    stays: fc.boolean(),
    isWatched: fc.boolean(),
    heartbeat: fc.constantFrom(0, AGES),
  });
}

const AGES = 1_000 * UNIT;
const MANY = { maxLength: 25, size: "max" } as const;

const mostly = fc.integer({ min: 0, max: 9 }).map((number) => number < 9);

const limits: fc.Arbitrary<Limits> = fc.record({
  maxMessageSize: rarely(fc.integer({ min: 8, max: 12 }), Infinity),
  maxMailbox: rarely(fc.integer({ min: 1, max: 4 }), Infinity),
  maxMailboxBytes: rarely(fc.integer({ min: 4, max: 40 }), Infinity),
  maxBuffered: rarely(fc.integer({ min: 20, max: 120 }), Infinity),
}, { requiredKeys: [] });

const openings = fc.oneof<fc.WeightedArbitrary<readonly Step[]>[]>(
  { weight: 4, arbitrary: fc.constant([{ do: "open" }]) },
  { weight: 4, arbitrary: fc.constant([{ do: "answer" }, { do: "turn" }, { do: "open" }]) },
  { weight: 1, arbitrary: fc.constant([]) },
);

const between = fc.oneof<fc.WeightedArbitrary<readonly Step[]>[]>(
  { weight: 6, arbitrary: fc.constant([{ do: "turn" }]) },
  { weight: 4, arbitrary: fc.constant([{ do: "answer" }, { do: "turn" }]) },
  { weight: 1, arbitrary: fc.constant([{ do: "answer" }]) },
  { weight: 1, arbitrary: fc.constant([{ do: "open" }]) },
  { weight: 3, arbitrary: does("pass", { units: fc.integer({ min: 1, max: 3 }) }).map(alone) },
  { weight: 1, arbitrary: does("take", { share: fc.constantFrom(1, 0.5) }).map(alone) },
);

// Beside short ones, some that would outlive the program.
const timeouts = fc.constantFrom(AGES, Infinity, 4 * UNIT, 3 * UNIT, 2 * UNIT, UNIT);
const drains = does("drain", {
  deadline: fc.constantFrom(30, UNIT + 30, 3 * UNIT + 30, AGES),
  spread: fc.constantFrom(0, UNIT, AGES),
  code: fc.constantFrom(1001, 1012),
});
const losing = does("lost", { by: fc.constantFrom(...Object.keys(LOSSES) as Loss[]) });
const stalls = does("stalled", {});
const releases = does("released", { held: fc.boolean() });

function steps(
  parts: Parts,
  inner: fc.Arbitrary<readonly Act[]>,
): fc.Arbitrary<readonly Step[]> {
  return fc.oneof(
    { weight: 1, arbitrary: acts(parts, callbacks(parts, inner)) },
    { weight: 1, arbitrary: between },
  );
}

function acts(parts: Parts, then: fc.Arbitrary<Callback>): fc.Arbitrary<readonly Act[]> {
  const { payload, odd } = parts;
  return fc.oneof(
    { weight: 40, arbitrary: does("frame", { data: payload, then }).map(alone) },
    { weight: 30, arbitrary: ownActs(then) },
    { weight: 1, arbitrary: losing.map(alone) },
    { weight: 1, arbitrary: odd.map(alone) },
    { weight: 1, arbitrary: fc.constantFrom(...ODD_SEQUENCES) },
  );
}

/** What the program can do that has the connection. */
function ownActs(then: fc.Arbitrary<Callback>): fc.Arbitrary<readonly Act[]> {
  const to = fc.constantFrom("self" as const, "all" as const);
  return fc.oneof(
    { weight: 30, arbitrary: does("info", { to, then }).map(alone) },
    { weight: 1, arbitrary: drains.map(alone) },
  );
}

/** Acts of callbacks whose acts have callbacks that act. */
function innerActs(parts: Parts): fc.Arbitrary<readonly Act[]> {
  const some = (then: fc.Arbitrary<Callback>) => {
    const one = parts.isReentrant ? acts(parts, then) : ownActs(then);
    return rarely(flat(fc.array(one, { maxLength: 2 })), []);
  };
  return some(callbacks(parts, some(callbacks(parts, fc.constant([])))));
}

function callbacks(
  { payload }: Parts,
  inside: fc.Arbitrary<readonly Act[]>,
  says: Readonly<Record<string, number>> = SAYS,
  settles: Readonly<Record<string, number>> = SETTLES,
): fc.Arbitrary<Callback> {
  return fc.record({
    acts: inside,
    settles: weighted(settles as typeof SETTLES),
    says: weighted(says as typeof SAYS),
    frames: fc.array(payload, { maxLength: 3 }),
    timeout: rarely(timeouts, undefined),
    hibernate: fc.boolean(),
  }, { requiredKeys: [] });
}

function payloads(as: Readonly<Record<string, number>>): fc.Arbitrary<Payload> {
  return fc.record({
    as: weighted(as as typeof TEXTS_AND_CONTROL),
    size: rarely(fc.integer({ min: 3, max: 14 }), 3),
  });
}

function losses(...all: readonly Loss[]): readonly Act[] {
  return all.map((by) => ({ do: "lost", by }));
}

function alone<Value>(value: Value): readonly [Value] {
  return [value];
}

function does<const Name, Rest>(
  name: Name,
  rest: { [Key in keyof Rest]: fc.Arbitrary<Rest[Key]> },
): fc.Arbitrary<{ readonly do: Name } & Rest> {
  return fc.record(rest).map((values) => ({ do: name, ...values as Rest }));
}

function flat<Value>(
  lists: fc.Arbitrary<readonly (readonly Value[])[]>,
): fc.Arbitrary<readonly Value[]> {
  return lists.map((list) => list.flat());
}

/** One of the keys. A counterexample has the first if it can. */
function weighted<Value extends string>(
  weights: Readonly<Record<Value, number>>,
): fc.Arbitrary<Value> {
  const entries = Object.entries(weights) as [Value, number][];
  return fc.oneof(
    { withCrossShrink: true },
    ...entries.map(([value, weight]) => ({ weight, arbitrary: fc.constant(value) })),
  );
}

/** Most often the usual, which a counterexample has if it can. */
function rarely<Value>(value: fc.Arbitrary<Value>, usual: Value): fc.Arbitrary<Value> {
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 3, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: value },
  );
}
