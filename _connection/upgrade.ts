import type { RemoteAddr, UpgradeRequest, WebsocketHandler } from "../handler.ts";
import { accept, neverOpen } from "./accept.ts";
import { parseProtocols, refusal, refuseHandshake } from "./admission.ts";
import { Connection } from "./connection.ts";
import { DenoSocket } from "./deno_socket.ts";
import type { Settings } from "./settings.ts";
import { ownTurn, passed, turns } from "./turns.ts";

// Milliseconds that every upgrade takes longer than it had to.
const MOMENT = 10;

/** Takes a request from `Deno.serve` to an open connection, or answers why not. */
export async function upgrade<State, Info>(
  request: Request,
  handler: WebsocketHandler<State, Info>,
  settings: Settings<Info>,
): Promise<Response> {
  const refused = refuseHandshake(request.method, request.headers);
  if (refused !== undefined) return refused;
  // Deno notices that a client leaves only if the signal was asked for before.
  const { signal } = request;
  const connection = new Connection(handler, settings);
  const snapshot = toUpgradeRequest(request, settings.remoteAddr);
  const acceptance = await accept(snapshot, connection, handler, settings);
  if (acceptance.kind === "refused") return acceptance.response;
  await hasStayed();
  if (signal.aborted) return turnBack(connection);
  return open(request, connection, acceptance.headers, settings);
}

/** A copy: Deno closes the request at the upgrade. */
function toUpgradeRequest(request: Request, remoteAddr: RemoteAddr | undefined): UpgradeRequest {
  const headers = new Headers(request.headers);
  return {
    url: request.url,
    headers,
    protocols: parseProtocols(headers.get("sec-websocket-protocol")),
    origin: headers.get("origin"),
    ...(remoteAddr === undefined ? {} : { remoteAddr }),
  };
}

// To upgrade for a client that has left leaks its socket for ever: Deno gives no way to take it back. Most who leave do so
// at once, such as a page that opens a WebSocket and closes it in its next breath. So they get a moment to be gone; their
// leaving takes two turns to show; and from there to the 101 nothing else is done.
async function hasStayed(): Promise<void> {
  await passed(MOMENT);
  await turns(2);
  await ownTurn();
}

function turnBack<State, Info>(connection: Connection<State, Info>): Response {
  neverOpen(connection);
  return refusal(400, "The client has left.");
}

// From the upgrade on nothing may fail: any answer but its 101 would stop the whole server.
function open<State, Info>(
  request: Request,
  connection: Connection<State, Info>,
  headers: Headers,
  settings: Settings<Info>,
): Response {
  const heartbeat = connection.hasTimeout ? 0 : settings.heartbeat;
  try {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: heartbeat / 1000 });
    new DenoSocket(socket, connection, heartbeat, settings.closeTimeout);
    for (const [name, value] of headers) response.headers.append(name, value);
    return response;
  } catch (error) {
    connection.tell(error);
    neverOpen(connection);
    return refusal(500, "The server cannot upgrade this request.");
  }
}
