import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { respond } from "../_connection/raw_response.ts";
import type { WebsocketHandler } from "../mod.ts";
import { serveWebsocket } from "../ws.ts";
import { handshake, RawClient } from "./_raw_client.ts";
import { serveUpgrades } from "./_transports.ts";

const ECHO: WebsocketHandler<null> = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

/** The whole answer to a handshake, head and body. */
async function ask(headers: Record<string, string | null>, line?: string): Promise<string> {
  await using server = await serveUpgrades((request, socket, head) =>
    serveWebsocket(request, socket, head, ECHO)
  );
  using client = await RawClient.connect(server.port);
  const head = await client.upgrade(headers, line);
  // Without a body the stream ends before one.
  return `${head}\r\n\r\n${await client.readBody(head).catch(() => "")}`;
}

Deno.test("respond() answers HEAD with the length of a body and none", async () => {
  const answer = await ask({}, "HEAD / HTTP/1.1");
  assertStringIncludes(answer, "HTTP/1.1 405 ");
  assert(/content-length: [1-9]/.test(answer));
  assert(answer.endsWith("\r\n\r\n"));
});

Deno.test("respond() answers what is not HTTP/1.1 with 400 and a sentence", async () => {
  const answer = await ask({}, "GET / HTTP/1.0");
  assertStringIncludes(answer, "HTTP/1.1 400 ");
  assertStringIncludes(answer, "Send a valid request of HTTP/1.1.");
});

for (const [name, value] of [["Content-Length", "5"], ["Transfer-Encoding", "chunked"]] as const) {
  Deno.test(`respond() answers an upgrade with a body, by its ${name}, with 400 and a sentence`, async () => {
    const answer = await ask({ [name]: value });
    assertStringIncludes(answer, "HTTP/1.1 400 ");
    assertStringIncludes(answer, "Send no body with the upgrade.");
    assertEquals(answer.includes("101"), false);
  });
}

// In whatever `node:http` drops behind the first thousand there may be an origin.
for (const [count, status] of [[993, 403], [994, 431], [1_200, 431]] as const) {
  Deno.test(`respond() answers a page of another origin with ${status} behind ${count} headers`, async () => {
    const headers = Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`X${index}`, "x"]),
    );
    const answer = await ask({ ...headers, "Origin": "http://evil.example" });
    assertStringIncludes(answer, `HTTP/1.1 ${status} `);
    if (status === 431) assertStringIncludes(answer, "Send fewer than 1000 headers.");
  });
}

Deno.test("respond() sends the headers of the answer, and none that is of another line", async () => {
  await using server = await serveUpgrades((request, socket, head) =>
    serveWebsocket(request, socket, head, {
      ...ECHO,
      init: () => ({
        kind: "shutdown",
        response: new Response("wait", {
          status: 401,
          headers: {
            "Transfer-Encoding": "chunked",
            "Keep-Alive": "timeout=5",
            "X-Name": "caf\xe9",
          },
        }),
      }),
    })
  );
  await using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await conn.write(handshake());
  const bytes = new Uint8Array(await new Response(conn.readable).arrayBuffer());
  const answer = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("").toLowerCase();
  assertStringIncludes(answer, "x-name: caf\xe9\r\n");
  assertStringIncludes(answer, "content-length: 4\r\n");
  assert(answer.endsWith("\r\n\r\nwait"));
  assertEquals(/transfer-encoding|keep-alive/.test(answer), false);
});

Deno.test("respond() lets go of a stream that does not take the answer, whatever stream it is", async () => {
  const stuck = new Duplex({ read() {}, write() {} });
  const closed = new Promise((resolve) => stuck.once("close", resolve));
  const request = { method: "GET" } as IncomingMessage;
  await respond(request, stuck, new Response("no"), 20);
  await closed;
  assert(stuck.destroyed);
});
