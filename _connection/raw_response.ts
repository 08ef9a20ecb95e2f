import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

// Of one line, not of the answer (RFC 9110 §7.6.1); a body read to its end is no longer in chunks.
const HOP_BY_HOP = ["keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"];

/** Answers a request on its bare socket and ends that: when it is written, or when the client has not taken it after `patience` ms. */
export async function respond(
  { method }: IncomingMessage,
  socket: Duplex,
  response: Response,
  patience: number,
): Promise<void> {
  const body = await bodyOf(response);
  if (socket.destroyed) return;
  const { status } = response;
  const headers = new Headers(response.headers);
  for (const name of HOP_BY_HOP) headers.delete(name);
  headers.set("connection", headers.has("upgrade") ? "Upgrade, close" : "close");
  headers.set("content-length", String(body.length));
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once("finish", () => socket.destroy());
  const timer = setTimeout(() => socket.destroy(), patience);
  socket.once("close", () => clearTimeout(timer));
  socket.write(
    `HTTP/1.1 ${status} ${response.statusText || STATUS_CODES[status] || ""}\r\n${
      lines.join("")
    }\r\n`,
    "latin1",
  );
  // RFC 9110 §9.3.2: the answer to HEAD says how long a body would be, and has none.
  socket.end(method === "HEAD" ? undefined : body);
}

async function bodyOf(response: Response): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch {
    return new Uint8Array();
  }
}
