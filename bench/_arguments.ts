/** The numbers given on a bench's command line. */

/** Reads a positive number, or says which one is not. */
export function toPositive(name: string, value: string): number {
  const number = Number(value);
  if (number > 0) return number;
  throw new RangeError(`Cannot run the bench as "${name}" must be > 0: received "${value}"`);
}
