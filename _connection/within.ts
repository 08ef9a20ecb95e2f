import { show } from "./show.ts";

/** The longest delay, in milliseconds: timers count in 31 bits, and beyond them fire at once. */
export const MAX_TIMER = 2 ** 31 - 1;

/** Checks a number of an option: `Cannot <action> as "<name>" must be …`. */
export function within(
  action: string,
  name: string,
  value: number,
  least: number,
  most = Infinity,
): number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${show(value)}`);
  }
  if (value >= least && value <= most) return value;
  const wanted = most === Infinity ? `at least ${least}` : `${least}-${most}`;
  throw new RangeError(`Cannot ${action} as "${name}" must be ${wanted}: received ${show(value)}`);
}
