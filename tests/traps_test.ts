/** Deno's traps, each sprung on raw `Deno.upgradeWebSocket` and beside it on ours. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { createConnection } from "node:net";
import { closeFrame, frame, handshake, join, OPCODE, RawClient, textOf } from "./_raw_client.ts";
import { milliseconds, until } from "./_server.ts";
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

// A few at a time: on a busy machine the last of a crowd would not leave at once but late.
async function leaveAll(port: number, path: string, by: "RST" | "FIN"): Promise<void> {
  for (let left = 500; left > 0; left -= 5) {
    await Promise.all(Array.from({ length: 5 }, () => leave(port, path, by)));
  }
  await milliseconds(300);
}

for (const path of ["sync", "async"]) {
  for (const by of ["RST", "FIN"] as const) {
    Deno.test(`500 clients that leave by ${by} during a ${path} init leave nothing behind`, async () => {
      await using victim = await Victim.start("ours");
      const before = await victim.stats();
      await leaveAll(victim.port, path, by);
      await until(
        "the sockets to go",
        async () => (await victim.stats())?.sockets === before?.sockets,
      );
      const after = await victim.stats();
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
  assertGreater(after?.sockets ?? 0, (before?.sockets ?? 0) + 100);
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

/** Opens a connection whose handler closes at the first message, sends by `act`, and tells the close code seen. */
async function closeUnder(
  victim: Victim,
  act: (client: RawClient) => Promise<unknown>,
): Promise<number | "fin"> {
  using client = await openAt(victim.port, "close");
  const sent = act(client).catch(() => {});
  const seen = await client.readClose();
  client.end();
  await sent;
  return seen;
}

async function openAt(port: number, path: string): Promise<RawClient> {
  const client = await RawClient.connect(port);
  const head = await client.upgrade({}, `GET /${path} HTTP/1.1`);
  assertEquals(head.split(" ")[1], "101");
  return client;
}

const ONE = frame(OPCODE.text, "x");
const KIB = frame(OPCODE.text, "x".repeat(1024));

const BURSTS: Readonly<Record<string, (client: RawClient) => Promise<unknown>>> = {
  "3 messages in one segment": (client) => client.write(join(ONE, ONE, ONE)),
  "a burst of 500 KiB": (client) => client.write(join(...Array.from({ length: 500 }, () => KIB))),
  "a flood": async (client) => {
    for (let left = 300; left > 0; left--) {
      await client.write(join(...Array.from({ length: 64 }, () => KIB)));
    }
  },
};

for (const [name, act] of Object.entries(BURSTS)) {
  Deno.test(`a close inside handle arrives under ${name}, 20 of 20`, async () => {
    await using victim = await Victim.start("ours");
    for (let round = 1; round <= 20; round++) {
      assertEquals(await closeUnder(victim, act), 4000, `round ${round}`);
    }
  });
}

Deno.test("a close inside a listener is lost under 3 messages in one segment on raw Deno", async () => {
  await using victim = await Victim.start("raw");
  const seen = [];
  for (let round = 1; round <= 20; round++) {
    seen.push(await closeUnder(victim, (client) => client.write(join(ONE, ONE, ONE))));
  }
  assertLess(seen.filter((code) => code === 4000).length, 20);
});

/** How far the memory grew, in MiB, when 200 ms after `act` the victim is asked. */
async function growth(victim: Victim, act: () => Promise<unknown>): Promise<number> {
  const before = await victim.stats();
  await act();
  await milliseconds(200);
  const after = await victim.stats();
  return ((after?.rss ?? Infinity) - (before?.rss ?? 0)) / MIB;
}

Deno.test("64 MiB for a client that does not read end with error/slow, and memory stays bounded", async () => {
  await using victim = await Victim.start("ours");
  using client = await openAt(victim.port, "push");
  // 16 MiB of maxBuffered, 16 MiB for the message on top and the copies V8 has not collected yet.
  assertLess(await growth(victim, () => client.write(ONE)), 48);
  const stats = await victim.stats();
  assertEquals(stats?.counts["terminate error/slow"], 1);
  assertEquals(stats?.size, 0);
});

Deno.test("64 MiB for a client that does not read stay in the memory of raw Deno", async () => {
  await using victim = await Victim.start("raw");
  using client = await openAt(victim.port, "push");
  assertGreater(await growth(victim, () => client.write(ONE)), 55);
});

async function flood(client: RawClient): Promise<void> {
  const block = frame(OPCODE.binary, new Uint8Array(64 * 1024));
  for (let left = 3_200; left > 0; left--) await client.write(block);
}

Deno.test("200 MiB for a handler that never answers end with 1013, and memory stays bounded", async () => {
  await using victim = await Victim.start("ours");
  using client = await openAt(victim.port, "hang");
  const seen = client.readClose();
  assertLess(await growth(victim, () => flood(client).catch(() => {})), 60);
  assertEquals(await seen, 1013);
  assertEquals((await victim.stats())?.size, 0);
});

Deno.test("200 MiB for a listener that never answers stay in the memory of raw Deno", async () => {
  await using victim = await Victim.start("raw");
  using client = await openAt(victim.port, "hang");
  assertGreater(await growth(victim, () => flood(client)), 100);
});

Deno.test("2 million empty messages for a client that does not read end with error/slow, and memory stays bounded", async () => {
  await using victim = await Victim.start("ours");
  using client = await openAt(victim.port, "echo");
  const block = join(...Array.from({ length: 1_000 }, () => frame(OPCODE.text)));
  const send = async () => {
    for (let left = 2_000; left > 0; left--) await client.write(block);
  };
  // Deno takes 1 KiB for each of the 65,536 that may wait, and shows 0 bytes for all of them.
  assertLess(await growth(victim, () => send().catch(() => {})), 160);
  assertEquals((await victim.stats())?.counts["terminate error/slow"], 1);
});
