import type { CloseFrame, ControlFrame, InFrame } from "../frame.ts";
import type { Awaitable, HandleResult, Self, TerminateReason } from "../handler.ts";
import { Address, type Addressee } from "./address.ts";
import { isLongerThan } from "./byte_length.ts";
import { Ending, type LastWishes } from "./ending.ts";
import { hibernate, Hibernated, wake } from "./hibernation.ts";
import { IdleTimer } from "./idle_timer.ts";
import type { AnyFrame, AnyHandler, DataFrame, Line, LineEvents } from "./line.ts";
import { Mailbox, type Message, toMessage } from "./mailbox.ts";
import { isPromiseLike, toPromise } from "./promise_like.ts";
import type { Member } from "./registry.ts";
import { report } from "./report.ts";
import { type Runnable, schedule, turn } from "./scheduler.ts";
import type { Settings } from "./settings.ts";
import { isList } from "./outgoing.ts";
import { type Step, toStep } from "./step.ts";
import { BADSIZE, OVERFLOW, SHUTDOWN, SLOW, TIMEOUT, toCloseFrame } from "./terminate_reason.ts";
import { WriteQueue } from "./write_queue.ts";

/** A reason to end, and the close frame that goes with it. */
interface Stop {
  readonly reason: TerminateReason;
  readonly close: CloseFrame | undefined;
}

/**
 * The loop of one connection: takes what comes, calls the handler, does what it answers, until there is a reason to
 * end. When nothing waits a frame is handled in the turn in which it came; otherwise the mailbox keeps the order.
 */
export class Connection<State, Info>
  implements LineEvents, Member<Info>, Runnable, LastWishes, Addressee<Info> {
  readonly self: Self<Info>;
  readonly #handler: AnyHandler<State, Info>;
  readonly #settings: Settings<Info>;
  readonly #mailbox: Mailbox<Info>;
  readonly #writes: WriteQueue;
  readonly #ending: Ending;
  readonly #ended: ((reason: TerminateReason) => void) | undefined;
  #state: State | Hibernated | undefined;
  #opening: Step<State> | undefined;
  #line: Line | undefined;
  #goodbye: CloseFrame | undefined;
  #idle: IdleTimer | undefined;
  /** A callback runs or its promise is pending, or the line is not open yet. */
  #busy = true;
  #scheduled = false;
  #isHeld = false;
  /** Waits in the mailbox; nothing comes behind it. */
  #stopping: Stop | undefined;

  constructor(
    handler: AnyHandler<State, Info>,
    settings: Settings<Info>,
    ended?: (reason: TerminateReason) => void,
  ) {
    this.#handler = handler;
    this.#settings = settings;
    this.#mailbox = new Mailbox(settings.maxMailbox, settings.maxMailboxBytes);
    this.#writes = new WriteQueue(settings.maxBuffered);
    this.#ending = new Ending(this);
    this.#ended = ended;
    this.self = new Address(this);
  }

  /** Whether `init` did not say ok. */
  get isRefused(): boolean {
    return this.#ending.isSkipped;
  }

  /** Whether its end is decided or waits in the mailbox. */
  get isEnding(): boolean {
    return this.#stopping !== undefined || this.#ending.reason !== undefined || this.isRefused;
  }

  /** Whether `init` gave a timeout, which finds the dead. */
  get hasTimeout(): boolean {
    return this.#opening?.kind === "continue" && Number.isFinite(this.#opening.timeout);
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get buffered(): number {
    return this.#line?.buffered ?? 0;
  }

  /** `init` said ok: from here on there will be a `terminate`. */
  begin(step: Step<State>): void {
    this.#state = toKept(step);
    this.#opening = step;
  }

  /** `init` did not say ok: there never was a connection. */
  refuse(): void {
    this.#settings.registry?.turnAway(this);
    this.#mailbox.clear();
    this.#ending.skip();
  }

  open(line: Line): void {
    const step = this.#opening;
    if (step === undefined || this.#line !== undefined) return;
    this.#line = line;
    this.#opening = undefined;
    if (this.#ending.reason !== undefined) this.#closeLine(this.#goodbye);
    try {
      this.#send(step.frames);
      this.#proceed(step);
    } catch (error) {
      this.#crash(error);
    }
  }

  receive(frame: InFrame): void {
    if (this.isEnding) return;
    turn();
    this.#idle?.touch();
    if (isLongerThan(this.#settings.maxMessageSize, frame.data)) return this.stop(BADSIZE);
    if (this.#busy || this.#mailbox.size > 0) this.#put(toMessage(frame));
    else this.#handle(frame);
  }

  receiveControl(frame: ControlFrame): void {
    if (this.isEnding || this.#handler.control === undefined) return;
    this.#put({ kind: "control", frame, bytes: frame.data.length });
  }

  /** Takes an info; false if nobody will see it. */
  tellInfo(info: Info): boolean {
    if (this.isEnding) return false;
    return this.#handler.info === undefined || this.#put({ kind: "info", info });
  }

  lose(reason: TerminateReason): void {
    if (this.#line !== undefined) return this.stop(reason);
    this.end(reason);
    this.#opening = undefined;
    this.#ending.terminate();
  }

  release(held: boolean): void {
    this.#ending.release(held);
  }

  stop(reason: TerminateReason, close: CloseFrame | undefined = toCloseFrame(reason)): void {
    if (this.isEnding) return;
    this.#stopping = { reason, close };
    this.#idle?.stop();
    this.#mailbox.put({ kind: "stop", reason, close });
    this.#wakeUp();
  }

  end(reason: TerminateReason, close: CloseFrame | undefined = toCloseFrame(reason)): void {
    const first = this.#stopping ?? { reason, close };
    this.#decide(first.reason, first.close);
  }

  /** Tells the program of what a callback threw. */
  tell(error: unknown): void {
    report(this.#settings.onError, error, this.self);
  }

  terminate(reason: TerminateReason): Awaitable<void> {
    return this.#handler.terminate?.(reason, this.#awake(), this.self);
  }

  ended(reason: TerminateReason): void {
    this.#ended?.(reason);
  }

  released(held: boolean): void {
    this.#state = undefined;
    this.#settings.registry?.release(this, held);
  }

  /** Takes what waits now; what comes meanwhile waits for the next round. */
  run(): void {
    for (let left = this.#mailbox.size; left > 0 && !this.#busy; left--) this.#take();
    if (this.#busy && !this.isEnding) this.#limit();
    if (this.#mailbox.size === 0) this.#hold(false);
    this.#scheduled = false;
    this.#wakeUp();
  }

  // As `#call`, without a closure for each message.
  #handle(frame: InFrame): void {
    this.#busy = true;
    try {
      this.#answer(this.#handler.handle(frame, this.#awake(), this.self));
    } catch (error) {
      this.#crash(error);
    }
  }

  #call(callback: (state: State) => Awaitable<HandleResult<State, AnyFrame>> | undefined): void {
    this.#busy = true;
    try {
      this.#answer(callback(this.#awake()));
    } catch (error) {
      this.#crash(error);
    }
  }

  #answer(result: Awaitable<HandleResult<State, AnyFrame>> | undefined): void {
    if (!isPromiseLike(result)) return this.#settle(result as HandleResult<State, AnyFrame>);
    toPromise(result)
      .then((settled) => this.#settle(settled))
      .catch((error) => this.#crash(error));
  }

  #settle(result: HandleResult<State, AnyFrame>): void {
    const step = toStep(result, this.#settings.control);
    const kept = toKept(step);
    this.#send(step.frames);
    this.#state = kept;
    this.#proceed(step);
  }

  #send(frames: DataFrame | readonly DataFrame[]): void {
    if (!isList(frames)) return this.#sendOne(frames);
    for (const frame of frames) this.#sendOne(frame);
  }

  #sendOne(frame: DataFrame): void {
    if (this.#line === undefined || this.#ending.reason !== undefined) return;
    this.#line.send(frame);
    if (this.#writes.isFull(frame.data, this.#line)) this.#decide(SLOW);
  }

  #proceed(step: Step<State>): void {
    this.#busy = false;
    if (this.#ending.reason !== undefined) return this.#ending.terminate();
    if (step.kind === "stop") return this.#decide(SHUTDOWN, step.close);
    if (step.timeout !== undefined) this.#setTimeout(step.timeout);
    this.#wakeUp();
  }

  #setTimeout(timeout: number): void {
    if (timeout !== Infinity) this.#idle ??= new IdleTimer(() => this.stop(TIMEOUT));
    this.#idle?.set(timeout);
  }

  #crash(error: unknown): void {
    this.#decide({ kind: "error", cause: "crash", error });
    this.tell(error);
    this.#busy = false;
    this.#ending.terminate();
  }

  #put(message: Message<Info>): boolean {
    // Only what waits for a callback counts. What waits for its turn is taken before the event loop goes on.
    if (this.#busy && !this.#hasRoomFor(message)) {
      this.#decide(OVERFLOW);
      return false;
    }
    this.#mailbox.put(message);
    if (this.#busy && this.#mailbox.isHigh) this.#hold(true);
    this.#wakeUp();
    return true;
  }

  // What came while nothing ran was not limited.
  #limit(): void {
    if (this.#mailbox.isHigh) this.#hold(true);
    if (this.#isHeld ? this.#mailbox.isOverBytes : this.#mailbox.isOver) this.#decide(OVERFLOW);
  }

  // From a client that is held comes at most what the transport had read already, however many messages that makes.
  #hasRoomFor(message: Message<Info>): boolean {
    if (this.#isHeld && message.kind !== "info") return this.#mailbox.fitsBytes(message);
    return this.#mailbox.fits(message);
  }

  #hold(held: boolean): void {
    if (held === this.#isHeld || this.#line?.hold === undefined) return;
    this.#isHeld = held;
    this.#line.hold(held);
  }

  #decide(reason: TerminateReason, close: CloseFrame | undefined = toCloseFrame(reason)): void {
    if (!this.#ending.decide(reason)) return;
    this.#mailbox.clear();
    this.#idle?.stop();
    this.#settings.registry?.leave(this);
    // The client's answer to the close frame is to be read.
    this.#hold(false);
    this.#closeLine(close);
    if (!this.#busy) this.#ending.terminate();
  }

  #wakeUp(): void {
    if (this.#scheduled || this.#busy || this.#mailbox.size === 0) return;
    this.#scheduled = true;
    schedule(this);
  }

  #take(): void {
    const message = this.#mailbox.take();
    switch (message?.kind) {
      case "frame":
        return this.#handle(message.frame);
      case "control":
        return this.#call((state) => this.#handler.control?.(message.frame, state, this.self));
      case "info":
        return this.#call((state) => this.#handler.info?.(message.info, state, this.self));
      case "stop":
        return this.#decide(message.reason, message.close);
    }
  }

  #awake(): State {
    if (this.#state instanceof Hibernated) this.#state = wake(this.#state) as State;
    return this.#state as State;
  }

  #closeLine(close: CloseFrame | undefined): void {
    this.#goodbye = close;
    const patient = this.#ending.reason !== SLOW;
    if (close !== undefined) this.#line?.close(close.code, close.reason, patient);
  }
}

function toKept<State>(step: Step<State>): State | Hibernated {
  return step.kind === "continue" && step.hibernate ? hibernate(step.state) : step.state;
}
