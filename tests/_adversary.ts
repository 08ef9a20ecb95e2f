import type { Account, NumberedEnding } from "./_adversary_audit.ts";
import type { Fortress } from "./_adversary_fortress.ts";
import { LIMITS } from "./_adversary_limits.ts";
import { play, type Seen } from "./_adversary_line.ts";
import type { Report } from "./_fortress.ts";
import type { Script } from "./_adversary_script.ts";

/** Sessions that run at a time. */
const CROWD = 50;

/** A session as it went. */
export interface Played {
  readonly number: number;
  readonly script: Script;
  readonly seen: Seen;
}

/** Plays the sessions of these numbers; answers with what was not as it must be. */
export async function storm(
  fortress: Fortress,
  numbers: Iterable<number>,
  draw: (number: number) => Script,
): Promise<string[]> {
  const played = await playAll(fortress.port, numbers, draw);
  await fortress.settled(isQuiet);
  const endings = gather(await fortress.endings());
  return played.flatMap((one) => complaints(one, endings.get(String(one.number)) ?? []));
}

/** Plays the sessions of these numbers, a crowd at a time. */
export async function playAll(
  port: number,
  numbers: Iterable<number>,
  draw: (number: number) => Script,
): Promise<Played[]> {
  const left = Iterator.from(numbers);
  const played: Played[] = [];
  await Promise.all(Array.from({ length: CROWD }, async () => {
    for (const number of left) {
      const script = draw(number);
      played.push({ number, script, seen: await play(port, script.steps) });
    }
  }));
  return played;
}

/** Whether all connections that began have ended. */
export function isQuiet(report: Report): boolean {
  return report.size === 0 && countEnds(report) === report.began;
}

/** How many connections have ended, or how often one did. */
export function countEnds({ ends }: Account): number {
  return Object.values(ends).reduce((sum, count) => sum + count, 0);
}

/**
 * Connections that were let in and have not opened: Deno has lost the socket of each, as its client reset between our
 * last look at it and the 101, or the machine stood still for longer than the fortress waits.
 */
export function countUnopened({ upgraded, opened }: Report): number {
  return upgraded - opened;
}

/** Whether it has no more sockets than before, save those that Deno has lost. */
export function isRid(now: Report, before: Report): boolean {
  return now.sockets - before.sockets <= countUnopened(now) - countUnopened(before);
}

// By text: what comes with a garbled request is no number.
function gather(endings: readonly NumberedEnding[]): Map<string, string[]> {
  const gathered = Map.groupBy(endings, ([number]) => number);
  return new Map([...gathered].map(([number, all]) => [number, all.map(([, ending]) => ending)]));
}

function complaints({ number, script, seen }: Played, endings: readonly string[]): string[] {
  const { name, expects } = script;
  const wrong: string[] = [];
  if (expects.upgraded !== undefined && expects.upgraded !== (seen.status === 101)) {
    wrong.push(`was answered with ${seen.status}`);
  }
  const [ending = "none", ...more] = endings;
  const wanted = [...expects.endings ?? [ending], ...endingsOfTime(seen)];
  if (more.length > 0 || !wanted.includes(ending)) {
    wrong.push(`ended with ${endings.join(" and ") || "none"}, not with ${wanted.join(" or ")}`);
  }
  return wrong.map((what) => `session ${number} (${name}) ${what}`);
}

// On a machine that stands still for a moment the server misses whom it would not have missed.
function endingsOfTime({ took }: Seen): string[] {
  const missed = took >= LIMITS.heartbeat ? ["error/heartbeat"] : [];
  return took >= LIMITS.closeTimeout ? [...missed, "error/closed"] : missed;
}
