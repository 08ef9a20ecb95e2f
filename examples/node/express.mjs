// npm install @lariat/websocket express      && node express.mjs
// deno add jsr:@lariat/websocket npm:express && deno run --allow-net --allow-env express.mjs

import process from "node:process";
import express from "express";
import { serveWebsocket } from "@lariat/websocket/ws";

const echo = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

const app = express();
app.get("/", (_request, response) => response.send("Hello from Express.\n"));

const server = app.listen(Number(process.argv[2] ?? 8000), () => {
  process.stdout.write(`Listening on http://localhost:${server.address().port}/\n`);
});
server.on("upgrade", (request, socket, head) => serveWebsocket(request, socket, head, echo));
