import { serveWebsocket, type WebsocketHandler } from "@lariat/websocket";

const echo: WebsocketHandler<null> = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

const port = Number(Deno.args[0] ?? 8000);
Deno.serve({ port }, (request) => serveWebsocket(request, echo));
