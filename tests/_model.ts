// What a connection does, in few words: written from the contract, not from the code.

import type { Act, Callback, Player, Program } from "./_model_program.ts";
import { crashOf, framesOf, LOSSES, nothingSeen, show, sizeOf, toData } from "./_model_program.ts";

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
  readonly label: string;
  readonly bytes: number;
  readonly then: Callback;
}

interface Stop {
  readonly reason: string;
  readonly code: number | undefined;
}

interface Drain {
  readonly due: number;
  readonly code: number;
  result: string | undefined;
}

const DRAINED = "1 drained, 0 abandoned";
const ABANDONED = "0 drained, 1 abandoned";
const NOBODY = "0 drained, 0 abandoned";

/** A connection with its group, on a line that does what it is told. */
export class Model implements Player {
  readonly seen = nothingSeen();
  buffered = 0;
  abandoned = 0;
  readonly #program: Program;
  #now = 0;
  #count = 0;
  #state = "nothing";
  #line: "none" | "awaited" | "up" | "gone" | "refused" = "none";
  #mailbox: Message[] = [];
  /** Waits behind all messages. */
  #stopping: Stop | undefined;
  #ending: Stop | undefined;
  #isBusy = true;
  #pending: { settles: Callback["settles"]; readonly settle: () => void } | undefined;
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
        return this.#receive(act.then, sizeOf(toData(act.data, `${++this.#count}`)));
      case "info":
        return void this.seen.sends.push(this.#inform(act.then, ++this.#count));
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
      this.#end("normal/drain", drain.code);
    }
  }

  turn(): void {
    while (this.#goesOn());
    this.seen.drains.splice(0, Infinity, ...this.#drains.map(({ result }) => result ?? "waits"));
  }

  /** The line ended, or will not open. */
  lose(reason: string): void {
    const before = this.#line;
    if (before === "none" || before === "refused") return;
    this.#line = "gone";
    this.buffered = 0;
    if (before !== "awaited") return this.#stop(reason);
    this.#end(reason, undefined);
    this.#terminate();
  }

  /** Nothing is held for the line any more. */
  release(isHeld: boolean): void {
    if (this.#line === "none" || this.#line === "refused" || this.#isHeld !== undefined) return;
    this.#isHeld = isHeld;
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
    if (this.#pending?.settles === "soon") this.#pending.settle();
    else if (this.#isBusy) return false;
    else if (this.#mailbox.length > 0) this.#take();
    else if (this.#stopping !== undefined) this.#decide(this.#stopping.reason, this.#stopping.code);
    else return false;
    return true;
  }

  #call(name: string, { acts = [], settles = "now" }: Callback, settle: () => void): void {
    this.seen.calls.push(`${name} of ${this.#state}`);
    this.#isBusy = true;
    for (const act of acts) this.act(act);
    if (settles === "now") settle();
    else this.#pending = { settles: settles === "twice" ? "soon" : settles, settle };
  }

  #answerInit(init: Callback): void {
    this.#pending = undefined;
    const crash = crashOf(init);
    if (crash !== undefined) this.seen.told.push(crash);
    if (crash !== undefined || init.says === "shutdown") return this.#refuse();
    this.#state = "init";
    this.#line = "awaited";
    if (!this.#isDeaf) return this.accepted();
    this.lose("error/closed");
    this.release(false);
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

  #receive(then: Callback, bytes: number): void {
    if (this.#isDeaf || this.#line === "none") return;
    this.#touched = this.#now;
    const message = { label: `frame ${this.#count}`, bytes, then };
    if (bytes > (this.#program.limits.maxMessageSize ?? Infinity)) this.#stop("error/badsize");
    else if (this.#isBusy || this.#mailbox.length > 0) this.#put(message);
    else this.#handle(message);
  }

  #inform(then: Callback, count: number): boolean {
    if (this.#isDeaf) return false;
    return !this.#program.hasInfo || this.#put({ label: `info ${count}`, bytes: 0, then });
  }

  #put(message: Message): boolean {
    this.#mailbox.push(message);
    if (this.#isBusy && this.#isOverfull) this.#decide("error/overflow");
    return this.size > 0;
  }

  get #isOverfull(): boolean {
    const { maxMailbox = Infinity, maxMailboxBytes = Infinity } = this.#program.limits;
    const bytes = this.#mailbox.reduce((sum, message) => sum + message.bytes, 0);
    return this.#mailbox.length > maxMailbox || bytes > maxMailboxBytes;
  }

  #take(): void {
    const message = this.#mailbox.shift();
    if (message !== undefined) this.#handle(message);
    if (this.#isBusy && !this.#isDeaf && this.#isOverfull) this.#decide("error/overflow");
  }

  #handle({ label, then }: Message): void {
    this.#call(label, then, () => this.#settle(label, then));
  }

  #settle(label: string, callback: Callback): void {
    this.#pending = undefined;
    const crash = crashOf(callback);
    if (crash !== undefined) return this.#crash(crash);
    for (const data of framesOf(label, callback)) this.#send(data);
    this.#state = label;
    this.#isBusy = false;
    if (this.#ending !== undefined) this.#terminate();
    else if (callback.says === "close") this.#decide("normal/shutdown", 4000);
    else if (callback.says === "shutdown") this.#decide("normal/shutdown");
    else this.#setTimeout(callback.timeout ?? this.#timeout);
  }

  #send(data: string | Uint8Array): void {
    if (this.#line !== "up" || this.#ending !== undefined) return;
    this.seen.wire.push(show(data));
    this.buffered += sizeOf(data);
    if (this.buffered > (this.#program.limits.maxBuffered ?? Infinity)) this.#decide("error/slow");
  }

  #setTimeout(timeout: number): void {
    if (this.#timeout === Infinity) this.#touched = this.#now;
    this.#timeout = timeout;
  }

  #crash(crash: string): void {
    this.#decide(`error/crash ${crash}`, 1011);
    this.seen.told.push(crash);
    this.#isBusy = false;
    this.#terminate();
  }

  #stop(reason: string, code = CODES[reason]): void {
    if (!this.#isDeaf) this.#stopping = { reason, code };
  }

  #end(reason: string, code: number | undefined): void {
    const first = this.#stopping ?? { reason, code };
    this.#decide(first.reason, first.code);
  }

  #decide(reason: string, code = CODES[reason]): void {
    if (this.#ending !== undefined) return;
    this.#ending = { reason, code };
    this.#mailbox = [];
    this.#stopping = undefined;
    if (this.#line === "up" && code !== undefined) this.hangUp(code);
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
    if (this.#isHeld) this.abandoned++;
    this.#settleDrains(this.#isHeld ? ABANDONED : DRAINED);
  }

  #drain(due: number, code: number): void {
    this.#drains.push({ due, code, result: undefined });
    if (this.#line === "refused" || this.#isOver && this.#isHeld !== undefined) {
      this.#settleDrains(NOBODY);
    }
    this.#stop("normal/drain", code);
  }

  #settleDrains(result: string): void {
    for (const drain of this.#drains) drain.result ??= result;
  }
}
