// What Deno's socket adds to the model: events that come twice or late, and a close that takes time.

import { Model } from "./_model.ts";
import { type Act, CLOSE_TIMEOUT } from "./_model_program.ts";

/** A connection whose line is a socket. */
export class SocketModel extends Model {
  #now = 0;
  /** When patience with the client ends. */
  #due = Infinity;
  #progress: "none" | "connecting" | "open" | "closing" | "closed" | "given up" | "gone" = "none";
  #goodbye = 0;
  #isStranger = false;

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
    if (this.#now >= this.#due) this.#giveUp();
  }

  override turn(): void {
    super.turn();
    if (this.#progress === "closing" && this.buffered === 0) this.#close();
    if (this.#isStranger) this.seen.wire.push("close 1013");
    this.#isStranger = false;
  }

  protected override accepted(): void {
    this.#progress = "connecting";
    this.#due = this.#now + CLOSE_TIMEOUT;
  }

  protected override hangUp(code: number): void {
    this.#progress = "closing";
    this.#goodbye = code;
    this.#due = this.#now + CLOSE_TIMEOUT;
  }

  #open(act: Act): void {
    this.#isStranger = this.#progress === "given up";
    if (this.#isStranger) this.#progress = "gone";
    if (this.#progress === "connecting") {
      this.#progress = "open";
      this.#due = Infinity;
    }
    super.act(act);
  }

  #lose(act: Act): void {
    if (this.#progress === "none" || this.#progress === "given up") return;
    super.act(act);
    this.#letGo(false, "gone");
  }

  #giveUp(): void {
    if (this.#progress === "closing") this.#close();
    if (this.#progress !== "connecting") return this.#letGo(true, "gone");
    this.lose("error/closed");
    this.#letGo(true, "given up");
  }

  // The close frame waits for what was sent before it.
  #close(): void {
    this.seen.wire.push(`close ${this.#goodbye}`);
    this.buffered = 0;
    this.#progress = "closed";
    this.#due = this.#now + CLOSE_TIMEOUT;
  }

  #letGo(isHeld: boolean, progress: "given up" | "gone"): void {
    this.#progress = progress;
    this.#due = Infinity;
    this.release(isHeld);
  }
}
