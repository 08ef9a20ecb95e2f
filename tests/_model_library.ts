// Plays programs with the library: its handler does what the program says.

import type { FakeTime } from "@std/testing/time";
import { accept } from "../_connection/accept.ts";
import { Connection } from "../_connection/connection.ts";
import type { AnyFrame, AnyHandler } from "../_connection/line.ts";
import { type Settings, toSettings } from "../_connection/settings.ts";
import type { Awaitable, HandleResult, InitResult, TerminateReason } from "../mod.ts";
import { close, Connections, type DrainOptions, text } from "../mod.ts";
import { type Act, type Callback, contentsOf } from "./_model_program.ts";
import { nothingSeen, type Player, type Program } from "./_model_program.ts";
import { type Connect, fromFrame, toFrame, type Transport } from "./_model_transport.ts";

/** The callback that the state is of. */
interface State {
  readonly of: string;
  readonly unclonable?: () => void;
}

/** The number of a message. */
type Info = number;

type Result = HandleResult<State, AnyFrame>;

class Boom extends Error {}

const REQUEST = { url: "http://localhost/", headers: new Headers(), protocols: [], origin: null };

const GARBAGE: readonly unknown[] = [
  undefined,
  null,
  "ok",
  { state: { of: "garbage" } },
  { kind: "nope", state: { of: "garbage" } },
  { kind: "reply", state: { of: "garbage" }, frames: [text("lost"), null] },
  { kind: "ok", state: { of: "garbage" }, timeout: 0 },
  { kind: "ok", state: { of: "garbage" }, timeout: "1" },
];

/** A connection that plays a program. */
export class Library implements Player {
  readonly seen = nothingSeen();
  readonly #program: Program;
  readonly #time: FakeTime;
  readonly #connections = new Connections<Info>();
  readonly #settings: Settings<Info>;
  readonly #handler: AnyHandler<State, Info>;
  readonly #connection: Connection<State, Info>;
  readonly #connect: Connect;
  readonly #callbacks: Callback[] = [];
  #transport: Transport | undefined;
  #signal: AbortSignal | undefined;
  #isRunning = false;
  #answerLate = () => {};

  constructor(program: Program, time: FakeTime, connect: Connect) {
    this.#program = program;
    this.#time = time;
    this.#connect = connect;
    this.#settings = toSettings<Info>({
      ...program.limits,
      connections: this.#connections,
      onError: (error) => void this.seen.told.push(nameOf(error)),
    }, true);
    this.#handler = this.#toHandler(program);
    this.#connection = new Connection(this.#handler, this.#settings, (reason) => {
      this.seen.calls.push(`ended ${toName(reason)}`);
    });
  }

  get size(): number {
    return this.#connections.size;
  }

  get abandoned(): number {
    return this.#connections.abandoned;
  }

  get buffered(): number {
    return this.#connection.self.buffered;
  }

  get isAborted(): boolean {
    this.#signal ??= this.#connection.self.signal;
    return this.#signal.aborted;
  }

  begin(): void {
    void accept(REQUEST, this.#connection, this.#handler, this.#settings).then(({ kind }) => {
      if (kind === "refused") return;
      this.#transport = this.#connect(this.#connection, this.seen.wire, this.#program);
    });
  }

  act(act: Act): void {
    switch (act.do) {
      case "frame":
      case "info":
        this.#callbacks.push(act.then);
    }
    const id = this.#callbacks.length;
    switch (act.do) {
      case "info":
        return void this.seen.sends.push(this.#inform(act.to, id));
      case "drain":
        return this.#drain(act);
      default:
        return this.#transport?.act(act, `${id}`);
    }
  }

  answer(): void {
    this.#answerLate();
  }

  take(share: number): void {
    this.#transport?.take(share);
  }

  tick(ms: number): void {
    this.#time.tick(ms);
  }

  async turn(): Promise<void> {
    for (let left = 4; left > 0; left--) await new Promise<void>((done) => setImmediate(done));
  }

  #inform(to: "self" | "all", id: Info): boolean {
    if (to === "self") return this.#connection.self.send(id);
    return this.#connections.send(id) === 1;
  }

  #drain(options: DrainOptions): void {
    const index = this.seen.drains.push("waits") - 1;
    void this.#connections.drain(options).then(({ drained, abandoned }) => {
      this.seen.drains[index] = `${drained} drained, ${abandoned} abandoned`;
    });
  }

  #toHandler(program: Program): AnyHandler<State, Info> {
    const { init, terminate, hasInfo, hasControl, hasTerminate } = program;
    return {
      init: () => this.#call("init", { of: "nothing" }, init, () => toInitResult(init)),
      handle: (frame, state) => this.#message("frame", idOf(frame), state),
      ...(hasInfo && { info: (id, state) => this.#message("info", id, state) }),
      ...(hasControl && {
        control: (frame, state) => this.#message("control", idOf(frame), state),
      }),
      ...(hasTerminate && {
        terminate: (reason, state) =>
          this.#call(`terminate ${toName(reason)}`, state, terminate, () => {}),
      }),
    };
  }

  #message(kind: string, id: number, state: State): Awaitable<Result> {
    const callback = this.#callbacks[id - 1] ?? {};
    const label = `${kind} ${id}`;
    return this.#call(label, state, callback, () => toHandleResult(label, callback));
  }

  #call<Answer>(
    name: string,
    { of }: State,
    { acts = [], settles, says }: Callback,
    answer: () => Answer,
  ): Awaitable<Answer> {
    this.seen.calls.push(`${this.#isRunning ? "OVERLAPPING " : ""}${name} of ${of}`);
    this.#isRunning = true;
    for (const act of acts) this.act(act);
    return this.#settle(settles, () => {
      this.#isRunning = false;
      if (says === "throw") throw new Boom();
      return answer();
    });
  }

  #settle<Answer>(settles: Callback["settles"], end: () => Answer): Awaitable<Answer> {
    switch (settles) {
      case undefined:
      case "now":
        return end();
      case "soon":
        return Promise.resolve().then(end);
      case "twice":
        return twice(end);
      case "late":
        return new Promise<void>((resolve) => this.#answerLate = resolve).then(end);
      case "never":
        return new Promise(() => {});
    }
  }
}

/** A promise that keeps calling back. */
function twice<Answer>(end: () => Answer): Promise<Answer> {
  const then = (call: (answer: Answer) => void, fail: (error: unknown) => void) => {
    try {
      const answer = end();
      call(answer);
      call("again" as Answer);
    } catch (error) {
      fail(error);
    }
    fail(new Boom());
  };
  return { then } as Promise<Answer>;
}

function toInitResult(callback: Callback): InitResult<State, AnyFrame> {
  if (callback.says === "shutdown") return { kind: "shutdown" };
  if (callback.says === "garbage") return toGarbage("init") as InitResult<State>;
  return { kind: "ok", frames: framesOf("init", callback), ...restOf("init", callback) };
}

function toHandleResult(label: string, callback: Callback): Result {
  const rest = restOf(label, callback);
  switch (callback.says) {
    case "garbage":
      return toGarbage(label) as Result;
    case "shutdown":
      return { kind: "shutdown", state: rest.state };
    case "reply":
    case "close":
    case "unclonable":
      return { kind: "reply", frames: framesOf(label, callback), ...rest };
    default:
      return { kind: "ok", ...rest };
  }
}

function toGarbage(label: string): unknown {
  return GARBAGE[label.charCodeAt(label.length - 1) % GARBAGE.length];
}

function framesOf(label: string, callback: Callback): AnyFrame | AnyFrame[] {
  const frames: AnyFrame[] = contentsOf(label, callback).map(toFrame);
  if (callback.says === "close") frames.push(close(4000), text("behind the close frame"));
  const [first] = frames;
  return first !== undefined && frames.length === 1 ? first : frames;
}

function restOf(
  of: string,
  { says, timeout, hibernate }: Callback,
): { readonly state: State; readonly timeout?: number; readonly hibernate?: boolean } {
  if (says === "unclonable") return { state: { of, unclonable: () => {} }, hibernate: true };
  return {
    state: { of },
    ...(timeout !== undefined && { timeout }),
    ...(hibernate !== undefined && { hibernate }),
  };
}

function idOf(frame: Parameters<typeof fromFrame>[0]): number {
  return Number.parseInt(fromFrame(frame).data);
}

function nameOf(error: unknown): string {
  if (error instanceof Boom) return "boom";
  return error instanceof TypeError || error instanceof RangeError ? "garbage" : String(error);
}

function toName(reason: TerminateReason): string {
  switch (reason.kind) {
    case "remote":
      return `remote/${reason.code} ${reason.reason}`;
    case "normal":
      return `normal/${reason.cause}`;
    case "error":
      return `error/${reason.cause}${reason.cause === "crash" ? ` ${nameOf(reason.error)}` : ""}`;
  }
}
