/** Deno's traps, each sprung on raw `Deno.upgradeWebSocket` and beside it on ours. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { createConnection } from "node:net";
import {
  closeFrame,
  codeOf,
  frame,
  handshake,
  join,
  OPCODE,
  RawClient,
  textOf,
} from "./_raw_client.ts";
import { milliseconds } from "./_server.ts";
import { Victim } from "./_victim_process.ts";

const MIB = 2 ** 20;

/** Connects, asks for the upgrade and leaves at once. */
function leave(port: number, path: string, by: "RST" | "FIN"): Promise<void> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.write(handshake({}, `GET /${path} HTTP/1.1`), () => {
      if (by === "RST") socket.resetAndDestroy();
      else socket.destroy();
    });
  });
}

async function leaveAll(port: number, path: string, by: "RST" | "FIN"): Promise<void> {
  await Promise.all(Array.from({ length: 500 }, () => leave(port, path, by)));
  await milliseconds(300);
}

for (const path of ["sync", "async"]) {
  for (const by of ["RST", "FIN"] as const) {
    Deno.test(`500 clients that leave by ${by} during a ${path} init leave nothing behind`, async () => {
      await using victim = await Victim.start("ours");
      const before = await victim.stats();
      await leaveAll(victim.port, path, by);
      const after = await victim.stats();
      assertEquals(after?.descriptors, before?.descriptors);
      assertEquals(after?.size, 0);
      assertEquals(after?.counts["init"], 500);
      assertEquals(after?.counts["terminate error/closed"], 500);
      assert(await victim.shutsDown());
    });
  }
}

Deno.test("500 clients that leave by RST leave their sockets behind on raw Deno", async () => {
  await using victim = await Victim.start("raw");
  const before = await victim.stats();
  await leaveAll(victim.port, "sync", "RST");
  const after = await victim.stats();
  assertGreater(after?.descriptors ?? 0, (before?.descriptors ?? 0) + 100);
  assert(!await victim.shutsDown());
});

for (const how of ["throw", "reject"]) {
  for (const place of ["init", "handle", "info", "terminate"]) {
    const path = `${how}-${place}`;

    Deno.test(`a ${how} in ${place} ends its own connection and nothing else`, async () => {
      await using victim = await Victim.start("ours");
      using neighbor = await RawClient.open(victim.port);
      using client = await RawClient.connect(victim.port);
      const head = await client.upgrade({}, `GET /${path} HTTP/1.1`);
      assertEquals(head.split(" ")[1], place === "init" ? "500" : "101");
      if (place === "handle") await client.write(frame(OPCODE.text, "x"));
      if (place === "terminate") await client.write(closeFrame(1000));
      if (place !== "init") {
        assertEquals(await client.readClose(), place === "terminate" ? 1000 : 1011);
      }
      await neighbor.write(frame(OPCODE.text, "still here"));
      assertEquals(textOf(await neighbor.readFrame() ?? closeFrameOf()), "still here");
      const stats = await victim.stats();
      assertEquals(stats?.counts["onError"], 1);
      assertEquals(stats?.size, 1);
    });

    if (place === "init" && how === "reject") continue;
    Deno.test(`a ${how} in ${place} ends the process or the listener of raw Deno`, async () => {
      await using victim = await Victim.start("raw");
      using client = await RawClient.connect(victim.port);
      await client.write(handshake({}, `GET /${path} HTTP/1.1`));
      if (place !== "init") await client.readHead();
      if (place === "handle") await client.write(frame(OPCODE.text, "x"));
      if (place === "terminate") await client.write(closeFrame(1000));
      await milliseconds(200);
      assertEquals(await victim.stats(), undefined);
    });
  }
}

function closeFrameOf() {
  return { fin: true, rsv: 0, opcode: OPCODE.close, payload: new Uint8Array() };
}
