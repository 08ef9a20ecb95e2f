import type { Ground } from "./_adversary_fortress.ts";
import type { Expectation, Script } from "./_adversary_script.ts";

/** Sessions that come to something else than over Deno's transport. */
interface Difference {
  /** Names of the sessions. */
  readonly sessions: RegExp;
  readonly expects: Expectation;
}

const WS: readonly Difference[] = [
  // IANA has registered it, which Deno does not know.
  {
    sessions: /^a close frame of ([2-9]|[1-9]\d|1[01]\d|12[0-5]) bytes with 1014$/,
    expects: { upgraded: true, endings: ["remote/1014"] },
  },
  // With blanks behind its value it is no upgrade to `node:http`, and what carries it never hears of it.
  { sessions: /^handshake: .*blanks round the values/, expects: {} },
];

const DIFFERENCES: Readonly<Record<Ground, readonly Difference[]>> = { deno: [], ws: WS, node: WS };

/** The script with what must come of it on that ground. */
export function expectOn(ground: Ground, script: Script): Script {
  const different = DIFFERENCES[ground].find(({ sessions }) => sessions.test(script.name));
  return { ...script, expects: different?.expects ?? script.expects };
}
