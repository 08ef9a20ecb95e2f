/** A small generator of pseudo-random numbers (mulberry32): the same seeds, the same numbers, on every machine. */
export class Random {
  #state: number;

  constructor(...seeds: readonly number[]) {
    this.#state = seeds.reduce((state, seed) => spread(state + 0x9e3779b9 ^ seed), 0);
  }

  /** From 0 up to and without 1. */
  next(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    return scramble(this.#state) / 2 ** 32;
  }

  /** A whole number from 0 up to and without `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(all: readonly T[]): T {
    return all[this.below(all.length)] as T;
  }

  /** Some of them, each at most once, in their order. */
  some<T>(all: readonly T[], count: number): T[] {
    const chosen = new Set<T>();
    for (let left = count; left > 0; left--) chosen.add(this.pick(all));
    return all.filter((one) => chosen.has(one));
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}

function scramble(value: number): number {
  let mixed = Math.imul(value ^ value >>> 15, value | 1);
  mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
  return (mixed ^ mixed >>> 14) >>> 0;
}

// MurmurHash3's last step. Each number has its own result, so seeds that differ stay different.
function spread(value: number): number {
  let mixed = Math.imul(value ^ value >>> 16, 0x85ebca6b);
  mixed = Math.imul(mixed ^ mixed >>> 13, 0xc2b2ae35);
  return mixed ^ mixed >>> 16;
}
