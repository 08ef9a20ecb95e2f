/** How many messages may wait to be written. Deno takes about 1 KiB for each beside its bytes, and does not show it. */
export const MAX_QUEUED_MESSAGES = 65_536;

const CHUNK = MAX_QUEUED_MESSAGES / 8;

/**
 * Watches what a line has accepted and not yet written, in bytes and in messages. Asks the line only when the limit
 * could have been passed: to ask is a call into the runtime.
 */
export class WriteQueue {
  readonly #maxBytes: number;
  /** No fewer bytes than wait now. */
  #most = 0;
  /** Messages sent since the last full chunk, and no more bytes than they have. */
  #count = 0;
  #bytes = 0;
  /** No more bytes than each of the last full chunks of messages has, oldest first. */
  #chunks: number[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Counts a message sent to `line`; true if more waits there than may. */
  isFull(
    data: string | Uint8Array,
    line: { readonly buffered: number; readonly overhead?: number },
  ): boolean {
    // A UTF-16 unit takes one to three bytes of UTF-8.
    this.#most += typeof data === "string" ? data.length * 3 : data.length;
    this.#bytes += data.length + (line.overhead ?? 0);
    this.#count++;
    return (this.#most > this.#maxBytes || this.#count === CHUNK) && this.#ask(line.buffered);
  }

  #ask(buffered: number): boolean {
    this.#most = buffered;
    if (this.#count === CHUNK) {
      this.#chunks.push(this.#bytes);
      this.#chunks.splice(0, this.#chunks.length - countWaiting(this.#chunks, buffered));
      this.#count = 0;
      this.#bytes = 0;
    }
    return buffered > this.#maxBytes || this.#chunks.length * CHUNK > MAX_QUEUED_MESSAGES;
  }
}

// Messages are written in order: what waits are the newest, as many as hold the bytes that wait. Empty messages hold
// none, so a run of them at the end may all wait.
function countWaiting(chunks: readonly number[], buffered: number): number {
  let bytes = 0;
  let count = 0;
  for (const chunk of chunks.toReversed()) {
    if (bytes >= buffered && (bytes > 0 || chunk > 0)) break;
    bytes += chunk;
    count++;
  }
  return count;
}
