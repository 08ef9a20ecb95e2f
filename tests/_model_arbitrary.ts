// Random programs.

import fc from "fast-check";
import {
  type Act,
  type Callback,
  type Limits,
  type Loss,
  LOSSES,
  type Payload,
  type Program,
  type Step,
  UNIT,
} from "./_model_program.ts";

const payload: fc.Arbitrary<Payload> = fc.record({
  as: fc.constantFrom("text", "wide", "binary"),
  size: fc.integer({ min: 3, max: 14 }),
});

const limits: fc.Arbitrary<Limits> = fc.record({
  maxMessageSize: fc.integer({ min: 10, max: 15 }),
  maxMailbox: fc.integer({ min: 1, max: 4 }),
  maxMailboxBytes: fc.integer({ min: 4, max: 40 }),
  maxBuffered: fc.integer({ min: 4, max: 60 }),
}, { requiredKeys: [] });

const settles = weighted({ now: 8, soon: 3, twice: 1, late: 3, never: 1 });
const says = weighted({
  ...{ ok: 9, reply: 8 },
  ...{ close: 1, shutdown: 1, throw: 1, garbage: 1, unclonable: 1 },
});

function callback(
  acts: fc.Arbitrary<readonly Act[]>,
  answers: fc.Arbitrary<NonNullable<Callback["says"]>> = says,
): fc.Arbitrary<Callback> {
  return fc.record({
    acts,
    settles,
    says: answers,
    frames: fc.array(payload, { maxLength: 3 }),
    timeout: fc.constantFrom(Infinity, 3 * UNIT, 2 * UNIT, UNIT),
    hibernate: fc.boolean(),
  }, { requiredKeys: [] });
}

function message(then: fc.Arbitrary<Callback>): fc.Arbitrary<Act> {
  return fc.oneof(
    fc.record({ do: fc.constant("frame" as const), data: payload, then }),
    fc.record({
      do: fc.constant("info" as const),
      to: fc.constantFrom("self" as const, "all" as const),
      then,
    }),
  );
}

const drain: fc.Arbitrary<Act> = fc.record({
  do: fc.constant("drain" as const),
  deadline: fc.constantFrom(0.5 * UNIT, 1.5 * UNIT, 3.5 * UNIT),
  code: fc.constantFrom(1001, 1012),
});

const loss: fc.Arbitrary<Loss> = fc.constantFrom(...Object.keys(LOSSES) as Loss[]);
const lost: fc.Arbitrary<Act> = loss.map((by) => ({ do: "lost", by }));

// Double and late events as Deno fires them.
const SEQUENCES: readonly (readonly Act[])[] = [
  losses("error No response from ping frame.", "close 1001", "close 1005"),
  losses("close 1005", "error Unexpected EOF", "close 0"),
  losses("error Unexpected EOF", "close 0"),
  [...losses("close 0"), { do: "open" }],
  [...losses("close 1005"), { do: "open" }, ...losses("close 1000")],
  [{ do: "open" }, { do: "open" }],
];

function losses(...all: readonly Loss[]): readonly Act[] {
  return all.map((by) => ({ do: "lost", by }));
}

/** What only a line without a socket may do. */
const lineOnly: fc.Arbitrary<Act> = fc.oneof(
  fc.constant<Act>({ do: "stalled" }),
  fc.boolean().map((held): Act => ({ do: "released", held })),
);

function acts(
  then: fc.Arbitrary<Callback>,
  odd: fc.Arbitrary<Act>,
): fc.Arbitrary<readonly Act[]> {
  return fc.oneof(
    { weight: 24, arbitrary: message(then).map((act) => [act]) },
    { weight: 1, arbitrary: drain.map((act) => [act]) },
    { weight: 1, arbitrary: lost.map((act) => [act]) },
    { weight: 1, arbitrary: odd.map((act) => [act]) },
    { weight: 1, arbitrary: fc.constantFrom(...SEQUENCES) },
  );
}

const between: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Step>({ do: "turn" }) },
  { weight: 3, arbitrary: fc.constant<Step>({ do: "answer" }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 3 }).map((units) => ({ do: "pass", units })) },
  { weight: 2, arbitrary: fc.constantFrom(1, 0.5).map((share) => ({ do: "take", share })) },
);

/** Programs for a line; over a socket some things cannot happen. */
export function programs(over: "line" | "socket"): fc.Arbitrary<Program> {
  const odd = over === "line" ? lineOnly : lost;
  const few = { maxLength: 2 };
  const plain = callback(fc.constant([]));
  const nested = callback(fc.array(acts(plain, odd), few).map((all) => all.flat()));
  const inner = fc.array(acts(nested, odd), few).map((all) => all.flat());
  const step = fc.oneof<fc.Arbitrary<readonly Step[]>[]>(
    acts(callback(inner), odd),
    between.map((one) => [one]),
  );
  const opening = fc.constantFrom<readonly Step[]>([{ do: "open" }], [{ do: "open" }, {
    do: "turn",
  }], []);
  return fc.record({
    limits,
    init: callback(
      inner,
      weighted({ ok: 20, close: 1, shutdown: 1, throw: 1, garbage: 1, unclonable: 1 }),
    ),
    terminate: callback(inner),
    steps: fc.tuple(opening, fc.array(step, { maxLength: 20, size: "max" }))
      .map(([first, rest]) => [...first, ...rest.flat()]),
    hasInfo: mostly(true),
    hasTerminate: mostly(true),
    letsGo: fc.boolean(),
    stays: fc.boolean(),
    isWatched: fc.boolean(),
    heartbeat: fc.constantFrom(0, 1_000 * UNIT),
  });
}

function weighted<Value extends string>(
  weights: Readonly<Record<Value, number>>,
): fc.Arbitrary<Value> {
  const entries = Object.entries(weights) as [Value, number][];
  return fc.oneof(
    { withCrossShrink: true },
    ...entries.map(([value, weight]) => ({ weight, arbitrary: fc.constant(value) })),
  );
}

function mostly(value: boolean): fc.Arbitrary<boolean> {
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 9, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: fc.constant(!value) },
  );
}
