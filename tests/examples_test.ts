import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { kill, listen } from "./_program.ts";
import { closeFrame, codeOf, handshake, OPCODE, RawClient } from "./_raw_client.ts";

const ROOT = new URL("../", import.meta.url);
const PATIENCE = 10_000;
const LISTENING_REGEXP = /^Listening on http:\/\/[^\s:]+:(\d+)\//m;

const TOKEN = { authorization: "Bearer open-sesame" };

const isWindows = Deno.build.os === "windows";

Deno.test("examples/echo.ts sends back text and binary", async () => {
  await using example = run("examples/echo.ts");
  await using client = await open(await example.port);
  client.send("hello ☕");
  assertEquals(await client.receive(), "hello ☕");
  client.send(new Uint8Array([0, 255, 7]));
  assertEquals(await client.receive(), new Uint8Array([0, 255, 7]));
});

Deno.test("examples/echo.ts answers a plain GET with 426", async () => {
  await using example = run("examples/echo.ts");
  const response = await get(await example.port);
  assertEquals(response.status, 426);
  assertEquals(response.headers.get("upgrade"), "websocket");
  assert((await response.text()).trim() !== "");
});

Deno.test("examples/clock.ts tells everyone the time", async () => {
  await using example = run("examples/clock.ts");
  const port = await example.port;
  await using one = await open(port);
  await using other = await open(port);
  for (const client of [one, other]) {
    const time = String(await within("the time", client.receive(), 3_000));
    assertEquals(time, new Date(time).toISOString());
    assertLess(Math.abs(Date.now() - Date.parse(time)), 3_000);
  }
});

Deno.test("examples/auth.ts refuses who has no token", async () => {
  await using example = run("examples/auth.ts");
  const { head, body } = await refusal(await example.port, {
    "sec-websocket-protocol": "greet.v1",
  });
  assertMatch(head, /^HTTP\/1\.1 401 /);
  assertMatch(head, /^www-authenticate: Bearer$/im);
  assertEquals(body, "Send `Authorization: Bearer open-sesame`.\n");
});

Deno.test("examples/auth.ts refuses who offers no known subprotocol", async () => {
  await using example = run("examples/auth.ts");
  for (const offer of [null, "greet.v3"]) {
    const headers = { ...TOKEN, "sec-websocket-protocol": offer };
    const { head, body } = await refusal(await example.port, headers);
    assertMatch(head, /^HTTP\/1\.1 400 /);
    assertEquals(body, "Offer a subprotocol: greet.v2 or greet.v1.\n");
  }
});

Deno.test("examples/auth.ts gives a cookie that is enough the next time", async () => {
  await using example = run("examples/auth.ts");
  const port = await example.port;
  const cookie = await cookieFor(port);
  await using client = await open(port, "/", { protocols: ["greet.v1"], headers: { cookie } });
  assertEquals(client.protocol, "greet.v1");
  client.send("anything");
  assertEquals(await client.receive(), "hello Ali Baba");
});

async function cookieFor(port: number): Promise<string> {
  using client = await RawClient.connect(port);
  const headers = { ...TOKEN, "sec-websocket-protocol": "greet.v1, greet.v2" };
  const head = await within("the 101", client.upgrade(headers));
  assertMatch(head, /^HTTP\/1\.1 101 /);
  assertMatch(head, /^sec-websocket-protocol: greet\.v2$/im);
  const [, cookie = "", attributes = ""] = /^set-cookie: ([^;]+); (.+)$/im.exec(head) ?? [];
  assertStringIncludes(attributes, "HttpOnly; SameSite=Strict");
  return cookie;
}

Deno.test("examples/chat.ts serves a page that runs nothing but its own script", async () => {
  await using example = run("examples/chat.ts");
  const response = await get(await example.port);
  const page = await response.text();
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/html; charset=utf-8");
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  const policy = response.headers.get("content-security-policy") ?? "";
  assertStringIncludes(policy, "default-src 'none'");
  const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1];
  assertStringIncludes(page, `<script type="module" nonce="${nonce}">`);
  assertStringIncludes(page, `<style nonce="${nonce}">`);
});

Deno.test("examples/chat.ts gives each answer a nonce of its own", async () => {
  await using example = run("examples/chat.ts");
  const port = await example.port;
  const [one, other] = [await get(port), await get(port)];
  await Promise.all([one.body?.cancel(), other.body?.cancel()]);
  const header = "content-security-policy";
  assert(one.headers.get(header) !== other.headers.get(header));
});

Deno.test("examples/chat.ts answers 404 beside its page", async () => {
  await using example = run("examples/chat.ts");
  const response = await get(await example.port, "/nothing");
  await response.body?.cancel();
  assertEquals(response.status, 404);
});

Deno.test("examples/chat.ts lets two people talk", async () => {
  await using example = run("examples/chat.ts");
  const port = await example.port;
  await using ada = await enter(port, "Ada");
  assertEquals(await lines(ada, 2), ["welcome Ada: Ada", "joined Ada"]);
  await using bob = await enter(port, "Bob");
  assertEquals(await lines(bob, 2), ["welcome Bob: Ada, Bob", "joined Bob"]);
  assertEquals(await lines(ada, 1), ["joined Bob"]);

  say(ada, "1", "Hello Bob");
  for (const client of [ada, bob]) assertEquals(await lines(client, 1), ["Ada: Hello Bob"]);
  bob.send(JSON.stringify({ kind: "typing" }));
  say(bob, "2", "Hello Ada");
  for (const client of [ada, bob]) {
    assertEquals(await lines(client, 2), ["typing Bob", "Bob: Hello Ada"]);
  }
});

Deno.test("examples/chat.ts says once what a page says twice", async () => {
  await using example = run("examples/chat.ts");
  await using ada = await enter(await example.port, "Ada");
  await lines(ada, 2);
  say(ada, "1", "one");
  say(ada, "1", "one");
  say(ada, "2", "two");
  assertEquals(await lines(ada, 2), ["Ada: one", "Ada: two"]);
});

Deno.test("examples/chat.ts tells a latecomer what was said", async () => {
  await using example = run("examples/chat.ts");
  const port = await example.port;
  await using ada = await enter(port, "Ada");
  await lines(ada, 2);
  say(ada, "1", "one");
  say(ada, "2", "two");
  await lines(ada, 2);
  await using bob = await enter(port, "Bob");
  const heard = ["welcome Bob: Ada, Bob", "Ada: one", "Ada: two", "joined Bob"];
  assertEquals(await lines(bob, 4), heard);
});

Deno.test("examples/chat.ts says in words why someone left", async () => {
  const ends: Record<string, (client: RawClient) => unknown> = {
    "closed the page": (client) => client.write(closeFrame(1001)),
    "said good-bye": (client) => client.write(closeFrame(1000)),
    "lost the line": (client) => client.end(),
  };
  await using example = run("examples/chat.ts");
  const port = await example.port;
  await using ada = await enter(port, "Ada");
  await lines(ada, 2);
  for (const [why, end] of Object.entries(ends)) {
    using bob = await RawClient.connect(port);
    assertMatch(await within("the 101", bob.upgrade({}, lineFor("Bob"))), /^HTTP\/1\.1 101 /);
    await end(bob);
    assertEquals(await lines(ada, 2), ["joined Bob", `left Bob (${why})`]);
  }
});

Deno.test("examples/chat.ts refuses what is no message, and goes on", async () => {
  await using example = run("examples/chat.ts");
  await using ada = await enter(await example.port, "Ada");
  await lines(ada, 2);
  const garbage = ["", "{", "null", '{"kind":"said"}', '{"kind":"say","id":"1","text":" "}'];
  for (const message of [...garbage, new Uint8Array([1, 2, 3])]) {
    ada.send(message);
    assertMatch((await lines(ada, 1)).join(), /^refused: A message is /);
  }
  say(ada, "1", "still here");
  assertEquals(await lines(ada, 1), ["Ada: still here"]);
});

Deno.test("examples/chat.ts refuses who has no name", async () => {
  await using example = run("examples/chat.ts");
  for (const name of ["", " ", "x".repeat(25)]) {
    const { head, body } = await refusal(await example.port, {}, lineFor(name));
    assertMatch(head, /^HTTP\/1\.1 400 /);
    assertEquals(body, "Ask for /ws?name=, with 1 to 24 characters.\n");
  }
});

Deno.test({
  name: "examples/chat.ts sends everyone off with 1012 at SIGTERM",
  ignore: isWindows,
  async fn() {
    await using example = run("examples/chat.ts");
    const port = await example.port;
    await using ada = await enter(port, "Ada");
    await using bob = await enter(port, "Bob");
    await lines(ada, 3);
    await lines(bob, 2);
    const exit = example.terminate();
    for (const { closed } of [ada, bob]) {
      const { code, reason } = await within("the close frame", closed);
      assertEquals([code, reason], [1012, "the server is restarting"]);
    }
    assertEquals(await exit, 0);
  },
});

Deno.test("README.md begins with examples/echo.ts, word for word", async () => {
  const [first] = await readmeBlocks();
  assertEquals(first, await Deno.readTextFile(new URL("examples/echo.ts", ROOT)));
});

Deno.test({
  name: "README.md says how to end a server at SIGTERM",
  ignore: isWindows,
  async fn() {
    const block = (await readmeBlocks()).find((code) => code.includes(`("SIGTERM", `));
    assert(block !== undefined);
    await using file = await temporary(toProgram(block));
    await check(file.path);
    await using program = run(file.path, { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0" });
    using client = await RawClient.open(await program.port);
    const exit = program.terminate();
    const last = (await within("the close frame", client.readUntilClose())).at(-1);
    assert(last?.opcode === OPCODE.close);
    assertEquals(codeOf(last), 1001);
    await client.write(closeFrame(1001));
    assertEquals(await exit, 0);
  },
});

async function readmeBlocks(): Promise<string[]> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  return [...readme.matchAll(/^```ts\b.*\n([^]*?)^```$/gm)].map(([, code = ""]) => code);
}

function toProgram(block: string): string {
  return `import { Connections, serveWebsocket, type WebsocketHandler } from "${ROOT}mod.ts";
    const echo: WebsocketHandler<null> = {
      init: () => ({ kind: "ok", state: null }),
      handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
    };
    ${block}`;
}

async function temporary(code: string): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/program.ts`;
  await Deno.writeTextFile(path, code);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

async function check(path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", path],
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000),
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** A program that listens, in a process of its own. */
interface Program extends AsyncDisposable {
  readonly port: Promise<number>;
  /** Sends SIGTERM and resolves to the exit code. */
  terminate(): Promise<number>;
}

function run(script: string, env: Record<string, string> = {}): Program {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", script, "0"],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const { promise: port, resolve, reject } = Promise.withResolvers<number>();
  const end = listen(child.stderr, LISTENING_REGEXP, (port) => resolve(Number(port))).then(
    (said) => {
      reject(new Error(`Ended before it listened: ${script}\n${said}`));
    },
  );
  return {
    port: within(`${script} to listen`, port),
    terminate() {
      child.kill("SIGTERM");
      return within("the exit", child.status.then(({ code }) => code), 5_000);
    },
    async [Symbol.asyncDispose]() {
      kill(child);
      await child.status;
      await end;
    },
  };
}

/** Deno's own WebSocket client, with its messages one by one. */
interface Client extends AsyncDisposable {
  readonly protocol: string;
  readonly closed: Promise<CloseEvent>;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  receive(): Promise<string | Uint8Array>;
}

async function open(port: number, path = "/", options: WebSocketOptions = {}): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  socket.binaryType = "arraybuffer";
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  const messages = new ReadableStream<string | ArrayBuffer>({
    start(controller) {
      socket.onmessage = ({ data }) => controller.enqueue(data);
      closed.then(() => controller.close());
    },
  }).getReader();
  await within("the 101", opened(socket));
  return {
    protocol: socket.protocol,
    closed,
    send: (data) => socket.send(data),
    async receive() {
      const { value } = await within("a message", messages.read());
      if (value === undefined) throw new Error("Closed without a message");
      return typeof value === "string" ? value : new Uint8Array(value);
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await within("the end of the connection", closed);
    },
  };
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`Not upgraded: ${socket.url}`));
  });
}

function get(port: number, path = "/"): Promise<Response> {
  return within("the answer", fetch(`http://127.0.0.1:${port}${path}`));
}

/** The answer to a handshake that is refused. */
async function refusal(
  port: number,
  headers: Record<string, string | null>,
  line?: string,
): Promise<{ head: string; body: string }> {
  using client = await RawClient.connect(port);
  await client.write(handshake(headers, line));
  return await within("the refusal", readAnswer(client.conn));
}

async function readAnswer({ readable }: Deno.TcpConn): Promise<{ head: string; body: string }> {
  let answer = "";
  for await (const chunk of readable.pipeThrough(new TextDecoderStream())) {
    answer += chunk;
    const [head = "", body] = answer.split("\r\n\r\n");
    const length = /^content-length: (\d+)$/im.exec(head)?.[1];
    if (body !== undefined && body.length === Number(length)) return { head, body };
  }
  throw new Error(`Not a whole answer: ${answer}`);
}

function lineFor(name: string): string {
  return `GET /ws?name=${encodeURIComponent(name)} HTTP/1.1`;
}

function enter(port: number, name: string): Promise<Client> {
  return open(port, `/ws?name=${encodeURIComponent(name)}`);
}

function say(client: Client, id: string, text: string): void {
  client.send(JSON.stringify({ kind: "say", id, text }));
}

/** What the chat sends next, as a reader of its page would see it. */
async function lines(client: Client, count: number): Promise<string[]> {
  const all: string[] = [];
  while (all.length < count) all.push(toLine(JSON.parse(String(await client.receive()))));
  return all;
}

type Person = { readonly name: string };

type ChatMessage =
  | { readonly kind: "welcome"; readonly you: Person; readonly people: readonly Person[] }
  | { readonly kind: "joined" | "typing"; readonly who: Person }
  | { readonly kind: "said"; readonly who: Person; readonly text: string }
  | { readonly kind: "left"; readonly who: Person; readonly why: string }
  | { readonly kind: "refused"; readonly why: string };

function toLine(message: ChatMessage): string {
  switch (message.kind) {
    case "welcome":
      return `welcome ${message.you.name}: ${message.people.map(({ name }) => name).join(", ")}`;
    case "joined":
    case "typing":
      return `${message.kind} ${message.who.name}`;
    case "said":
      return `${message.who.name}: ${message.text}`;
    case "left":
      return `left ${message.who.name} (${message.why})`;
    case "refused":
      return `refused: ${message.why}`;
  }
}

async function within<T>(what: string, promise: Promise<T>, patience = PATIENCE): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const error = new Error(`Still waiting for ${what} after ${patience} ms`);
  const timer = setTimeout(reject, patience, error);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
