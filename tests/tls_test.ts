// The same handlers over TLS (`wss:`), with both transports: what a record of TLS carries is not what a frame is.
// The certificate is for "localhost", signs itself, ends in 2126, and is trusted by nothing but these tests.

import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import {
  serveWebsocket,
  type ServeWebsocketOptions,
  type TerminateReason,
  type UpgradeRequest,
  type WebsocketHandler,
} from "../mod.ts";
import { serveWebsocket as serveWs } from "../ws.ts";
import TLS from "./node/certificate.json" with { type: "json" };
import { closeFrame, frame, join, OPCODE, RawClient, textOf } from "./_raw_client.ts";
import { CLOSED, OVERFLOW, remote, SLOW } from "./_reasons.ts";
import { milliseconds, serveRaw, type TestServer } from "./_server.ts";
import { type Served, serveUpgrades, type TransportName } from "./_transports.ts";

const MIB = 2 ** 20;

type Serve = (
  handler: WebsocketHandler<null>,
  options: ServeWebsocketOptions,
) => TestServer | Promise<Served>;

const SERVERS: Readonly<Record<TransportName, Serve>> = {
  deno: (handler, options) => serveRaw((request) => serveWebsocket(request, handler, options), TLS),
  ws: (handler, options) =>
    serveUpgrades((...upgrade) => serveWs(...upgrade, handler, options), createServer(TLS)),
};

/** What a handler has seen. */
class Witness {
  readonly #ended = Promise.withResolvers<TerminateReason>();
  request: UpgradeRequest | undefined;
  readonly ended: Promise<TerminateReason> = this.#ended.promise;

  /** A handler that echoes, each time after so many milliseconds. */
  echo(pause: number = 0): WebsocketHandler<null> {
    return {
      init: (request) => {
        this.request = request;
        return { kind: "ok", state: null };
      },
      handle: async (frames, state) => {
        if (pause > 0) await milliseconds(pause);
        return { kind: "reply", frames, state };
      },
      terminate: this.#ended.resolve,
    };
  }
}

async function connect(port: number): Promise<RawClient<Deno.TlsConn>> {
  return new RawClient(
    await Deno.connectTls({ hostname: "localhost", port, caCerts: [TLS.cert] }),
  );
}

async function open(port: number): Promise<RawClient<Deno.TlsConn>> {
  const client = await connect(port);
  assertStringIncludes(await client.upgrade(), "HTTP/1.1 101 ");
  return client;
}

for (const [name, serve] of Object.entries(SERVERS)) {
  Deno.test(`serveWebsocket() over TLS tells init of https and lets in a page of its origin [${name}]`, async () => {
    const witness = new Witness();
    await using server = await serve(witness.echo(), {});
    const host = `localhost:${server.port}`;
    using client = await connect(server.port);
    const head = await client.upgrade(
      { Host: host, Origin: `https://${host}` },
      "GET /a?b HTTP/1.1",
    );
    assertStringIncludes(head, "HTTP/1.1 101 ");
    assertEquals(witness.request?.url, `https://${host}/a?b`);
    await client.write(closeFrame(1000));
    assertEquals(await client.readClose(), 1000);
    assertEquals(await witness.ended, remote(1000));
  });

  Deno.test(`serveWebsocket() over TLS refuses a page of another origin [${name}]`, async () => {
    await using server = await serve(new Witness().echo(), {});
    using client = await connect(server.port);
    const head = await client.upgrade({ Origin: "https://evil.example" });
    assertStringIncludes(head, "HTTP/1.1 403 ");
  });

  for (const size of [0, 1, 16_384, 65_536, MIB]) {
    Deno.test(`serveWebsocket() over TLS echoes ${size} bytes between others [${name}]`, async () => {
      const witness = new Witness();
      await using server = await serve(witness.echo(), {});
      using client = await open(server.port);
      const big = Uint8Array.from({ length: size }, (_, index) => index * 31);
      const sent = join(
        frame(OPCODE.text, "before"),
        frame(OPCODE.binary, big),
        frame(OPCODE.text, "behind"),
      );
      void client.write(sent);
      assertEquals(await readText(client), "before");
      assertEquals((await client.readFrame())?.payload, big);
      assertEquals(await readText(client), "behind");
      await client.write(closeFrame(1000));
      assertEquals(await client.readClose(), 1000);
      assertEquals(await witness.ended, remote(1000));
    });
  }

  Deno.test(`serveWebsocket() over TLS ends with error/closed when the client leaves [${name}]`, async () => {
    const witness = new Witness();
    await using server = await serve(witness.echo(), {});
    const client = await open(server.port);
    client.end();
    assertEquals(await witness.ended, CLOSED);
  });

  Deno.test(`serveWebsocket() over TLS ends with error/slow when the client does not read [${name}]`, async () => {
    const witness = new Witness();
    await using server = await serve(witness.echo(), { maxBuffered: MIB, closeTimeout: 100 });
    using client = await open(server.port);
    const message = frame(OPCODE.binary, new Uint8Array(MIB));
    const sending = writeFor(client, message, 64);
    assertEquals(await witness.ended, SLOW);
    client.end();
    await sending;
  });
}

// On Node it waits: tests/node/echo.test.mjs.
Deno.test("serveWebsocket() over TLS cannot make a client wait on Deno, and keeps to the limits [ws]", async () => {
  const witness = new Witness();
  await using server = await SERVERS.ws(witness.echo(5), { maxMailbox: 20, closeTimeout: 100 });
  using client = await open(server.port);
  const sending = writeFor(
    client,
    join(...Array<Uint8Array>(100).fill(frame(OPCODE.text, "x"))),
    1,
  );
  assertEquals(await client.readClose(), 1013);
  assertEquals(await witness.ended, OVERFLOW);
  await sending;
});

Deno.test("Deno reads on over TLS when a socket of node:https is told to pause", async () => {
  const server = createServer(TLS);
  const read = Promise.withResolvers<number>();
  server.on("upgrade", (_request, socket: Socket) => {
    socket.on("error", () => {});
    socket.resume().pause();
    socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    const poll = setInterval(() => {
      if (socket.bytesRead < 32 * MIB) return;
      clearInterval(poll);
      read.resolve(socket.bytesRead);
      socket.destroy();
    }, 10);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  using client = await connect((server.address() as AddressInfo).port);
  await client.upgrade();
  await writeFor(client, new Uint8Array(MIB), 40);
  assertGreater(await read.promise, 32 * MIB);
  await new Promise((resolve) => server.close(resolve));
});

async function readText(client: RawClient<Deno.TlsConn>): Promise<string | undefined> {
  const received = await client.readFrame();
  return received && textOf(received);
}

/** Writes until the server has enough. */
async function writeFor(
  client: RawClient<Deno.TlsConn>,
  bytes: Uint8Array,
  times: number,
): Promise<void> {
  try {
    for (let left = times; left > 0; left--) await client.write(bytes);
  } catch {
    // It has cut the line.
  }
}
