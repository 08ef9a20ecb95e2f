import { closeCodes, pingsWhileClosing, stubborn } from "./_adversary_closings.ts";
import { commit, innocence } from "./_adversary_frames.ts";
import { fuzzHandshake, mangle, noise } from "./_adversary_handshake.ts";
import { deaf, floods, silence } from "./_adversary_loads.ts";
import { Random } from "./_adversary_random.ts";
import {
  ask,
  head,
  leaveSomehow,
  listen,
  type Plan,
  request,
  type Script,
  send,
  trickle,
} from "./_adversary_script.ts";
import { early, stages } from "./_adversary_stages.ts";
import { closeFrame, frame, join, OPCODE } from "./_raw_client.ts";

/** What the fortress knows, and how a polite session with it may end. */
const PATHS: Readonly<Record<string, readonly string[]>> = {
  "calm": ["remote/1000"],
  "echo": ["remote/1000"],
  "async": ["remote/1000"],
  "slow": ["remote/1000"],
  "late": ["remote/1000"],
  "greet": ["remote/1000"],
  "hibernate": ["remote/1000"],
  "push": ["remote/1000", "error/slow"],
  "timeout": ["remote/1000", "normal/timeout"],
  "close": ["normal/shutdown"],
  "shutdown": ["normal/shutdown"],
  "goodbye": ["normal/shutdown"],
  "refuse": ["none"],
  "throw-init": ["none"],
  "reject-init": ["none"],
  "nonsense-init": ["none"],
  "throw-handle": ["error/crash"],
  "reject-handle": ["error/crash"],
  "nonsense-handle": ["error/crash"],
  "throw-info": ["error/crash", "remote/1000"],
  "reject-info": ["error/crash", "remote/1000"],
  "throw-terminate": ["remote/1000"],
  "reject-terminate": ["remote/1000"],
  "slow-terminate": ["remote/1000"],
};

/** A handshake made from a grammar, or no handshake at all. */
function handshakes(random: Random, number: number): Script {
  if (random.chance(0.1)) {
    const steps = [send(noise(random)), head(100), leaveSomehow(random)];
    return { name: "noise for a handshake", steps, expects: {} };
  }
  const { bytes, name, upgraded } = fuzzHandshake(random, `/calm?${number}`);
  const patience = upgraded === true ? 5_000 : 150;
  return {
    name: `handshake: ${name}`,
    steps: [
      random.chance(0.05) && bytes.length < 1_000 ? trickle(bytes) : send(bytes),
      head(patience),
      leaveSomehow(random),
    ],
    expects: upgraded === undefined ? {} : { upgraded },
  };
}

/** A broken frame after some that are not. */
function offenses(random: Random, number: number): Script {
  const { name, cause, bytes } = commit(random);
  const path = cause === undefined && random.chance(0.5) ? anyPath(random) : "calm";
  const patience = cause === undefined ? random.below(200) : 5_000;
  return {
    name: `${name} at /${path}`,
    steps: [
      ...ask(path, number),
      send(join(innocence(random), bytes)),
      // Where the server could still tell what is wrong, its close frame is answered.
      ...cause === undefined ? [] : [send(closeFrame(1000))],
      listen(patience),
      leaveSomehow(random),
    ],
    expects: cause === undefined ? {} : { upgraded: true, endings: [cause] },
  };
}

/** Each kind of handler, asked politely. */
function paths(random: Random, number: number): Script {
  const [path, endings] = random.pick(Object.entries(PATHS));
  return {
    name: `/${path}`,
    steps: [
      ...ask(path, number),
      send(frame(OPCODE.text, "x")),
      listen(random.between(0, 50)),
      send(closeFrame(1000)),
      listen(5_000),
      leaveSomehow(random),
    ],
    expects: { upgraded: endings[0] !== "none", endings },
  };
}

/** Everything at once: the request and the frames in one segment. */
function pipelines(random: Random, number: number): Script {
  const path = anyPath(random);
  const frames = join(
    innocence(random),
    random.chance(0.5) ? commit(random).bytes : innocence(random),
  );
  return {
    name: `all in one segment at /${path}`,
    steps: [
      send(join(request(path, number), frames, random.chance(0.5) ? closeFrame(1000) : frames)),
      listen(random.below(100)),
      leaveSomehow(random),
    ],
    expects: {},
  };
}

/** A byte at a time. */
function trickles(random: Random, number: number): Script {
  const path = anyPath(random);
  return {
    name: `a byte at a time at /${path}`,
    steps: [
      trickle(request(path, number)),
      head(),
      trickle(
        join(innocence(random).slice(0, 500), random.chance(0.5) ? closeFrame(4000) : closeFrame()),
      ),
      listen(random.below(100)),
      leaveSomehow(random),
    ],
    expects: {},
  };
}

/** Valid until a few bytes are not. */
function mangled(random: Random, number: number): Script {
  const path = anyPath(random);
  const frames = join(
    innocence(random),
    innocence(random),
    frame(OPCODE.text, "x"),
    closeFrame(1000),
  );
  return {
    name: `mangled frames at /${path}`,
    steps: [
      ...ask(path, number),
      send(mangle(frames, random)),
      listen(random.below(100)),
      leaveSomehow(random),
    ],
    expects: {},
  };
}

/** Those that wait for the answer to their request before they do anything else. */
const PATIENT: readonly Plan[] = [
  ...[offenses, offenses, offenses],
  ...[closeCodes, closeCodes, closeCodes],
  ...[paths, paths],
  ...[floods, floods],
  ...[mangled, deaf, stubborn, pingsWhileClosing, silence],
];

// As often as it stands here.
const ALL: readonly Plan[] = [
  ...PATIENT,
  ...[handshakes, handshakes, handshakes, handshakes],
  ...[stages, stages, stages, stages],
  ...[early, early, pipelines, trickles],
];

/** The session of this number. */
export function draw(seed: number, number: number): Script {
  return drawOf(ALL, seed, number);
}

/** The session of this number, one that does not leave before the server has answered. */
export function drawPatient(seed: number, number: number): Script {
  return drawOf(PATIENT, seed, number);
}

function drawOf(plans: readonly Plan[], seed: number, number: number): Script {
  const random = new Random(seed, number);
  return random.pick(plans)(random, number);
}

function anyPath(random: Random): string {
  return random.pick(Object.keys(PATHS));
}
