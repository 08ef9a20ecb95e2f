import { innocence } from "./_adversary_frames.ts";
import type { Random } from "./_adversary_random.ts";
import {
  ask,
  leave,
  type Leaving,
  pause,
  request,
  type Script,
  send,
  type Step,
} from "./_adversary_script.ts";
import { closeFrame, frame, OPCODE } from "./_raw_client.ts";

/** A moment to leave at: how it is reached, and how a connection may then end. */
interface Stage {
  readonly name: string;
  readonly steps: (random: Random, number: number) => readonly Step[];
  readonly endings: readonly string[];
}

const LOST = ["error/closed"];
const LOST_IF_SEEN = ["none", ...LOST];

const STAGES: readonly Stage[] = [
  { name: "before a byte", steps: () => [], endings: ["none"] },
  {
    name: "after a moment without a byte",
    steps: (random) => [pause(random.below(20))],
    endings: ["none"],
  },
  {
    name: "inside the request",
    steps: (random, number) => [send(someOf(request("calm", number), random))],
    endings: ["none"],
  },
  {
    name: "behind the request",
    steps: (_random, number) => [send(request("calm", number))],
    endings: LOST_IF_SEEN,
  },
  {
    name: "a turn behind the request",
    steps: (_random, number) => [send(request("late", number)), pause(0)],
    endings: LOST_IF_SEEN,
  },
  {
    name: "at some time behind the request",
    steps: (random, number) => [
      send(request(random.pick(["calm", "late"]), number)),
      pause(random.below(40)),
    ],
    endings: LOST_IF_SEEN,
  },
  { name: "behind the answer", steps: (_random, number) => ask("calm", number), endings: LOST },
  {
    name: "behind some frames",
    steps: (random, number) => [
      ...ask("calm", number),
      send(innocence(random)),
      pause(random.below(5)),
    ],
    endings: LOST,
  },
  {
    name: "inside a frame",
    steps: (random, number) => [
      ...ask("calm", number),
      send(someOf(frame(OPCODE.text, "x".repeat(200)), random)),
      pause(random.below(5)),
    ],
    endings: LOST,
  },
  {
    name: "between fragments",
    steps: (random, number) => [
      ...ask("calm", number),
      send(frame(OPCODE.text, "x", { fin: false })),
      pause(random.below(5)),
    ],
    endings: LOST,
  },
  {
    name: "while a callback runs",
    steps: (random, number) => [
      ...ask("slow", number),
      send(frame(OPCODE.text, "x")),
      pause(random.below(20)),
    ],
    endings: LOST,
  },
  {
    name: "behind its close frame",
    steps: (random, number) => [
      ...ask("calm", number),
      send(closeFrame(1000)),
      pause(random.below(5)),
    ],
    endings: ["remote/1000", ...LOST],
  },
  {
    name: "behind the server's close frame",
    steps: (random, number) => [
      ...ask("close", number),
      send(frame(OPCODE.text, "x")),
      pause(random.below(20)),
    ],
    endings: ["normal/shutdown", ...LOST],
  },
];

/** Leaves somewhere between the connect and the end. */
export function stages(random: Random, number: number): Script {
  const by = random.pick<Leaving>(["rst", "fin", "half"]);
  const { name, steps, endings } = random.pick(STAGES);
  return {
    name: `leaves by ${by} ${name}`,
    steps: [...steps(random, number), leave(by)],
    expects: { endings },
  };
}

/** Leaves while `init` runs: the server must see it before it upgrades. */
export function early(random: Random, number: number): Script {
  const by = random.pick<Leaving>(["rst", "fin", "half"]);
  return {
    name: `leaves by ${by} during init`,
    steps: [send(request("late", number)), pause(random.between(5, 30)), leave(by)],
    expects: { endings: LOST_IF_SEEN },
  };
}

// Never all.
function someOf(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  return bytes.slice(0, random.between(1, bytes.length - 1));
}
