import { countEnds, countUnopened, isRid } from "../tests/_adversary.ts";
import type { Report } from "../tests/_fortress.ts";
import { slope } from "./_trend.ts";

/** What was seen in one second. */
export interface Sample {
  readonly minute: number;
  readonly visits: number;
  readonly attacks: number;
  readonly sent: number;
  readonly received: number;
  readonly report: Report;
}

/** All that a verdict needs. */
export interface Course {
  readonly samples: readonly Sample[];
  /** The server before the first client came, and after the last had left; undefined if it has died. */
  readonly before: Report;
  readonly after: Report | undefined;
  /** What went wrong with clients. */
  readonly complaints: readonly string[];
  /** What the server printed as errors. */
  readonly errors: string;
}

interface Check {
  readonly what: string;
  readonly holds: boolean;
}

const MIB = 2 ** 20;

/**
 * What the straight line through the second half of a run may rise in all, in MiB. A run of ten minutes has some
 * 75,000 sessions in that half: what is tolerated is 14 bytes of each in the heap, and 110 outside of it.
 */
const TOLERANCES = { heap: 1, native: 8, rss: 10 } as const;

/** Fewer samples in the second half tell no trend. */
const MIN_SAMPLES = 15;

// Deno loses a socket when a client resets between our last look at it and the 101. That is known, and counted.
const LOST_SHARE = 0.01;

const NAMES = Object.keys(TOLERANCES) as (keyof typeof TOLERANCES)[];

/** The line of one second. */
export function toProgress({ minute, visits, attacks, report }: Sample): string {
  return [
    `${Math.round(minute * 60)} s`,
    `${visits + attacks} sessions`,
    `${report.frames} frames`,
    `${report.size} connected`,
    ...NAMES.map((name) => `${name} ${toMib(report[name])} MiB`),
    `${report.sockets} sockets`,
    `${report.timers} timers`,
  ].join("  ");
}

/** The whole run, and whether it passed. */
export function toSummary(course: Course): { readonly text: string; readonly passed: boolean } {
  const checks = [...checkTrends(course), ...checkEnd(course)];
  const passed = checks.every(({ holds }) => holds);
  const lines = [
    "",
    ...toTotals(course),
    "",
    ...toReasons(course),
    "",
    ...toTable(course),
    "",
    ...checks.map(({ what, holds }) => `${holds ? "ok  " : "FAIL"}  ${what}`),
    ...course.complaints.slice(0, 20),
    ...course.errors === "" ? [] : [course.errors],
    "",
    `verdict: ${passed ? "PASS" : "FAIL"}`,
  ];
  return { text: lines.join("\n"), passed };
}

function checkTrends({ samples }: Course): Check[] {
  const end = samples.at(-1)?.minute ?? 0;
  const half = samples.filter(({ minute }) => minute >= end / 2);
  if (half.length < MIN_SAMPLES) return [{ what: "too short to tell a trend", holds: true }];
  return NAMES.map((name) => {
    const perMinute = slope(
      half.map(({ minute, report }) => ({ minute, value: report[name] / MIB })),
    );
    const most = TOLERANCES[name] / (end / 2);
    return {
      what: `trend of ${name} over the second half: ${signed(perMinute)} MiB per minute, may be ${
        most.toFixed(2)
      } (${TOLERANCES[name]} MiB in all)`,
      holds: perMinute <= most,
    };
  });
}

function checkEnd({ before, after, complaints, errors }: Course): Check[] {
  const printed = { what: "the server printed no error", holds: errors === "" };
  if (after === undefined) return [{ what: "the server lives", holds: false }, printed];
  const { began, size, failures, violations, sockets, timers } = after;
  const lost = sockets - before.sockets;
  return [
    { what: "the server lives", holds: true },
    printed,
    {
      what:
        `clients that meant well were served, and hostile requests answered as they must be: ${complaints.length} complaints`,
      holds: complaints.length === 0,
    },
    {
      what: `each connection ended once: ${began} began, ${
        countEnds(after)
      } ended, ${size} are left`,
      holds: began === countEnds(after) && size === 0,
    },
    {
      what: `no law was broken: ${JSON.stringify(violations)}`,
      holds: Object.keys(violations).length === 0,
    },
    {
      what: `onError was told of each failure: ${after.errors} of ${failures}`,
      holds: after.errors === failures,
    },
    {
      what: `sockets are back: ${sockets}, ${before.sockets} before, ${lost} lost by Deno`,
      holds: isRid(after, before),
    },
    {
      what: `Deno lost few, and all of them count as abandoned: ${lost} of ${after.abandoned}`,
      holds: lost <= after.abandoned && lost <= began * LOST_SHARE,
    },
    {
      what: `timers are back: ${timers}, ${before.timers} before`,
      holds: timers === before.timers,
    },
  ];
}

function toTotals({ samples, after }: Course): string[] {
  const last = samples.at(-1);
  if (last === undefined) return ["nothing was seen"];
  const { minute, visits, attacks, sent, received } = last;
  const report = after ?? last.report;
  const perSecond = (count: number) => `${(count / minute / 60).toFixed(0)} per second`;
  return [
    `${
      minute.toFixed(1)
    } minutes, Deno ${Deno.version.deno}, ${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} cores`,
    `sessions     ${visits + attacks} (${
      perSecond(visits + attacks)
    }): ${visits} meant well, ${attacks} did not`,
    `connections  ${report.began} began, ${report.opened} opened, ${report.abandoned} abandoned`,
    `frames       ${report.frames} handled (${
      perSecond(report.frames)
    }); those who meant well sent ${sent} and received ${received} (${perSecond(received)})`,
  ];
}

function toReasons({ samples, after }: Course): string[] {
  const { ends = {} } = after ?? samples.at(-1)?.report ?? {};
  const sorted = Object.entries(ends).toSorted(([, one], [, other]) => other - one);
  return [
    "terminates by reason",
    ...sorted.map(([name, count]) => `  ${name.padEnd(20)} ${count}`),
  ];
}

function toTable({ samples }: Course): string[] {
  const step = Math.max(1, Math.floor((samples.length - 1) / 10));
  const rows = samples.filter((_, index) => index % step === 0).map(({ minute, report }) => [
    minute.toFixed(2),
    ...NAMES.map((name) => toMib(report[name])),
    String(report.size),
    String(report.sockets),
    String(report.descriptors),
    String(report.timers),
    String(countUnopened(report)),
  ]);
  const header = ["minute", ...NAMES, "connected", "sockets", "descriptors", "timers", "unopened"];
  return [
    "over time, MiB after a collection; native is RSS without V8's heap",
    ...[header, ...rows].map((row) => row.map((cell) => cell.padStart(13)).join("")),
  ];
}

function toMib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}

function signed(value: number): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(3)}`;
}
