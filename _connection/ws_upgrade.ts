import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import type { RemoteAddr, UpgradeRequest } from "../handler.ts";
import { accept, neverOpen } from "./accept.ts";
import { parseProtocols, refusal, refuseHandshake } from "./admission.ts";
import { Connection } from "./connection.ts";
import type { AnyHandler } from "./line.ts";
import { respond } from "./raw_response.ts";
import type { Settings } from "./settings.ts";
import { shakeHands, type Upgrade } from "./ws_server.ts";
import { WsSocket } from "./ws_socket.ts";

// `node:http` drops the headers behind the first thousand without a word, an origin too.
const MAX_HEADERS = 1_000;

const taken = new WeakSet<Duplex>();

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

function open<State, Info>(
  upgrade: Upgrade,
  connection: Connection<State, Info>,
  headers: Headers,
  settings: Settings<Info>,
  compress: boolean,
): void {
  const { request, socket } = upgrade;
  const heartbeat = connection.hasTimeout ? 0 : settings.heartbeat;
  const opened = (webSocket: WebSocket) => {
    socket.off("error", ignore);
    new WsSocket(webSocket, socket, connection, heartbeat, settings.closeTimeout);
  };
  const failed = () => {
    neverOpen(connection);
    return respond(request, socket, refusal(400, "Send a valid handshake."), settings.closeTimeout);
  };
  try {
    shakeHands(upgrade, { headers, opened, failed }, settings, compress);
  } catch (error) {
    // Only a socket that somebody else has upgraded gets here.
    connection.tell(error);
    neverOpen(connection);
  }
}

function ignore(): void {}
