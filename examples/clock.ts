// Server push: one timer tells every connection the time.

import { Connections, serveWebsocket, text, type WebsocketHandler } from "@lariat/websocket";

const everyone = new Connections<string>();

const clock: WebsocketHandler<null, string> = {
  init: () => ({ kind: "ok", state: null }),
  handle: (_frame, state) => ({ kind: "ok", state }),
  info: (time, state) => ({ kind: "reply", frames: text(time), state }),
};

setInterval(() => everyone.send(new Date().toISOString()), 1000);

const port = Number(Deno.args[0] ?? 8000);
Deno.serve({ port }, (request) => serveWebsocket(request, clock, { connections: everyone }));
