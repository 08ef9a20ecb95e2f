const encoder = new TextEncoder();

/** How many bytes a text takes as UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Whether a payload is longer than `limit` bytes; encodes a text only if its length does not tell. */
export function isLongerThan(limit: number, data: string | Uint8Array): boolean {
  if (typeof data !== "string") return data.length > limit;
  // A UTF-16 unit takes one to three bytes of UTF-8.
  return data.length > limit || data.length * 3 > limit && byteLength(data) > limit;
}
