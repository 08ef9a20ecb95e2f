import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Answers a request on its bare socket and ends that: when it is written, or when the client takes nothing for `patience` ms. */
export async function respond(
  { method }: IncomingMessage,
  socket: Duplex & Partial<Pick<Socket, "setTimeout">>,
  response: Response,
  patience: number,
): Promise<void> {
  const body = await bodyOf(response);
  const { status } = response;
  const headers = new Headers(response.headers);
  headers.set("connection", headers.has("upgrade") ? "Upgrade, close" : "close");
  headers.set("content-length", String(body.length));
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once("finish", () => socket.destroy());
  socket.setTimeout?.(patience, () => socket.destroy());
  socket.write(
    `HTTP/1.1 ${status} ${response.statusText || STATUS_CODES[status] || ""}\r\n${
      lines.join("")
    }\r\n`,
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
