// A chat room for everyone who opens the page: deno run --allow-net examples/chat.ts [port]

import { Connections, serveWebsocket, text } from "@lariat/websocket";
import type { OutFrame, Self, TerminateReason, WebsocketHandler } from "@lariat/websocket";
import page from "./chat.html" with { type: "text" };

const MAX_NAME = 24;
const MAX_TEXT = 1000;
const MAX_LOG = 50;
const NAMELESS = `Ask for /ws?name=, with 1 to ${MAX_NAME} characters.\n`;
const REFUSED = `A message is an id and a text of 1 to ${MAX_TEXT} characters.`;

type Person = { readonly id: string; readonly name: string };

type Said = {
  readonly kind: "said";
  readonly id: string;
  readonly at: number;
  readonly who: Person;
  readonly text: string;
};

type ChatInfo =
  | Said
  | { readonly kind: "joined"; readonly who: Person }
  | { readonly kind: "left"; readonly who: Person; readonly why: string }
  | { readonly kind: "typing"; readonly who: Person };

type ToPage =
  | ChatInfo
  | { readonly kind: "welcome"; readonly you: Person; readonly people: readonly Person[] }
  | { readonly kind: "refused"; readonly why: string };

type FromPage =
  | { readonly kind: "say"; readonly id: string; readonly text: string }
  | { readonly kind: "typing" };

const connections = new Connections<ChatInfo>({ max: 1000 });
const here = new Map<Self<ChatInfo>, Person>();
const log: Said[] = [];

const chat: WebsocketHandler<Person, ChatInfo> = {
  init: async ({ url, headers }, self) => {
    const name = cleanName(new URL(url).searchParams.get("name") ?? "");
    if (name === "") return { kind: "shutdown", response: new Response(NAMELESS, { status: 400 }) };

    const cookie = readCookie(headers) ?? crypto.randomUUID();
    const you = { id: await toId(cookie, name), name };
    if (!isHere(you)) connections.send({ kind: "joined", who: you });
    here.set(self, you);

    const welcome = { kind: "welcome", you, people: [...here.values()] } as const;
    return {
      kind: "ok",
      state: you,
      frames: [welcome, ...log].map(toFrame),
      headers: { "set-cookie": `chat=${cookie}; HttpOnly; SameSite=Strict; Max-Age=31536000` },
    };
  },

  handle: (frame, you) => {
    const message = frame.kind === "text" ? parse(frame.data) : undefined;
    switch (message?.kind) {
      case "say":
        say({ ...message, kind: "said", at: Date.now(), who: you });
        return { kind: "ok", state: you };
      case "typing":
        connections.send({ kind: "typing", who: you });
        return { kind: "ok", state: you };
      case undefined:
        return { kind: "reply", frames: toFrame({ kind: "refused", why: REFUSED }), state: you };
    }
  },

  info: (news, you, self) => {
    // Who reads slowly can do without this one.
    if (news.kind === "typing" && self.buffered > 65_536) return { kind: "ok", state: you };
    return { kind: "reply", frames: toFrame(news), state: you };
  },

  terminate: (reason, you, self) => {
    here.delete(self);
    if (!isHere(you)) connections.send({ kind: "left", who: you, why: inWords(reason) });
  },
};

// Characters that cannot be seen go, such as those that turn the direction of writing.
function cleanName(name: string): string {
  const clean = name.replace(/\p{C}/gu, "").replace(/\s+/g, " ").trim();
  return clean.length > MAX_NAME ? "" : clean;
}

function readCookie(headers: Headers): string | undefined {
  return /(?:^|; )chat=([\w-]{36})(?:;|$)/.exec(headers.get("cookie") ?? "")?.[1];
}

// The cookie is a secret, its digest is not. One browser under two names is two people.
async function toId(cookie: string, name: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${cookie} ${name}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 8).toHex();
}

// A person is here once, however many tabs are open.
function isHere({ id }: Person): boolean {
  return here.values().some((person) => person.id === id);
}

function toFrame(message: ToPage): OutFrame {
  return text(JSON.stringify(message));
}

function parse(data: string): FromPage | undefined {
  try {
    const { kind, id, text }: Record<string, unknown> = JSON.parse(data);
    if (kind === "typing") return { kind };
    if (kind === "say" && isText(id, 36) && isText(text, MAX_TEXT)) return { kind, id, text };
  } catch {
    // Not JSON: refused as everything else that is no message.
  }
  return undefined;
}

function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && value.length <= max && value.trim() !== "";
}

function say(said: Said): void {
  // After a lost line the page says again what it heard no echo of.
  if (log.some(({ id }) => id === said.id)) return;
  log.push(said);
  if (log.length > MAX_LOG) log.shift();
  connections.send(said);
}

const IN_WORDS: Record<Exclude<TerminateReason, { kind: "remote" }>["cause"], string> = {
  shutdown: "was shown out",
  timeout: "was silent too long",
  drain: "the server is restarting",
  badencoding: "spoke gibberish",
  badframe: "spoke gibberish",
  badsize: "said too much at once",
  closed: "lost the line",
  heartbeat: "stopped answering",
  overflow: "talked too fast",
  slow: "could not keep up",
  crash: "ran into a bug",
};

function inWords(reason: TerminateReason): string {
  if (reason.kind !== "remote") return IN_WORDS[reason.cause];
  return reason.code === 1001 ? "closed the page" : "said good-bye";
}

function servePage(): Response {
  const nonce = crypto.randomUUID();
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; ` +
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'; require-trusted-types-for 'script'";
  return new Response(page.replaceAll("NONCE", nonce), {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy,
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  });
}

const server = Deno.serve({ port: Number(Deno.args[0] ?? 8000) }, (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/") return servePage();
  if (pathname !== "/ws") return new Response("The chat is at /.\n", { status: 404 });
  return serveWebsocket(request, chat, { connections, maxMessageSize: 16_384 });
});

async function stop(): Promise<void> {
  await connections.drain({ code: 1012, reason: "the server is restarting", deadline: 3000 });
  await server.shutdown();
  Deno.exit();
}

Deno.addSignalListener("SIGINT", stop);
if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop);
