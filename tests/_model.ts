// What a connection does, in few words: written from the contract, not from the code.

import type { Act, Callback, Content, Player, Program } from "./_model_program.ts";
import {
  contentsOf,
  crashOf,
  LOSSES,
  nothingSeen,
  show,
  sizeOf,
  toContent,
} from "./_model_program.ts";

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

const DRAINED = "1 drained, 0 abandoned";
const ABANDONED = "0 drained, 1 abandoned";
const NOBODY = "0 drained, 0 abandoned";

interface Message {
  readonly label: string;
  readonly bytes: number;
  readonly then: Callback;
}

/** A reason, and the code of the close frame that tells it. */
interface Stop {
  readonly reason: string;
  readonly code: number | undefined;
}

/** A promise of a callback. */
interface Pending {
  settles: Callback["settles"];
  readonly settle: () => void;
}

interface Drain {
  readonly due: number;
  readonly code: number;
  result?: string;
}

/** One connection, alone in its group, on a line that does as it is told. */
export class Model implements Player {
  readonly seen = nothingSeen();
  buffered = 0;
  abandoned = 0;
  readonly #program: Program;
  #now = 0;
  #count = 0;
  #state = "nothing";
  #line: "none" | "awaited" | "up" | "gone" | "refused" = "none";
  #isBusy = true;
  #pending: Pending | undefined;
  #mailbox: Message[] = [];
  #isHolding = false;
  /** Waits behind the mailbox. */
  #stopping: Stop | undefined;
  #ending: Stop | undefined;
  #isTerminating = false;
  #isOver = false;
  #isHeld: boolean | undefined;
  #touched = 0;
  #timeout = Infinity;
  readonly #drains: Drain[] = [];

  constructor(program: Program) {
    this.#program = program;
  }

  get size(): number {
    return this.#ending === undefined && this.#line !== "refused" ? 1 : 0;
  }

  get isAborted(): boolean {
    return this.#isOver || this.#line === "refused";
  }

  get #isDeaf(): boolean {
    return this.size === 0 || this.#stopping !== undefined;
  }

  begin(): void {
    this.#call("init", this.#program.init, () => this.#answerInit(this.#program.init));
  }

  act(act: Act): void {
    switch (act.do) {
      case "frame":
        return this.#receive(toContent(act.data, `${++this.#count}`), act.then);
      case "info":
        return void this.seen.sends.push(this.#inform(`info ${++this.#count}`, act.then));
      case "drain":
        return this.#drain(this.#now + act.deadline, act.code);
      case "open":
        return this.#open(this.#program.init);
      case "lost":
        return this.lose(LOSSES[act.by]);
      case "stalled":
        return this.#line === "up" ? this.#stop("error/heartbeat") : undefined;
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
    for (const drain of this.#drains) {
      if (this.#now < drain.due || drain.result !== undefined) continue;
      drain.result = ABANDONED;
      this.#stopNow("normal/drain", drain.code);
    }
  }

  turn(): void {
    while (this.#goesOn());
    this.seen.drains.splice(0, Infinity, ...this.#drains.map(({ result = "waits" }) => result));
  }

  /** The line ended, or will not open. */
  lose(reason: string): void {
    const before = this.#line;
    if (before === "none" || before === "refused") return;
    this.#line = "gone";
    this.buffered = 0;
    if (before !== "awaited") return this.#stop(reason);
    this.#stopNow(reason, undefined);
    this.#terminate();
  }

  /** The line is let go of. */
  release(isHeld: boolean): void {
    if (this.#line === "none" || this.#line === "refused") return;
    this.#isHeld ??= isHeld;
    this.#forget();
  }

  /** There will be a line. */
  protected accepted(): void {}

  /** The close frame goes out. */
  protected hangUp(code: number): void {
    this.seen.wire.push(`close ${code}`);
    if (this.#program.letsGo) this.release(false);
  }

  #goesOn(): boolean {
    const { settles, settle } = this.#pending ?? {};
    if (settles === "soon" || settles === "twice") settle?.();
    else if (this.#isBusy) return false;
    else if (this.#mailbox.length > 0) this.#take();
    else if (this.#stopping !== undefined) this.#decide(this.#stopping);
    else return false;
    return true;
  }

  #call(name: string, { acts = [], settles = "now" }: Callback, settle: () => void): void {
    this.seen.calls.push(`${name} of ${this.#state}`);
    this.#isBusy = true;
    this.#pending = { settles, settle };
    for (const act of acts) this.act(act);
    if (settles === "now") settle();
  }

  #answerInit(init: Callback): void {
    this.#pending = undefined;
    const crash = crashOf(init);
    if (crash !== undefined) this.seen.told.push(crash);
    if (crash !== undefined || init.says === "shutdown") return this.#refuse();
    this.#state = "init";
    this.#line = "awaited";
    if (!this.#isDeaf) return this.accepted();
    this.release(false);
    this.lose("error/closed");
  }

  #refuse(): void {
    this.#line = "refused";
    this.#settleDrains(NOBODY);
  }

  #open(init: Callback): void {
    if (this.#line !== "awaited") return;
    this.#line = "up";
    if (this.#ending?.code !== undefined) this.hangUp(this.#ending.code);
    this.#settle("init", init);
  }

  #receive(content: Content, then: Callback): void {
    if (this.#isDeaf || this.#line === "none") return;
    const bytes = sizeOf(content);
    if (content.as === "ping" || content.as === "pong") {
      if (this.#program.hasControl) this.#put({ label: `control ${this.#count}`, bytes, then });
      return;
    }
    this.#touched = this.#now;
    const message = { label: `frame ${this.#count}`, bytes, then };
    if (bytes > (this.#program.limits.maxMessageSize ?? Infinity)) this.#stop("error/badsize");
    else if (this.#isBusy || this.#mailbox.length > 0) this.#put(message);
    else this.#handle(message);
  }

  #inform(label: string, then: Callback): boolean {
    if (this.#isDeaf) return false;
    if (this.#program.hasInfo) this.#put({ label, bytes: 0, then });
    return this.size > 0;
  }

  // What waits for its turn is not limited, only what waits for a callback.
  #put(message: Message): void {
    this.#mailbox.push(message);
    if (!this.#isBusy) return;
    const [count, bytes] = this.#load;
    // A client that is made to wait cannot help what was read already.
    const isExempt = this.#isHolding && !message.label.startsWith("info");
    if (bytes > 1 || count > 1 && !isExempt) this.#stopNow("error/overflow");
    else if (this.#isHigh) this.#hold(true);
  }

  #take(): void {
    const message = this.#mailbox.shift();
    if (message !== undefined) this.#handle(message);
    if (this.#isBusy && !this.#isDeaf) this.#limit();
    if (this.#mailbox.length === 0 && this.#stopping === undefined) this.#hold(false);
  }

  #limit(): void {
    const [count, bytes] = this.#load;
    if (this.#isHigh) this.#hold(true);
    if (bytes > 1 || count > 1 && !this.#isHolding) this.#stopNow("error/overflow");
  }

  get #isHigh(): boolean {
    const [count, bytes] = this.#load;
    return count >= 1 || this.#mailbox.length >= 16 || bytes >= 1 / 16;
  }

  /** What waits, as shares of the limits. */
  get #load(): readonly [count: number, bytes: number] {
    const { maxMailbox = Infinity, maxMailboxBytes = Infinity } = this.#program.limits;
    const bytes = this.#mailbox.reduce((sum, message) => sum + message.bytes, 0);
    return [this.#mailbox.length / maxMailbox, bytes / maxMailboxBytes];
  }

  #hold(isHolding: boolean): void {
    if (!this.#program.canHold || this.#line !== "up" || this.#isHolding === isHolding) return;
    this.#isHolding = isHolding;
    this.seen.wire.push(isHolding ? "hold" : "go on");
  }

  #handle({ label, then }: Message): void {
    this.#call(label, then, () => this.#settle(label, then));
  }

  #settle(label: string, callback: Callback): void {
    this.#pending = undefined;
    const crash = crashOf(callback);
    if (crash !== undefined) return this.#crash(crash);
    for (const content of contentsOf(label, callback)) this.#send(content);
    this.#state = label;
    this.#isBusy = false;
    if (this.#ending !== undefined) this.#terminate();
    else if (callback.says === "close") this.#decide({ reason: "normal/shutdown", code: 4000 });
    else if (callback.says === "shutdown") this.#decide({ reason: "normal/shutdown", code: 1000 });
    else if (callback.timeout !== undefined) this.#setTimeout(callback.timeout);
  }

  #send(content: Content): void {
    if (this.#line !== "up" || this.#ending !== undefined) return;
    this.seen.wire.push(show(content));
    this.buffered += sizeOf(content);
    const { maxBuffered = Infinity } = this.#program.limits;
    if (this.buffered > maxBuffered) this.#decide({ reason: "error/slow", code: 1013 });
  }

  // The silence so far counts, if there was a limit to it.
  #setTimeout(timeout: number): void {
    if (this.#timeout === Infinity) this.#touched = this.#now;
    this.#timeout = timeout;
  }

  #crash(crash: string): void {
    this.#decide({ reason: `error/crash ${crash}`, code: 1011 });
    this.seen.told.push(crash);
    this.#isBusy = false;
    this.#terminate();
  }

  #stop(reason: string, code = CODES[reason]): void {
    if (!this.#isDeaf) this.#stopping = { reason, code };
  }

  #stopNow(reason: string, code = CODES[reason]): void {
    this.#decide(this.#stopping ?? { reason, code });
  }

  #decide(ending: Stop): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#mailbox = [];
    this.#stopping = undefined;
    this.#hold(false);
    if (this.#line === "up" && ending.code !== undefined) this.hangUp(ending.code);
    if (!this.#isBusy) this.#terminate();
  }

  #terminate(): void {
    if (this.#isTerminating || this.#ending === undefined) return;
    this.#isTerminating = true;
    const { terminate, hasTerminate } = this.#program;
    const { reason } = this.#ending;
    if (!hasTerminate) return this.#finish(reason);
    this.#call(`terminate ${reason}`, terminate, () => {
      if (terminate.says === "throw") this.seen.told.push("boom");
      this.#finish(reason);
    });
  }

  #finish(reason: string): void {
    this.#pending = undefined;
    this.seen.calls.push(`ended ${reason}`);
    this.#isOver = true;
    this.#forget();
  }

  #forget(): void {
    if (!this.#isOver || this.#isHeld === undefined) return;
    if (this.#isHeld) this.abandoned = 1;
    this.#settleDrains(this.#isHeld ? ABANDONED : DRAINED);
  }

  #drain(due: number, code: number): void {
    this.#drains.push({ due, code });
    this.seen.drains.push("waits");
    const isForgotten = this.#isOver && this.#isHeld !== undefined;
    if (isForgotten || this.#line === "refused") this.#settleDrains(NOBODY);
    this.#stop("normal/drain", code);
  }

  #settleDrains(result: string): void {
    for (const drain of this.#drains) drain.result ??= result;
  }
}
