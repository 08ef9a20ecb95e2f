// Who may connect: a token in, a cookie out, a subprotocol agreed on.

import { serveWebsocket, text, type WebsocketHandler } from "@lariat/websocket";

const USERS = new Map([["open-sesame", "Ali Baba"]]);
const PROTOCOLS = ["greet.v2", "greet.v1"];

const greet: WebsocketHandler<string> = {
  init: ({ headers, protocols }) => {
    const token = readToken(headers);
    const user = USERS.get(token);
    if (user === undefined) return { kind: "shutdown", response: unauthorized() };

    const protocol = PROTOCOLS.find((known) => protocols.includes(known));
    if (protocol === undefined) return { kind: "shutdown", response: unknownProtocol() };

    // The cookie lets a browser come back: its WebSocket cannot send an Authorization header.
    const cookie = `token=${token}; HttpOnly; SameSite=Strict; Max-Age=3600`;
    return { kind: "ok", state: user, protocol, headers: { "set-cookie": cookie } };
  },
  handle: (_frame, user) => ({ kind: "reply", frames: text(`hello ${user}`), state: user }),
};

function readToken(headers: Headers): string {
  const bearer = /^Bearer (\S+)$/i.exec(headers.get("authorization") ?? "");
  const cookie = /(?:^|; )token=([^;]+)/.exec(headers.get("cookie") ?? "");
  return bearer?.[1] ?? cookie?.[1] ?? "";
}

function unauthorized(): Response {
  const headers = { "www-authenticate": "Bearer" };
  return new Response("Send `Authorization: Bearer open-sesame`.\n", { status: 401, headers });
}

function unknownProtocol(): Response {
  return new Response(`Offer a subprotocol: ${PROTOCOLS.join(" or ")}.\n`, { status: 400 });
}

const port = Number(Deno.args[0] ?? 8000);
Deno.serve({ port }, (request) => serveWebsocket(request, greet));
