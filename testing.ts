/**
 * Runs a handler in memory, with no network: the same loop as in production, with a client that a test drives.
 *
 * Nothing here waits for time, so it works under `FakeTime` of `@std/testing/time`. There is no handshake to check and no line
 * that could be slow or dead: `self.buffered` is 0, and pings, pongs and `control` of `./ws` are not there.
 *
 * ```ts
 * import { text, type WebsocketHandler } from "@lariat/websocket";
 * import { connect } from "@lariat/websocket/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const echo: WebsocketHandler<null> = {
 *   init: () => ({ kind: "ok", state: null }),
 *   handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
 * };
 *
 * const client = await connect(echo);
 * client.send(text("hi"));
 * assertEquals(await client.receive(), text("hi"));
 * client.close(1000, "bye");
 * assertEquals(await client.terminated, { kind: "remote", code: 1000, reason: "bye" });
 * ```
 *
 * @module
 */

import type { InFrame, OutFrame } from "./frame.ts";
import type {
  HeadersLike,
  Self,
  TerminateReason,
  UpgradeRequest,
  WebsocketHandler,
} from "./handler.ts";
import { accept } from "./_connection/accept.ts";
import { parseProtocols } from "./_connection/admission.ts";
import { Connection } from "./_connection/connection.ts";
import { MemoryLine } from "./_connection/memory_line.ts";
import { checkHandler, type ServeWebsocketOptions, toSettings } from "./_connection/settings.ts";

/**
 * Options of {@linkcode connect}: those of `serveWebsocket`, and what the client's request says.
 *
 * @typeParam Info What may be sent to the connection.
 */
export interface ConnectOptions<Info = never> extends ServeWebsocketOptions<Info> {
  /**
   * The address asked for.
   *
   * @default {"http://localhost/"}
   */
  readonly url?: string;
  /** Headers of the request, such as a cookie or an `Origin`. */
  readonly headers?: HeadersLike;
  /** The subprotocols that the client offers, in its order of preference. */
  readonly protocols?: readonly string[];
}

/**
 * The client's end of a connection in memory.
 *
 * @typeParam Info What may be sent to the connection.
 */
export interface TestClient<Info = never> {
  /** The 101, or the refusal. */
  readonly response: Response;
  /** The connection's address, as the rest of the program would have it. */
  readonly self: Self<Info>;
  /** Why the connection ended, when its `terminate` is done. Rejects if the upgrade was refused. */
  readonly terminated: Promise<TerminateReason>;
  /** Sends a message to the server. After the end it goes nowhere, as on the wire. */
  readonly send: (frame: InFrame) => void;
  /** The next frame from the server. Rejects if the connection ended and nothing is left to receive. */
  readonly receive: () => Promise<OutFrame>;
  /** Says good-bye with a close frame; without a code it is an empty one, which the server sees as 1005. */
  readonly close: (code?: number, reason?: string) => void;
  /** Loses the line: no close frame. */
  readonly drop: () => void;
}

/**
 * Asks a handler for a connection and runs it in memory.
 *
 * @typeParam State What the connection remembers.
 * @typeParam Info What may be sent to the connection.
 * @param handler The handler to run.
 * @param options What the request says, and the options of `serveWebsocket`. `heartbeat`, `maxBuffered` and `closeTimeout`
 * have no effect.
 * @returns The client's end, when `init` has answered.
 * @throws {TypeError} If the handler lacks a function or an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 *
 * @example Usage
 * ```ts
 * import { connect } from "@lariat/websocket/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const client = await connect({
 *   init: () => ({ kind: "shutdown", response: new Response("no", { status: 401 }) }),
 *   handle: (_frame, state: null) => ({ kind: "ok", state }),
 * });
 * assertEquals(client.response.status, 401);
 * ```
 */
export async function connect<State, Info = never>(
  handler: WebsocketHandler<State, Info>,
  options: ConnectOptions<Info> = {},
): Promise<TestClient<Info>> {
  checkHandler(handler);
  const settings = toSettings(options);
  let ended: (reason: TerminateReason) => void = () => {};
  const terminated = new Promise<TerminateReason>((resolve) => ended = resolve);
  const connection = new Connection(handler, settings, (reason) => ended(reason));
  const line = new MemoryLine(connection);
  const acceptance = await accept(toRequest(options), connection, handler, settings);
  if (acceptance.kind === "refused") {
    return toClient(acceptance.response, connection, line, terminated);
  }
  line.open();
  return toClient(switchingProtocols(acceptance.headers), connection, line, terminated);
}

function toRequest<Info>(
  { url = "http://localhost/", headers, protocols, remoteAddr }: ConnectOptions<Info>,
): UpgradeRequest {
  const all = new Headers(headers);
  if (protocols !== undefined && protocols.length > 0) {
    all.set("sec-websocket-protocol", protocols.join(", "));
  }
  return {
    url,
    headers: all,
    protocols: parseProtocols(all.get("sec-websocket-protocol")),
    origin: all.get("origin"),
    ...(remoteAddr === undefined ? {} : { remoteAddr }),
  };
}

function switchingProtocols(headers: Headers): Response {
  try {
    return new Response(null, { status: 101, headers });
  } catch {
    // Node makes no Response of 101: there it only says so.
    const response = new Response(null, { headers });
    return Object.defineProperties(response, { status: { value: 101 }, ok: { value: false } });
  }
}

function toClient<State, Info>(
  response: Response,
  connection: Connection<State, Info>,
  line: MemoryLine,
  terminated: Promise<TerminateReason>,
): TestClient<Info> {
  return {
    response,
    self: connection.self,
    get terminated() {
      return connection.isRefused ? Promise.reject(neverBegan(response)) : terminated;
    },
    send: (frame) => line.sendToServer(frame),
    receive: () => line.receive(),
    close: (code = 1005, reason = "") => line.closeByClient(code, reason),
    drop: () => line.drop(),
  };
}

function neverBegan({ status }: Response): Error {
  return new Error(`Cannot wait for the end as the upgrade was refused with status ${status}`);
}
