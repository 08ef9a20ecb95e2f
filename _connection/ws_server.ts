import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { Settings } from "./settings.ts";
import { MAX_QUEUED_MESSAGES } from "./write_queue.ts";
import { PromptWebSocket } from "./ws_socket.ts";

/** What an `"upgrade"` event brings. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Uint8Array;
}

/** What the handshake of one request is to say, and who is told how it went. */
export interface Handshake {
  readonly headers: Headers;
  readonly opened: (socket: WebSocket) => void;
  /** `ws` does not like the request. */
  readonly failed: () => void;
}

/** What the types of `ws` do not know yet. The last of them came with 8.23. */
interface LaterOptions {
  readonly maxFragments: number;
  readonly closeTimeout: number;
  readonly maxPendingAutoPongs: number;
}

// `ws` counts in 32 bits.
const MAX_PAYLOAD = 2 ** 31 - 1;

// Until a message is whole `ws` keeps all that came with each of its fragments, up to 64 KiB. The most is its own default.
const FRAGMENT = 256;
const [MIN_FRAGMENTS, MAX_FRAGMENTS] = [1_024, 16_384];

const PROTOCOL = "sec-websocket-protocol";

const handshakes = new WeakMap<IncomingMessage, Handshake>();
const servers = new Map<string, WebSocketServer>();

/** Answers a request with a 101 that `ws` makes. Throws if somebody else has upgraded the socket. */
export function shakeHands<Info>(
  { request, socket, head }: Upgrade,
  handshake: Handshake,
  settings: Settings<Info>,
  compress: boolean,
): void {
  handshakes.set(request, handshake);
  // What is looked at already: `ws` takes fewer lists than RFC 9110 §5.6.1 and RFC 6455 §4.2.1 allow.
  request.headers.upgrade = "websocket";
  request.headers[PROTOCOL] = handshake.headers.get(PROTOCOL) ?? undefined;
  const server = serverFor(settings, compress);
  server.handleUpgrade(request, socket, Buffer.from(head), handshake.opened);
}

// A server of `ws` holds nothing but its options.
function serverFor<Info>(
  { maxMessageSize, closeTimeout }: Settings<Info>,
  compress: boolean,
): WebSocketServer {
  const key = `${maxMessageSize} ${closeTimeout} ${compress}`;
  const server = servers.get(key) ??
    newServer(Math.min(maxMessageSize, MAX_PAYLOAD), closeTimeout, compress);
  servers.set(key, server);
  return server;
}

function newServer(maxPayload: number, closeTimeout: number, compress: boolean): WebSocketServer {
  const options: ServerOptions & LaterOptions = {
    noServer: true,
    clientTracking: false,
    maxPayload,
    maxFragments: toMaxFragments(maxPayload),
    // Pongs that wait to be written: the line of a client that does not read them is cut.
    maxPendingAutoPongs: MAX_QUEUED_MESSAGES,
    // For the client that says good-bye and then holds the line.
    closeTimeout,
    perMessageDeflate: compress,
    WebSocket: PromptWebSocket,
    handleProtocols: (_offered, request) => headersOf(request).get(PROTOCOL) ?? false,
  };
  const server = new WebSocketServer(options);
  server.on("headers", (lines, request) => {
    for (const [name, value] of headersOf(request)) {
      if (name !== PROTOCOL) lines.push(`${name}: ${value}`);
    }
  });
  server.on("wsClientError", (_error, _socket, request) => handshakes.get(request)?.failed());
  return server;
}

function toMaxFragments(maxPayload: number): number {
  return Math.min(Math.max(MIN_FRAGMENTS, Math.ceil(maxPayload / FRAGMENT)), MAX_FRAGMENTS);
}

function headersOf(request: IncomingMessage): Headers {
  return handshakes.get(request)?.headers ?? new Headers();
}
