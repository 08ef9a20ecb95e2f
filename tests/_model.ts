// What a connection does, in few words: written from the contract, not from the code.

import { type Act, type Callback, LOSSES, type Player, type Program } from "./_model_program.ts";
import { nothingSeen, show, sizeOf, toData } from "./_model_program.ts";

const CODES: Readonly<Record<string, number>> = {
  "normal/shutdown": 1000,
  "normal/timeout": 1000,
  "normal/drain": 1001,
  "error/badencoding": 1007,
  "error/badframe": 1002,
  "error/badsize": 1009,
  "error/heartbeat": 1001,
  "error/overflow": 1013,
  "error/slow": 1013,
};

interface Message {
  readonly is: "frame" | "info";
  readonly label: string;
  readonly bytes: number;
  readonly then: Callback;
}

interface Stop {
  readonly is: "stop";
  readonly reason: string;
  readonly code: number | undefined;
}

/** A connection on a line. */
export class Model implements Player {
  readonly seen = nothingSeen();
  buffered = 0;
  abandoned = 0;
  readonly #program: Program;
  readonly #drains: { readonly due: number; readonly code: number; readonly isLate: boolean }[] =
    [];
  #now = 0;
  #count = 0;
  #state = "nothing";
  #mailbox: (Message | Stop)[] = [];
  #isBusy = true;
  #pending: { settles: Callback["settles"]; readonly settle: () => void } | undefined;
  #line: "none" | "awaited" | "up" | "gone" = "none";
  #timeout = Infinity;
  #touched = 0;
  #reason: string | undefined;
  #code: number | undefined;
  #isRefused = false;
  #isTerminating = false;
  #isOver = false;
  #isHeld: boolean | undefined;

  constructor(program: Program) {
    this.#program = program;
  }

  get size(): number {
    return this.#reason === undefined && !this.#isRefused ? 1 : 0;
  }

  get isAborted(): boolean {
    return this.#isOver || this.#isRefused;
  }

  get #waitingStop(): Stop | undefined {
    return this.#mailbox.find((waiting) => waiting.is === "stop");
  }

  get #isEnding(): boolean {
    return this.size === 0 || this.#waitingStop !== undefined;
  }

  begin(): void {
    this.seen.calls.push("init");
    this.#run(this.#program.init, () => this.#begun(this.#program.init));
  }

  act(act: Act): void {
    switch (act.do) {
      case "frame":
        return this.#receive(sizeOf(toData(act.data, `${++this.#count}`)), act.then);
      case "info":
        return this.#info(act.then);
      case "drain":
        return this.#drain(this.#now + act.deadline, act.code);
      case "open":
        return this.#open();
      case "lost":
        return this.#lose(LOSSES[act.by], "gone");
      case "stalled":
        return this.#lose("error/heartbeat", this.#line);
      case "released":
        return this.release(act.held);
    }
  }

  answer(): void {
    if (this.#pending?.settles === "late") this.#pending.settles = "soon";
  }

  take(share: number): void {
    this.buffered -= Math.ceil(this.buffered * share);
  }

  tick(ms: number): void {
    this.#now += ms;
    if (this.#now >= this.#touched + this.#timeout) this.#stop("normal/timeout");
    this.#drains.forEach(({ due, code }, index) => {
      if (this.#now < due || this.seen.drains[index] !== undefined) return;
      this.seen.drains[index] = "0 drained, 1 abandoned";
      this.#end("normal/drain", code);
    });
  }

  turn(): void {
    for (;;) {
      const { settles, settle } = this.#pending ?? {};
      if (settle !== undefined && (settles === "soon" || settles === "twice")) settle();
      else if (!this.#isBusy && this.#mailbox.length > 0) this.#take();
      else break;
    }
  }
}
