/** A value as an error message shows it: strings in quotes, objects by their type. */
export function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return "an array";
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  if (typeof name !== "string" || name === "Object") return "an object";
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

/** The `kind` of what may be anything. */
export function kindOf(result: unknown): unknown {
  return typeof result === "object" && result !== null && "kind" in result
    ? result.kind
    : undefined;
}
