// A chat room for everyone who opens the page: deno run --allow-net examples/chat.ts [port]

import { close, Connections, serveWebsocket, text } from "@lariat/websocket";
import type { HandleResult, InFrame, TerminateReason, WebsocketHandler } from "@lariat/websocket";
import page from "./chat.html" with { type: "text" };

const MAX_NAME = 24;
const MAX_TEXT = 1000;
const MAX_LOG = 50;

type Person = { readonly id: string; readonly name: string };

type FromPage =
  | { readonly kind: "say"; readonly id: string; readonly text: string }
  | { readonly kind: "typing" };

type Said = {
  readonly kind: "said";
  readonly id: string;
  readonly at: number;
  readonly who: Person;
  readonly text: string;
};

type ChatInfo =
  | Said
  | { readonly kind: "joined"; readonly at: number; readonly who: Person }
  | { readonly kind: "left"; readonly at: number; readonly who: Person; readonly why: string }
  | { readonly kind: "typing"; readonly who: Person };

type ToPage =
  | ChatInfo
  | { readonly kind: "welcome"; readonly you: Person; readonly people: readonly Person[] }
  | { readonly kind: "refused"; readonly why: string };

const everyone = new Connections<ChatInfo>({ max: 1000 });
const here = new Map<object, Person>();
const log: Said[] = [];

const chat: WebsocketHandler<Person, ChatInfo> = {
  init: async ({ url, headers }, self) => {
    const name = cleanName(new URL(url).searchParams.get("name") ?? "");
    if (name === "") return { kind: "shutdown", response: nameless() };

    const cookie = readCookie(headers) ?? crypto.randomUUID();
    const you = { id: await personId(cookie, name), name };
    if (!isHere(you)) everyone.send({ kind: "joined", at: Date.now(), who: you });
    here.set(self, you);

    const frames = [toFrame({ kind: "welcome", you, people: [...here.values()] })];
    return {
      kind: "ok",
      state: you,
      frames: frames.concat(log.map(toFrame)),
      headers: { "set-cookie": `chat=${cookie}; HttpOnly; SameSite=Strict; Max-Age=31536000` },
    };
  },

  handle: (frame, you) => {
    if (frame.kind === "binary") {
      return { kind: "reply", frames: close(1003, "this chat reads text only"), state: you };
    }
    const message = parse(frame.data);
    if (message !== undefined) return answer(message, you);
    const why = `A message is 1 to ${MAX_TEXT} characters of text, with an id.`;
    return { kind: "reply", frames: toFrame({ kind: "refused", why }), state: you };
  },

  info: (news, you, self) => {
    // Whoever reads slowly can do without this.
    if (news.kind === "typing" && self.buffered > 65_536) return { kind: "ok", state: you };
    return { kind: "reply", frames: toFrame(news), state: you };
  },

  terminate: (reason, you, self) => {
    here.delete(self);
    if (isHere(you)) return;
    everyone.send({ kind: "left", at: Date.now(), who: you, why: inWords(reason) });
  },
};

function cleanName(name: string): string {
  // Control characters and text direction marks go; the joiner that holds an emoji together stays.
  const visible = name.replace(/[^\P{C}\u200d]/gu, "").replace(/\s+/g, " ").trim();
  return visible.length > MAX_NAME ? "" : visible;
}

function nameless(): Response {
  return new Response(`Ask for /ws?name=, with 1 to ${MAX_NAME} characters.\n`, { status: 400 });
}

function readCookie(headers: Headers): string | undefined {
  return /(?:^|; )chat=([\w-]{36})(?:;|$)/.exec(headers.get("cookie") ?? "")?.[1];
}

// The cookie is a secret, its digest is not. Under two names one browser is two people.
async function personId(cookie: string, name: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${cookie} ${name}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 8).toHex();
}

function isHere({ id }: Person): boolean {
  return here.values().some((person) => person.id === id);
}

function toFrame(message: ToPage): InFrame {
  return text(JSON.stringify(message));
}

function parse(data: string): FromPage | undefined {
  const { kind, id, text } = toRecord(data);
  if (kind === "typing") return { kind };
  if (kind === "say" && isText(id, 36) && isText(text, MAX_TEXT)) {
    return { kind, id, text: text.trim() };
  }
  return undefined;
}

function toRecord(data: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(data));
  } catch {
    return {};
  }
}

function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && value.length <= max && value.trim() !== "";
}

function answer(message: FromPage, you: Person): HandleResult<Person> {
  switch (message.kind) {
    case "say":
      say({ kind: "said", id: message.id, at: Date.now(), who: you, text: message.text });
      return { kind: "ok", state: you };
    case "typing":
      everyone.send({ kind: "typing", who: you });
      return { kind: "ok", state: you };
  }
}

function say(said: Said): void {
  // After a lost line the page sends again what it saw no echo of.
  if (log.some(({ id }) => id === said.id)) return;
  log.push(said);
  if (log.length > MAX_LOG) log.shift();
  everyone.send(said);
}

function inWords(reason: TerminateReason): string {
  switch (reason.kind) {
    case "normal":
      return { shutdown: "was shown out", timeout: "was silent too long", drain: "server restarting" }[reason.cause];
    case "remote":
      return reason.code === 1001 ? "closed the page" : "said good-bye";
    case "error":
      return ERRORS[reason.cause];
  }
}

function servePage(): Response {
  const nonce = crypto.randomUUID();
  return new Response(page.replaceAll("NONCE", nonce), {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": [
        "default-src 'none'",
        `script-src 'nonce-${nonce}'`,
        `style-src 'nonce-${nonce}'`,
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ].join("; "),
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  });
}

const server = Deno.serve({ port: Number(Deno.args[0] ?? 8000) }, (request) => {
  switch (new URL(request.url).pathname) {
    case "/":
      return servePage();
    case "/ws":
      return serveWebsocket(request, chat, { connections: everyone, maxMessageSize: 16_384 });
    default:
      return new Response("The chat is at /.\n", { status: 404 });
  }
});

async function stop(): Promise<void> {
  await everyone.drain({ code: 1012, reason: "the server is restarting" });
  await server.shutdown();
  Deno.exit();
}

Deno.addSignalListener("SIGINT", stop);
if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop);
