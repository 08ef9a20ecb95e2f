/** Tells a promise, or what behaves as one, from a plain answer. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

/** A promise of our own, which settles once whatever the other's `then` does. */
export function toPromise<T>(value: PromiseLike<T>): Promise<T> {
  return new Promise((resolve) => resolve(value));
}
