// npm install @lariat/websocket  && node http.mjs
// deno add jsr:@lariat/websocket && deno run --allow-net --allow-env http.mjs

import { createServer } from "node:http";
import process from "node:process";
import { serveWebsocket } from "@lariat/websocket/ws";

const echo = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

const server = createServer((_request, response) => response.end("Hello from node:http.\n"));
server.on("upgrade", (request, socket, head) => serveWebsocket(request, socket, head, echo));

server.listen(Number(process.argv[2] ?? 8000), () => {
  process.stdout.write(`Listening on http://localhost:${server.address().port}/\n`);
});
