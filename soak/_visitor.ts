import type { Random } from "../tests/_adversary_random.ts";

/** What a client that means well has sent and heard. */
export interface Traffic {
  sent: number;
  received: number;
}

/**
 * One client that means well: it connects, talks for a while and says good-bye. Answers with what went wrong.
 *
 * It is Deno's own client, which also answers the pings.
 */
export async function visit(
  port: number,
  random: Random,
  traffic: Traffic,
  isOver: () => boolean,
): Promise<string | undefined> {
  const visitor = new Visitor(`ws://127.0.0.1:${port}/steady`, traffic);
  if (!await visitor.opened) return "a visitor was not let in";
  for (let left = random.between(1, 60); left > 0 && !isOver(); left--) {
    const message = `${left} ${"x".repeat(random.below(2_000))}`;
    if (!await visitor.hears(message)) return `a visitor's line was cut: ${await visitor.ended}`;
    await milliseconds(random.between(1, 200));
  }
  const code = random.pick([1000, 3000, 4999]);
  const seen = await visitor.leave(code);
  return seen === code ? undefined : `a visitor left with ${code} and was answered ${seen}`;
}

class Visitor {
  /** Whether it was let in. */
  readonly opened: Promise<boolean>;
  /** The code that came with the end. */
  readonly ended: Promise<number>;
  readonly #socket: WebSocket;
  readonly #traffic: Traffic;
  #wanted = "";
  #heard: (isHeard: boolean) => void = () => {};

  constructor(url: string, traffic: Traffic) {
    this.#traffic = traffic;
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("message", ({ data }) => this.#hear(data));
    this.ended = new Promise((resolve) => {
      this.#socket.addEventListener("close", ({ code }) => resolve(code));
    });
    this.opened = new Promise((resolve) => {
      this.#socket.addEventListener("open", () => resolve(true));
      void this.ended.then(() => resolve(false));
    });
    void this.ended.then(() => this.#heard(false));
  }

  /** Sends a message; whether its echo comes. */
  hears(message: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wanted = message;
    this.#heard = resolve;
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.resolve(false);
    this.#socket.send(message);
    this.#traffic.sent++;
    return promise;
  }

  leave(code: number): Promise<number> {
    this.#socket.close(code);
    return this.ended;
  }

  #hear(message: unknown): void {
    this.#traffic.received++;
    if (message === this.#wanted) this.#heard(true);
  }
}

function milliseconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count));
}
