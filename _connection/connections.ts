import { close } from "../frame.ts";
import type { Self } from "../handler.ts";
import { type DrainResult, Registry } from "./registry.ts";
import { show } from "./show.ts";
import { MAX_TIMER, within } from "./within.ts";

/** Options of {@linkcode Connections}. */
export interface ConnectionsOptions {
  /**
   * How many connections there may be at a time; more are refused with a 503.
   *
   * @default {Infinity}
   */
  readonly max?: number;
}

/** Options of {@linkcode Connections.drain}. */
export interface DrainOptions {
  /**
   * The close code that the clients get.
   *
   * @default {1001}
   */
  readonly code?: number;
  /**
   * The close reason that the clients get, at most 123 bytes.
   *
   * @default {""}
   */
  readonly reason?: string;
  /**
   * Milliseconds after which whoever is left is given up on.
   *
   * @default {10_000}
   */
  readonly deadline?: number;
  /**
   * Milliseconds over which the close frames are spread, so that the clients do not reconnect all at once.
   *
   * @default {0}
   */
  readonly spread?: number;
}

const registries = new WeakMap<object, Registry<unknown>>();

/**
 * The connections of a server, or of a part of it: counts and limits them, sends to all, and drains them before a
 * shutdown. A connection belongs to it from before the call of its `init`, unless it is refused, until its end is decided.
 *
 * Once drained it takes no more connections, ever: those that ask get a 503.
 *
 * @typeParam Info What may be sent to the connections.
 *
 * @example Usage
 * ```ts
 * import { Connections, text, type WebsocketHandler } from "@lariat/websocket";
 * import { connect } from "@lariat/websocket/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const connections = new Connections<string>({ max: 1_000 });
 * const listener: WebsocketHandler<null, string> = {
 *   init: () => ({ kind: "ok", state: null }),
 *   handle: (_frame, state) => ({ kind: "ok", state }),
 *   info: (news, state) => ({ kind: "reply", frames: text(news), state }),
 * };
 *
 * const client = await connect(listener, { connections });
 * assertEquals(connections.send("hello, all"), 1);
 * assertEquals(await client.receive(), text("hello, all"));
 * assertEquals(await connections.drain(), { drained: 1, abandoned: 0 });
 * ```
 */
export class Connections<Info = never> implements Iterable<Self<Info>> {
  readonly #registry: Registry<Info>;

  /**
   * Makes an empty group.
   *
   * @param options How many connections there may be.
   * @throws {RangeError} If `max` is below 0.
   */
  constructor(options: ConnectionsOptions = {}) {
    const max = within("limit connections", "max", options.max ?? Infinity, 0);
    this.#registry = new Registry<Info>(max);
    registries.set(this, this.#registry as Registry<unknown>);
  }

  /** How many there are. */
  get size(): number {
    return this.#registry.live.size;
  }

  /**
   * How many were let go of while the client still held the line: it neither read, answered nor left, and Deno gives
   * no way to cut it.
   */
  get abandoned(): number {
    return this.#registry.abandoned;
  }

  /** The address of each connection. */
  *[Symbol.iterator](): Iterator<Self<Info>> {
    for (const { self } of this.#registry.live) yield self;
  }

  /**
   * Sends an info to every connection. One whose `init` is running gets it after its open.
   *
   * @param info What their `info` gets. It is not copied.
   * @returns How many took it; a handler without `info` takes and drops it.
   */
  send(info: Info): number {
    let taken = 0;
    for (const { self } of this.#registry.live) if (self.send(info)) taken++;
    return taken;
  }

  /**
   * Ends every connection with `normal/drain` when what waits for it is done, and takes no new one. Resolves when every
   * `terminate` is done and every line closed, or at the deadline. `server.shutdown()` then returns at once.
   *
   * @param options What the clients are told, and how long it may take.
   * @returns How many ended, and how many were given up on.
   * @throws {RangeError} If an option is out of range.
   */
  drain(options: DrainOptions = {}): Promise<DrainResult> {
    const frame = close(options.code ?? 1001, options.reason ?? "");
    const deadline = within("drain", "deadline", options.deadline ?? 10_000, 0, MAX_TIMER);
    const spread = within("drain", "spread", options.spread ?? 0, 0, MAX_TIMER);
    return this.#registry.drain(frame, deadline, spread);
  }
}

/** The inside of a group, for the connections that join it. */
export function registryOf<Info>(
  connections: Connections<Info> | undefined,
): Registry<Info> | undefined {
  if (connections === undefined) return undefined;
  const registry = registries.get(connections);
  if (registry !== undefined) return registry as Registry<Info>;
  throw new TypeError(
    `Cannot serve a WebSocket as "connections" must be a Connections: received ${
      show(connections)
    }`,
  );
}
