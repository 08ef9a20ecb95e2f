import type { Self } from "../handler.ts";

/** A connection as its address sees it. */
export interface Addressee<Info> {
  readonly tellInfo: (info: Info) => boolean;
  readonly signal: AbortSignal;
  readonly buffered: number;
}

/** What the program holds of a connection: no more than it may use. */
export class Address<Info> implements Self<Info> {
  readonly send: (info: Info) => boolean;
  readonly #addressee: Addressee<Info>;

  constructor(addressee: Addressee<Info>) {
    this.#addressee = addressee;
    this.send = (info) => addressee.tellInfo(info);
  }

  get signal(): AbortSignal {
    return this.#addressee.signal;
  }

  get buffered(): number {
    return this.#addressee.buffered;
  }
}
