import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type ServerOptions, WebSocketServer } from "ws";
import type { RemoteAddr, UpgradeRequest } from "../handler.ts";
import { accept, neverOpen } from "./accept.ts";
import { parseProtocols, refusal, refuseHandshake } from "./admission.ts";
import { Connection } from "./connection.ts";
import type { AnyHandler } from "./line.ts";
import { respond } from "./raw_response.ts";
import type { Settings } from "./settings.ts";
import { PromptWebSocket, WsSocket } from "./ws_socket.ts";
import { MAX_QUEUED_MESSAGES } from "./write_queue.ts";

// `node:http` drops the headers behind the first thousand without a word, an origin too.
const MAX_HEADERS = 1_000;

/** Takes an `"upgrade"` event of `node:http` to an open connection, or answers why not. Never rejects. */
export async function upgradeNode<State, Info>(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  handler: AnyHandler<State, Info>,
  settings: Settings<Info>,
  compress: boolean,
): Promise<void> {
  if (taken.has(socket)) return new Connection(handler, settings).tell(servedTwice());
  taken.add(socket);
  // Without a listener the error of a client that leaves would end the process.
  socket.on("error", ignore);
  const snapshot = toUpgradeRequest(request, socket, settings.remoteAddr);
  const refuse = (response: Response) => respond(request, socket, response, settings.closeTimeout);
  // RFC 6455 §4.2.1: HTTP/1.1 or higher, and the higher ones have no upgrade.
  if (snapshot === undefined || request.httpVersion !== "1.1") {
    return refuse(refusal(400, "Send a valid request of HTTP/1.1."));
  }
  if (request.rawHeaders.length >= 2 * MAX_HEADERS) {
    return refuse(refusal(431, `Send fewer than ${MAX_HEADERS} headers.`));
  }
  const refused = refuseHandshake(request.method ?? "", snapshot.headers);
  if (refused !== undefined) return refuse(refused);
  const connection = new Connection(handler, settings);
  const acceptance = await accept(snapshot, connection, handler, settings);
  if (acceptance.kind === "refused") return refuse(acceptance.response);
  if (!socket.readable || !socket.writable) {
    socket.destroy();
    return neverOpen(connection);
  }
  open({ request, socket, head }, connection, acceptance.headers, settings, compress);
}

function servedTwice(): TypeError {
  return new TypeError(
    `Cannot serve a WebSocket as "socket" must be new: received one that is served already`,
  );
}

/** The request as the handler sees it; undefined if it is not one. */
function toUpgradeRequest(
  request: IncomingMessage,
  socket: Duplex,
  remoteAddr: RemoteAddr = addressOf(request),
): UpgradeRequest | undefined {
  try {
    const headers = toHeaders(request.rawHeaders);
    const scheme = "encrypted" in socket ? "https" : "http";
    return {
      url: toUrl(request.url ?? "/", `${scheme}://${headers.get("host") ?? "localhost"}`).href,
      headers,
      protocols: parseProtocols(headers.get("sec-websocket-protocol")),
      origin: headers.get("origin"),
      remoteAddr,
    };
  } catch {
    return undefined;
  }
}

// RFC 9112 §3.2: a target that begins with "/" is a path, however many follow.
function toUrl(target: string, base: string): URL {
  return target.startsWith("/") ? new URL(new URL(base).origin + target) : new URL(target, base);
}

function toHeaders(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    headers.append(raw[index] ?? "", raw[index + 1] ?? "");
  }
  return headers;
}

function addressOf({ socket }: IncomingMessage): RemoteAddr {
  const { remoteAddress: hostname = "", remotePort: port = 0 } = socket;
  return { transport: "tcp", hostname, port };
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Uint8Array;
}

function open<State, Info>(
  { request, socket, head }: Upgrade,
  connection: Connection<State, Info>,
  headers: Headers,
  settings: Settings<Info>,
  compress: boolean,
): void {
  const heartbeat = connection.hasTimeout ? 0 : settings.heartbeat;
  const server = serverFor(settings, compress);
  const fail = () => {
    neverOpen(connection);
    const refused = refusal(400, "Send a valid handshake.");
    return respond(request, socket, refused, settings.closeTimeout);
  };
  handshakes.set(request, { headers, fail });
  // What is looked at already: `ws` takes fewer lists than RFC 9110 §5.6.1 and RFC 6455 §4.2.1 allow.
  request.headers.upgrade = "websocket";
  request.headers["sec-websocket-protocol"] = headers.get("sec-websocket-protocol") ?? undefined;
  try {
    server.handleUpgrade(request, socket, Buffer.from(head), (opened) => {
      socket.off("error", ignore);
      new WsSocket(opened, socket, connection, heartbeat, settings.closeTimeout);
    });
  } catch (error) {
    // Only a socket that somebody else has upgraded gets here.
    connection.tell(error);
    neverOpen(connection);
  }
}

/** What the handshake of one request is to say, and what to do if `ws` does not like the request. */
interface Handshake {
  readonly headers: Headers;
  readonly fail: () => Promise<void>;
}

/** What the types of `ws` do not know yet. The last of them came with 8.23. */
interface LaterOptions {
  readonly maxFragments: number;
  readonly closeTimeout: number;
  readonly maxPendingAutoPongs: number;
}

// `ws` keeps all that came with a fragment, up to 64 KiB, until the message is whole. Of small ones there are to be few.
const FRAGMENT = 4_096;
const MIN_FRAGMENTS = 1_024;

const taken = new WeakSet<Duplex>();
const handshakes = new WeakMap<IncomingMessage, Handshake>();
const servers = new Map<string, WebSocketServer>();

// A server of `ws` holds nothing but its options.
function serverFor<Info>(
  { maxMessageSize: maxPayload, closeTimeout }: Settings<Info>,
  compress: boolean,
): WebSocketServer {
  const key = `${maxPayload} ${closeTimeout} ${compress}`;
  const known = servers.get(key);
  if (known !== undefined) return known;
  const options: ServerOptions & LaterOptions = {
    noServer: true,
    clientTracking: false,
    // `ws` counts in 32 bits.
    maxPayload: Math.min(maxPayload, 2 ** 31 - 1),
    maxFragments: Math.max(MIN_FRAGMENTS, Math.ceil(maxPayload / FRAGMENT)),
    // Pongs that wait to be written: the line of a client that does not read them is cut.
    maxPendingAutoPongs: MAX_QUEUED_MESSAGES,
    // For the client that says good-bye and then holds the line.
    closeTimeout,
    perMessageDeflate: compress,
    WebSocket: PromptWebSocket,
    handleProtocols: (_offered, request) =>
      handshakes.get(request)?.headers.get("sec-websocket-protocol") ?? false,
  };
  const server = new WebSocketServer(options);
  server.on("headers", (lines, request) => {
    for (const [name, value] of handshakes.get(request)?.headers ?? []) {
      if (name !== "sec-websocket-protocol") lines.push(`${name}: ${value}`);
    }
  });
  server.on("wsClientError", (_error, _socket, request) => handshakes.get(request)?.fail());
  servers.set(key, server);
  return server;
}

function ignore(): void {}
