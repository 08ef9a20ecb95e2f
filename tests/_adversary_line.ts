import { createConnection, type Socket } from "node:net";
import type { Leaving, Step } from "./_adversary_script.ts";

// How long a client that has closed its half waits for the other.
const HALF_OPEN = 500;
const HEAD_END = "\r\n\r\n";
const MAX_HEAD = 65_536;

/** What the client saw of a session. */
export interface Seen {
  /** The status of the answer; undefined if there was none. */
  readonly status: number | undefined;
  /** Milliseconds from its connect to its end. */
  readonly took: number;
}

/** Plays the steps of a session over a TCP connection of its own. Never fails: what the server does is only seen. */
export async function play(port: number, steps: readonly Step[]): Promise<Seen> {
  const start = performance.now();
  const line = new Line(port);
  for (const step of steps) await line.take(step);
  return { status: line.status, took: performance.now() - start };
}

/** The hostile end of one TCP connection. Of Deno's own sockets none can send a reset, so it is one of `node:net`. */
class Line {
  readonly #socket: Socket;
  readonly #closed = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #answered = Promise.withResolvers<void>();
  #head = "";

  constructor(port: number) {
    this.#socket = createConnection({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("error", () => {});
    this.#socket.on("end", () => this.#ended.resolve());
    this.#socket.on("close", () => {
      this.#ended.resolve();
      this.#closed.resolve();
    });
    this.#socket.on("data", (bytes: Uint8Array) => this.#hear(bytes));
    this.#ended.promise.then(() => this.#answered.resolve());
  }

  get status(): number | undefined {
    const [, status] = /^HTTP\/1\.[01] (\d{3}) /.exec(this.#head) ?? [];
    return status === undefined ? undefined : Number(status);
  }

  take(step: Step): Promise<void> | void {
    switch (step.kind) {
      case "send":
        return void this.#socket.write(step.bytes);
      case "trickle":
        return this.#trickle(step.bytes);
      case "pause":
        return atMost(step.ms, new Promise(() => {}));
      case "head":
        return atMost(step.ms, this.#answered.promise);
      case "listen":
        return atMost(step.ms, this.#ended.promise);
      case "deaf":
        return void this.#socket.pause();
      case "leave":
        return this.#leave(step.by);
    }
  }

  #hear(bytes: Uint8Array): void {
    if (this.#head.includes(HEAD_END) || this.#head.length > MAX_HEAD) return;
    this.#head += new TextDecoder().decode(bytes);
    if (this.#head.includes(HEAD_END)) this.#answered.resolve();
  }

  async #trickle(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && this.#socket.writable; at++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#socket.write(bytes.subarray(at, at + 1), () => resolve());
      await promise;
    }
  }

  async #leave(by: Leaving): Promise<void> {
    if (by === "half") {
      this.#socket.end();
      await atMost(HALF_OPEN, this.#ended.promise);
    }
    if (by === "rst") this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    await this.#closed.promise;
  }
}

async function atMost(ms: number, event: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([event, late]);
  clearTimeout(timer);
}
