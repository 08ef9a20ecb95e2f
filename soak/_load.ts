import { expectOn } from "../tests/_adversary_differences.ts";
import type { Ground } from "../tests/_adversary_fortress.ts";
import { play } from "../tests/_adversary_line.ts";
import { Random } from "../tests/_adversary_random.ts";
import { draw } from "../tests/_adversary_sessions.ts";
import { type Traffic, visit } from "./_visitor.ts";

const VISITORS = 80;
const ENEMIES = 20;

/** Clients that come and go until they are told to stop: most mean well, and some do not. */
export class Load {
  readonly traffic: Traffic = { sent: 0, received: 0 };
  readonly complaints: string[] = [];
  readonly #port: number;
  readonly #ground: Ground;
  readonly #seed: number;
  readonly #clients: Promise<void>[];
  #isOver = false;
  #visits = 0;
  #attacks = 0;
  #visitsDone = 0;
  #attacksDone = 0;

  constructor(port: number, ground: Ground, seed: number) {
    this.#port = port;
    this.#ground = ground;
    this.#seed = seed;
    this.#clients = [
      ...Array.from({ length: VISITORS }, () => this.#again(() => this.#visit())),
      ...Array.from({ length: ENEMIES }, () => this.#again(() => this.#attack())),
    ];
  }

  /** Sessions of clients that meant well. */
  get visits(): number {
    return this.#visitsDone;
  }

  /** Sessions of clients that did not. */
  get attacks(): number {
    return this.#attacksDone;
  }

  /** Resolves when all have left. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #again(session: () => Promise<void>): Promise<void> {
    while (!this.#isOver) await session();
  }

  async #visit(): Promise<void> {
    const random = new Random(this.#seed, -1 - this.#visits++);
    const wrong = await visit(this.#port, random, this.traffic, () => this.#isOver);
    if (wrong !== undefined) this.complaints.push(wrong);
    this.#visitsDone++;
  }

  async #attack(): Promise<void> {
    const number = this.#attacks++;
    const { name, steps, expects } = expectOn(this.#ground, draw(this.#seed, number));
    const { status } = await play(this.#port, steps);
    if (expects.upgraded !== undefined && expects.upgraded !== (status === 101)) {
      this.complaints.push(`session ${number} (${name}) was answered with ${status}`);
    }
    this.#attacksDone++;
  }
}
