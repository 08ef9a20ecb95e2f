import { Deserializer, Serializer } from "node:v8";
import { show } from "./show.ts";

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
    return new Hibernated(toBytes(state));
  } catch (error) {
    throw new TypeError(
      `Cannot hibernate as "${pathOf(state)}" must be clonable: ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
  }
}

/** Turns the bytes back into a state. */
export function wake({ bytes }: Hibernated): unknown {
  const deserializer = new Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}

function toBytes(state: unknown): Uint8Array {
  const serializer = new Serializer();
  serializer.writeHeader();
  serializer.writeValue(state);
  return serializer.releaseBuffer();
}

// Walks to the first part that has no parts itself and cannot be cloned.
function pathOf(state: unknown): string {
  const seen = new Set<unknown>([state]);
  const todo: [string, unknown][] = [["state", state]];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const [path, value] = next;
    const parts = partsOf(value);
    if (parts.length === 0 && !isClonable(value)) return path;
    for (const [key, part] of parts.reverse()) {
      if (seen.has(part)) continue;
      seen.add(part);
      todo.push([path + key, part]);
    }
  }
  return "state";
}

function partsOf(value: unknown): [string, unknown][] {
  if (value instanceof Map) {
    return [...value].flatMap(([key, part]) => [
      [".key", key],
      [`.get(${show(key)})`, part],
    ]);
  }
  if (value instanceof Set) return [...value].map((part) => [".value", part]);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return [];
  return Object.entries(value).map(([key, part]) => [
    Array.isArray(value) ? `[${key}]` : `.${key}`,
    part,
  ]);
}

function isClonable(value: unknown): boolean {
  try {
    toBytes(value);
    return true;
  } catch {
    return false;
  }
}
