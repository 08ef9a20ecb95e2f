// What Deno's socket adds to the model: events that come twice or late, and a close that takes time.

import { Model } from "./_model.ts";
import { type Act, CLOSE_TIMEOUT } from "./_model_program.ts";

/** "given up": it did not open in time; "stranger": it did so later. */
type Progress =
  | "none"
  | "connecting"
  | "open"
  | "closing"
  | "closed"
  | "given up"
  | "stranger"
  | "gone";

/** A connection whose line is a socket. */
export class SocketModel extends Model {
  #now = 0;
  /** When patience with the client ends. */
  #due = Infinity;
  #progress: Progress = "none";
  #goodbye = 0;
  /** Whether it is time to look if what was sent is written. */
  #looks = false;

  override act(act: Act): void {
    switch (act.do) {
      case "open":
        return this.#open(act);
      case "lost":
        return this.#lose(act);
    }
    super.act(act);
  }

  override take(share: number): void {
    if (this.#progress === "closing") this.#due = this.#now + CLOSE_TIMEOUT;
    super.take(share);
  }

  override tick(ms: number): void {
    super.tick(ms);
    this.#now += ms;
    this.#looks = ms > 0;
    if (this.#now >= this.#due) this.#giveUp();
  }

  override turn(): void {
    super.turn();
    if (this.#looks && this.#progress === "closing" && this.buffered === 0) this.#close();
    this.#looks = false;
    if (this.#progress !== "stranger") return;
    this.seen.wire.push("close 1013");
    this.#progress = "gone";
  }

  protected override accepted(): void {
    this.#wait("connecting", CLOSE_TIMEOUT);
  }

  protected override hangUp(code: number): void {
    this.#goodbye = code;
    this.#looks = true;
    this.#wait("closing", CLOSE_TIMEOUT);
  }

  #open(act: Act): void {
    if (this.#progress === "given up") this.#progress = "stranger";
    if (this.#progress === "connecting") this.#wait("open", Infinity);
    super.act(act);
  }

  #lose(act: Act): void {
    if (this.#progress === "none") return;
    super.act(act);
    this.#wait("gone", Infinity);
    this.release(false);
  }

  #giveUp(): void {
    const isOpening = this.#progress === "connecting";
    if (this.#progress === "closing") this.#close();
    this.#wait(isOpening ? "given up" : "gone", Infinity);
    if (isOpening) this.lose("error/closed");
    this.release(true);
  }

  // The close frame waits for what was sent before it.
  #close(): void {
    this.seen.wire.push(`close ${this.#goodbye}`);
    this.buffered = 0;
    this.#wait("closed", CLOSE_TIMEOUT);
  }

  #wait(progress: Progress, ms: number): void {
    this.#progress = progress;
    this.#due = this.#now + ms;
  }
}
