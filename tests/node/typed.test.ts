// What a user on Node does with the package, in TypeScript. tests/npm_package_test.ts compiles and runs it there.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { serveWebsocket as serveOnDeno, type TerminateReason } from "@lariat/websocket";
import { binary, type ControlFrame, type InFrame, ping, text } from "@lariat/websocket/frame";
import type { HandleResult, WebsocketHandler } from "@lariat/websocket/handler";
import { connect, type TestClient } from "@lariat/websocket/testing";
import {
  Connections,
  type DrainResult,
  serveWebsocket,
  type ServeWsOptions,
  type WsHandler,
} from "@lariat/websocket/ws";
// @ts-types="@types/ws"
import { type RawData, WebSocket } from "ws";

interface State {
  readonly room: string;
  readonly count: number;
}

type News = { readonly kind: "news"; readonly line: string };

const room: WebsocketHandler<State, News> = {
  init: ({ url }) => ({ kind: "ok", state: { room: new URL(url).pathname, count: 0 } }),
  handle: (frame, state) => reply(frame, { ...state, count: state.count + 1 }),
  info: ({ line }, state) => ({ kind: "reply", frames: text(line), state }),
};

function reply(frame: InFrame, state: State): HandleResult<State> {
  switch (frame.kind) {
    case "text":
      return { kind: "reply", frames: text(`${state.room} ${state.count} ${frame.data}`), state };
    case "binary":
      return { kind: "reply", frames: [binary(frame.data), text("bytes")], state };
  }
}

const onWs: WsHandler<State, News> = {
  ...room,
  control: ({ kind }: ControlFrame, state) => ({
    kind: "reply",
    frames: [text(kind), ping()],
    state,
  }),
};

/** What must not compile: it is never called. */
export function wrong(connections: Connections<News>): unknown {
  // @ts-expect-error: Deno sends no pings.
  const pings: WebsocketHandler<null> = { ...silent, handle: () => answer(ping()) };
  // @ts-expect-error: a handler has to answer.
  const mute: WsHandler<null> = { ...silent, handle: () => {} };
  // @ts-expect-error: its infos are objects.
  connections.send("news");
  // @ts-expect-error: there is no such option.
  const options: ServeWsOptions = { compression: true };
  // @ts-expect-error: a request of node:http comes with its socket.
  serveWebsocket(new Request("http://localhost/"), silent);
  return [pings, mute, options, serveOnDeno(new Request("http://localhost/"), silent)];
}

const silent: WebsocketHandler<null> = {
  init: () => ({ kind: "ok", state: null }),
  handle: (_frame, state) => ({ kind: "ok", state }),
};

function answer<Frame>(frames: Frame): { kind: "reply"; frames: Frame; state: null } {
  return { kind: "reply", frames, state: null };
}

test("a typed handler runs in memory", async () => {
  const client: TestClient<News> = await connect(room, {
    url: "http://localhost/tea",
    headers: { cookie: "a=b" },
  });
  client.send(text("hi"));
  assert.deepEqual(await client.receive(), text("/tea 1 hi"));
  client.self.send({ kind: "news", line: "the water boils" });
  assert.deepEqual(await client.receive(), text("the water boils"));
  client.drop();
  const reason: TerminateReason = await client.terminated;
  assert.deepEqual(reason, { kind: "error", cause: "closed" });
});

test("a typed handler runs over node:http", async () => {
  const connections = new Connections<News>();
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    serveWebsocket(request, socket, head, onWs, { connections, compress: true, origin: "any" });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}/tea`);
  const closed = once(client, "close");
  const said: string[] = [];
  client.on("message", (data: RawData) => said.push(data.toString()));
  await once(client, "open");
  client.send("hi");
  client.ping();
  await once(client, "ping");
  for (const self of connections) self.send({ kind: "news", line: "the water boils" });
  while (said.length < 3) await once(client, "message");
  assert.deepEqual(said, ["/tea 1 hi", "ping", "the water boils"]);

  const result: DrainResult = await connections.drain({ code: 1012 });
  assert.deepEqual(result, { drained: 1, abandoned: 0 });
  assert.equal((await closed)[0], 1012);
  server.close();
  await once(server, "close");
});
