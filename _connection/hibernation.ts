import { deserialize, serialize } from "node:v8";

/** A state as bytes. */
export class Hibernated {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** Turns a state into bytes (the structured clone algorithm). Throws a TypeError that names what cannot be cloned. */
export function hibernate(state: unknown): Hibernated {
  try {
    return new Hibernated(serialize(state));
  } catch (error) {
    throw new TypeError(
      `Cannot hibernate as "${pathOf(state, "state", new Set())}" must be clonable: ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
  }
}

/** Turns the bytes back into a state. */
export function wake(hibernated: Hibernated): unknown {
  return deserialize(hibernated.bytes);
}

// Goes down to the deepest part that still cannot be cloned.
function pathOf(value: unknown, path: string, seen: Set<unknown>): string {
  seen.add(value);
  for (const [key, part] of partsOf(value)) {
    if (seen.has(part) || isClonable(part)) continue;
    return pathOf(part, `${path}${key}`, seen);
  }
  return path;
}

function* partsOf(value: unknown): Generator<[string, unknown]> {
  if (value instanceof Map) {
    for (const [key, part] of value) {
      yield* [[".key", key], [`.get(${String(key)})`, part]] as const;
    }
  } else if (value instanceof Set) {
    for (const part of value) yield [".value", part];
  } else if (typeof value === "object" && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      yield [Array.isArray(value) ? `[${key}]` : `.${key}`, part];
    }
  }
}

function isClonable(value: unknown): boolean {
  try {
    serialize(value);
    return true;
  } catch {
    return false;
  }
}
