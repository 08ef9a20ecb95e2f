// `deno test` type-checks this file. A wrong handler that compiles is an unused "@ts-expect-error", a right one that
// does not is an error: either fails the run.

import { assertEquals } from "@std/assert";
import { type ControlFrame, type OutFrame, ping, serveWebsocket, text } from "../mod.ts";
import type { HandleResult, InitResult, Self, TerminateReason, WebsocketHandler } from "../mod.ts";
import { connect } from "../testing.ts";

type Count = { readonly count: number };
type Handler = WebsocketHandler<Count, string>;
type WideHandler = WebsocketHandler<Count, string, OutFrame | ControlFrame>;

const PLAIN = new Request("http://localhost/");

const OK = {
  init: () => ({ kind: "ok", state: { count: 12 } }),
  handle: (_frame, state) => ({ kind: "ok", state }),
} satisfies WebsocketHandler<Count>;

Deno.test("WebsocketHandler infers the state of connect() from the literal", async () => {
  const client = await connect({
    init: () => ({ kind: "ok", state: { count: 1 } }),
    handle: (_frame, state) => {
      const { count }: { count: number } = state;
      // @ts-expect-error -- the state has no such field
      void state.missing;
      return { kind: "reply", frames: text(count.toFixed(1)), state: { count: count + 1 } };
    },
  });
  client.send(text(""));
  client.send(text(""));
  assertEquals([await client.receive(), await client.receive()], [text("1.0"), text("2.0")]);
});

Deno.test("WebsocketHandler infers the state of an init that looks at its request and is async", async () => {
  const client = await connect({
    init: async (request, self) => {
      await Promise.resolve();
      return { kind: "ok", state: { url: request.url, self } };
    },
    handle: (_frame, state) => ({ kind: "reply", frames: text(state.url.slice(0, 4)), state }),
    terminate: (_reason, { url, self }): void => void [url.length, self.buffered.toFixed()],
  });
  client.send(text(""));
  assertEquals(await client.receive(), text("http"));
});

Deno.test("WebsocketHandler infers the state of serveWebsocket() from the literal", async () => {
  const response = await serveWebsocket(PLAIN, {
    init: () => ({ kind: "ok", state: { count: 1 } }),
    handle: (_frame, state) => {
      // @ts-expect-error -- the state has no such field
      void state.missing;
      return { kind: "ok", state: { count: state.count + 1 } };
    },
  });
  assertEquals(response.status, 426);
});

Deno.test("WebsocketHandler infers the infos from the parameter of info", async () => {
  const client = await connect({
    init: () => ({ kind: "ok", state: null }),
    handle: (_frame, state) => ({ kind: "ok", state }),
    info: (news: { readonly id: number }, state, self) => {
      const address: Self<{ readonly id: number }> = self;
      return { kind: "reply", frames: text(`${news.id} ${address === self}`), state };
    },
  });
  assertEquals(client.self.send({ id: 5 }), true);
  // @ts-expect-error -- not the info of this handler
  const misuse = () => client.self.send("news");
  assertEquals([await client.receive(), misuse.length], [text("5 true"), 0]);
});

Deno.test("WebsocketHandler without an Info type has no infos to send or to read", async () => {
  const handler: WebsocketHandler<Count> = {
    ...OK,
    // @ts-expect-error -- the info is never
    info: (news, state) => ({ kind: "reply", frames: text(news.name), state }),
  };
  const client = await connect(handler);
  // @ts-expect-error -- nothing can be sent
  assertEquals(client.self.send({ name: "news" }), true);
  assertEquals(await client.receive(), text("news"));
});

Deno.test("WebsocketHandler accepts every result of every callback", () => {
  const frame = text("x");
  const inits: InitResult<Count>[] = [
    { kind: "ok", state: { count: 1 } },
    { kind: "ok", state: { count: 1 }, frames: frame, timeout: 5, hibernate: true },
    { kind: "ok", state: { count: 1 }, frames: [frame], protocol: "a", headers: [["a", "b"]] },
    { kind: "shutdown" },
    { kind: "shutdown", response: new Response() },
  ];
  const results: HandleResult<Count>[] = [
    { kind: "ok", state: { count: 1 } },
    { kind: "ok", state: { count: 1 }, timeout: Infinity, hibernate: true },
    { kind: "reply", state: { count: 1 }, frames: frame },
    { kind: "reply", state: { count: 1 }, frames: [], timeout: 5, hibernate: false },
    { kind: "shutdown", state: { count: 1 } },
  ];
  assertEquals(kindsOf([...inits, ...results]), ["ok", "shutdown", "reply"]);
});

Deno.test("WebsocketHandler rejects results that are none", () => {
  const state = { count: 1 };
  const frames = text("x");
  // @ts-expect-error -- no such kind
  const unknownKind: HandleResult<Count> = { kind: "close", state };
  // @ts-expect-error -- a state is missing
  const noState: HandleResult<Count> = { kind: "ok" };
  // @ts-expect-error -- a reply without frames
  const noFrames: HandleResult<Count> = { kind: "reply", state };
  // @ts-expect-error -- shutdown hands a state on
  const noLastState: HandleResult<Count> = { kind: "shutdown" };
  // @ts-expect-error -- init does not reply
  const replyOfInit: InitResult<Count> = { kind: "reply", state, frames };
  // @ts-expect-error -- handle answers no request
  const response: HandleResult<Count> = { kind: "shutdown", state, response: new Response() };
  // @ts-expect-error -- a timeout is a number
  const timeout: HandleResult<Count> = { kind: "ok", state, timeout: "5" };
  // @ts-expect-error -- left out, not undefined
  const noTimeout: HandleResult<Count> = { kind: "ok", state, timeout: undefined };
  // @ts-expect-error -- no string is a frame
  const string: HandleResult<Count> = { kind: "reply", state, frames: "x" };
  const handles = [
    unknownKind,
    noState,
    noFrames,
    noLastState,
    response,
    timeout,
    noTimeout,
    string,
  ];
  assertEquals(kindsOf([...handles, replyOfInit]), ["close", "ok", "reply", "shutdown"]);
});

Deno.test("WebsocketHandler rejects callbacks with a wrong result or none", () => {
  const handlers: Handler[] = [
    // @ts-expect-error -- no such kind
    { ...OK, handle: (_frame, state) => ({ kind: "stop", state }) },
    // @ts-expect-error -- a state is missing
    { ...OK, handle: () => ({ kind: "ok" }) },
    // @ts-expect-error -- the state of another type
    { ...OK, handle: (frame) => ({ kind: "reply", frames: frame, state: { count: "1" } }) },
    // @ts-expect-error -- the same in a promise
    { ...OK, handle: () => Promise.resolve({ kind: "ok", state: 5 } as const) },
    // @ts-expect-error -- no result at all
    { ...OK, handle: () => {} },
    // @ts-expect-error -- the state of another type
    { ...OK, info: () => ({ kind: "ok", state: 5 }) },
    // @ts-expect-error -- the state of another type
    { ...OK, init: () => ({ kind: "ok", state: 5 }) },
    // @ts-expect-error -- an answer that is no Response
    { ...OK, init: () => ({ kind: "shutdown", response: "no" }) },
    // @ts-expect-error -- a handler must have handle
    { init: OK.init },
    // @ts-expect-error -- and init
    { handle: OK.handle },
  ];
  assertEquals(handlers.length, 10);
});

Deno.test("WebsocketHandler rejects callbacks that take what they do not get, methods too", () => {
  type More = Count & { readonly more: string };
  const handlers: Handler[] = [
    // @ts-expect-error -- the state has less
    { ...OK, handle: (_frame, state: More) => ({ kind: "ok", state }) },
    {
      ...OK,
      // @ts-expect-error -- the state has less, and method shorthand does not hide it
      handle(_frame, state: More) {
        return { kind: "ok", state };
      },
    },
    {
      ...OK,
      // @ts-expect-error -- the infos are strings
      info(_info: number, state) {
        return { kind: "ok", state };
      },
    },
    // @ts-expect-error -- the same for the last callback
    { ...OK, terminate(_reason, _state: More) {} },
    // @ts-expect-error -- there are more reasons
    { ...OK, terminate: (_reason: TerminateReason & { kind: "normal" }) => {} },
    // @ts-expect-error -- binary frames come too
    { ...OK, handle: (frame: { kind: "text" }, state) => ({ kind: "ok", state, frame }) },
  ];
  assertEquals(handlers.length, 6);
});

Deno.test("WebsocketHandler does not let a handler of Deno.serve send a ping or a pong", async () => {
  const handler: WebsocketHandler<Count> = {
    ...OK,
    // @ts-expect-error -- Deno.serve sends no pings
    handle: (_frame, state) => ({ kind: "reply", frames: ping(), state }),
  };
  const client = await connect(handler, { onError: () => {} });
  client.send(text(""));
  const { kind } = await client.terminated;
  assertEquals(kind, "error");
});

Deno.test("WebsocketHandler of a transport with pings takes ours, not the other way round", () => {
  const ours: Handler = OK;
  const theirs: WideHandler = {
    ...OK,
    handle: (_frame, state) => ({ kind: "reply", frames: [text("x"), ping()], state }),
  };
  const wide: WideHandler = ours;
  // @ts-expect-error -- it may send a ping
  const narrow: Handler = theirs;
  assertEquals([wide, narrow], [ours, theirs]);
});

Deno.test("TerminateReason tells its arms apart by kind, then by cause", () => {
  const inWords = (reason: TerminateReason): string => {
    switch (reason.kind) {
      case "normal":
        // @ts-expect-error -- only the client gives a code
        return reason.cause + (reason.code ?? "");
      case "remote":
        return `${reason.code.toFixed()} ${reason.reason.trim()}`;
      case "error":
        // @ts-expect-error -- only a crash has an error
        return reason.cause === "crash" ? String(reason.error) : String(reason.error ?? "");
    }
  };
  assertEquals(inWords({ kind: "normal", cause: "drain" }), "drain");
  assertEquals(inWords({ kind: "remote", code: 1000, reason: "bye" }), "1000 bye");
  assertEquals(inWords({ kind: "error", cause: "crash", error: 5 }), "5");
});

function kindsOf(results: readonly { readonly kind: string }[]): string[] {
  return [...new Set(results.map(({ kind }) => kind))];
}
