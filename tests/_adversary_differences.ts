import type { Expectation, Script } from "./_adversary_script.ts";
import type { TransportName } from "./_transports.ts";

/** Sessions that come to something else than over Deno's transport. */
interface Difference {
  /** Names of the sessions. */
  readonly sessions: RegExp;
  readonly expects: Expectation;
}

const DIFFERENCES: Readonly<Record<TransportName, readonly Difference[]>> = {
  deno: [],
  ws: [
    // IANA has registered it, which Deno does not know.
    {
      sessions: /^a close frame of ([2-9]|[1-9]\d|1[01]\d|12[0-5]) bytes with 1014$/,
      expects: { upgraded: true, endings: ["remote/1014"] },
    },
    // With blanks behind "websocket" it is no upgrade to Deno's `node:http`, and what carries it never hears of it.
    { sessions: /^handshake: .*blanks round the values/, expects: {} },
  ],
};

/** The script with what must come of it over that transport. */
export function expectOver(transport: TransportName, script: Script): Script {
  const different = DIFFERENCES[transport].find(({ sessions }) => sessions.test(script.name));
  return { ...script, expects: different?.expects ?? script.expects };
}
