// Kept from the start: a test that fakes time must not hold up an upgrade, which the network does not fake.
const { setTimeout } = globalThis;

const waiting: (() => void)[] = [];

/** Resolves when so many milliseconds have passed on the wire. */
export function passed(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Resolves when the event loop has turned `count` times. */
export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await new Promise<void>((turn) => setImmediate(turn));
}

/** Resolves for one caller in each turn of the event loop, in order. */
export function ownTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(admit);
  });
}

function admit(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(admit);
}
