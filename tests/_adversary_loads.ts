import type { Random } from "./_adversary_random.ts";
import {
  ask,
  DEAF,
  leaveSomehow,
  listen,
  pause,
  type Script,
  send,
  type Step,
} from "./_adversary_script.ts";
import { frame, join, OPCODE } from "./_raw_client.ts";

const FLOODED = ["slow", "async", "echo", "close", "push", "calm", "hibernate", "reject-handle"];

/** More than a handler can take. */
export function floods(random: Random, number: number): Script {
  const path = random.pick(FLOODED);
  const [name, unit] = random.pick<readonly [string, Uint8Array]>([
    ["empty messages", frame(OPCODE.text)],
    ["messages of 1 KiB", frame(OPCODE.binary, new Uint8Array(1024))],
    ["pings", frame(OPCODE.ping, "x".repeat(125))],
    ["pongs", frame(OPCODE.pong)],
    ["fragments", join(frame(OPCODE.text, "", { fin: false }), frame(OPCODE.continuation))],
  ]);
  const burst = send(join(...Array.from({ length: random.between(20, 200) }, () => unit)));
  const deaf: readonly Step[] = random.chance(0.3) ? [DEAF] : [];
  return {
    name: `a flood of ${name} at /${path}${deaf.length > 0 ? ", unread" : ""}`,
    steps: [
      ...ask(path, number),
      ...deaf,
      ...Array.from({ length: random.between(1, 3) }, () => [burst, pause(random.below(3))]).flat(),
      listen(random.below(200)),
      leaveSomehow(random),
    ],
    expects: {},
  };
}

/** Asks for much and reads none of it. */
export function deaf(random: Random, number: number): Script {
  const path = random.pick(["push", "push", "push", "close", "shutdown", "echo", "timeout"]);
  const requests = Array.from({ length: random.between(1, 80) }, () => frame(OPCODE.text, "x"));
  // A piece at a time stays below what the fortress lets wait, until the network takes no more.
  const pieces = requests.flatMap((bytes) => [send(bytes), pause(1)]);
  return {
    name: `reads nothing at /${path}`,
    steps: [
      ...ask(path, number),
      DEAF,
      ...pieces,
      pause(random.below(600)),
      leaveSomehow(random),
    ],
    expects: {},
  };
}

/** Does not answer pings, or does nothing but pong, or keeps a message unfinished for ever. */
export function silence(random: Random, number: number): Script {
  const [name, drip] = random.pick<readonly [string, readonly Step[]]>([
    ["is silent", []],
    ["only pongs", [send(frame(OPCODE.pong))]],
    ["only pings", [send(frame(OPCODE.ping))]],
    ["never ends its message", [send(frame(OPCODE.continuation, "x", { fin: false }))]],
    ["is silent and reads nothing", [DEAF]],
  ]);
  return {
    name,
    steps: [
      ...ask(random.pick(["echo", "async", "hibernate"]), number),
      send(frame(OPCODE.text, "x", { fin: name !== "never ends its message" })),
      ...Array.from({ length: 8 }, () => [...drip, listen(random.between(20, 70))]).flat(),
      leaveSomehow(random),
    ],
    expects: { upgraded: true },
  };
}
