// Plays programs with the library: a handler that does as it is told, on a scripted line or socket.

import type { HandleResult, InitResult, Self, TerminateReason, WebsocketHandler } from "../mod.ts";
import { close, Connections, type OutFrame } from "../mod.ts";
import { accept } from "../_connection/accept.ts";
import { Connection } from "../_connection/connection.ts";
import { DenoSocket } from "../_connection/deno_socket.ts";
import type { Line } from "../_connection/line.ts";
import { type Settings, toSettings } from "../_connection/settings.ts";
import type { InFrame } from "../frame.ts";
import {
  type Act,
  type Callback,
  CLOSE_TIMEOUT,
  framesOf,
  type Loss,
  LOSSES,
  nothingSeen,
  type Player,
  type Program,
  type Seen,
  show,
  sizeOf,
  toData,
} from "./_model_program.ts";

interface State {
  readonly of: string;
  readonly unclonable?: () => void;
}

interface Info {
  readonly label: string;
  readonly then: Callback;
}

type Events = Connection<State, Info>;

/** The line below a connection: what can happen to it, and what becomes of what is sent. */
interface Transport {
  readonly act: (act: Act, label: string) => void;
  readonly take: (share: number) => void;
}

const REQUEST = {
  url: "http://localhost/",
  headers: new Headers(),
  protocols: [],
  origin: null,
};

/** Where a program is played. */
export type Place = "line" | "socket";

class Boom extends Error {}

/** The library, with a scripted handler. */
export class Library implements Player {
  readonly seen: Seen = nothingSeen();
  readonly #program: Program;
  readonly #place: Place;
  readonly #connections = new Connections<Info>();
  readonly #settings: Settings<Info>;
  readonly #handler: WebsocketHandler<State, Info>;
  readonly #connection: Events;
  readonly #frames = new Map<string, Callback>();
  #transport: Transport | undefined;
  #count = 0;
  #isRunning = false;
  #answerLate = () => {};

  constructor(program: Program, place: Place) {
    this.#program = program;
    this.#place = place;
    this.#settings = toSettings<Info>({
      ...program.limits,
      closeTimeout: CLOSE_TIMEOUT,
      connections: this.#connections,
      onError: (error) => void this.seen.told.push(nameOf(error)),
    });
    this.#handler = this.#toHandler(program);
    this.#connection = new Connection(
      this.#handler,
      this.#settings,
      (reason) => void this.seen.calls.push(`ended ${toName(reason)}`),
    );
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
    return this.#connection.self.signal.aborted;
  }

  begin(): void {
    accept(REQUEST, this.#connection, this.#handler, this.#settings).then(({ kind }) => {
      if (kind === "accepted") this.#transport = this.#toTransport();
    });
  }

  act(act: Act): void {
    switch (act.do) {
      case "frame":
        this.#frames.set(`${++this.#count}`, act.then);
        return this.#transport?.act(act, `${this.#count}`);
      case "info":
        return void this.seen.sends.push(this.#inform(act.to, act.then));
      case "drain":
        return this.#drain(act.deadline, act.code);
      default:
        return this.#transport?.act(act, "");
    }
  }
  ...
