// npm install @lariat/websocket fastify      && node fastify.mjs
// deno add jsr:@lariat/websocket npm:fastify && deno run --allow-net --allow-env fastify.mjs

import process from "node:process";
import fastify from "fastify";
import { serveWebsocket } from "@lariat/websocket/ws";

const echo = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

const app = fastify();
app.get("/", () => "Hello from Fastify.\n");
app.server.on("upgrade", (request, socket, head) => serveWebsocket(request, socket, head, echo));

await app.listen({ port: Number(process.argv[2] ?? 8000) });
process.stdout.write(`Listening on http://localhost:${app.server.address().port}/\n`);
