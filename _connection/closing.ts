/** A line that can say good-bye. */
export interface ClosingLine {
  readonly buffered: number;
  /** Sends the close frame. */
  readonly sayGoodbye: (code: number, reason: string) => void;
  /** The client takes or answers nothing: let go of it. */
  readonly giveUp: () => void;
}

// A line tells of what the network has taken only when it has taken all of a message, or of some together. So there is one
// more timeout for each of these.
const MIB = 2 ** 20;

// How often a line with a backlog is asked whether it has been written.
const POLL = 20;

/** The end of a line by this side: what was sent before, the close frame, and a bounded wait for the answer. */
export class Closing {
  readonly #line: ClosingLine;
  readonly #timeout: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #patient = true;
  #isBegun = false;
  #isOver = false;

  /** `timeout`: milliseconds in which something must happen. */
  constructor(line: ClosingLine, timeout: number) {
    this.#line = line;
    this.#timeout = timeout;
  }

  /** Not `patient`: however much waits, something must be taken within one timeout. */
  begin(code: number, reason: string, patient: boolean = true): void {
    if (this.#isBegun || this.#isOver) return;
    this.#isBegun = true;
    this.#patient = patient;
    this.#closeWhenWritten(code, reason, Infinity, Infinity);
  }

  /** The line is gone. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  // Deno writes a close frame late. If a message comes before it has, Deno drops the line and the close frame is lost.
  // So the backlog goes first, and the close in a turn of its own.
  #closeWhenWritten(code: number, reason: string, left: number, patience: number): void {
    setImmediate(() => {
      if (this.#isOver) return;
      const { buffered } = this.#line;
      if (buffered === 0) return this.#close(code, reason);
      if (patience <= 0) return this.#giveUp(code, reason);
      const rest = buffered < left ? this.#patienceFor(buffered) : patience - POLL;
      this.#wait(POLL, () => this.#closeWhenWritten(code, reason, buffered, rest));
    });
  }

  #patienceFor(backlog: number): number {
    return this.#patient ? this.#timeout * (1 + Math.floor(backlog / MIB)) : this.#timeout;
  }

  #close(code: number, reason: string): void {
    this.#line.sayGoodbye(code, reason);
    this.#wait(this.#timeout, () => this.#line.giveUp());
  }

  // A client that does not read: the close frame waits behind what it was sent, for as long as it holds the line.
  #giveUp(code: number, reason: string): void {
    this.#line.sayGoodbye(code, reason);
    this.#line.giveUp();
  }

  #wait(delay: number, then: () => void): void {
    this.#timer = setTimeout(then, delay);
  }
}
