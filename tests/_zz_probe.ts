import { TRANSPORTS } from "/work/main/tests/_transports.ts";
import { RawClient, closeFrame } from "/work/main/tests/_raw_client.ts";
const H: [string, Record<string,string|null>, string?][] = [
  ["a plain upgrade", {}],
  ["lists of tokens", { "Upgrade": "h2c, WebSocket", "Connection": "keep-alive, upgrade" }],
  ["no Upgrade", { "Upgrade": null }],
  ["another Upgrade", { "Upgrade": "foo" }],
  ["no Connection: upgrade", { "Connection": "keep-alive" }],
  ["version 8", { "Sec-WebSocket-Version": "8" }],
  ["two versions", { "Sec-WebSocket-Version": "13, 8" }],
  ["no version", { "Sec-WebSocket-Version": null }],
  ["a short key", { "Sec-WebSocket-Key": "abc" }],
  ["no key", { "Sec-WebSocket-Key": null }],
  ["two keys", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==" }],
  ["POST", {}, "POST / HTTP/1.1"],
  ["HEAD", {}, "HEAD / HTTP/1.1"],
  ["a page of another origin", { "Origin": "https://evil.example" }],
  ["a sandboxed page", { "Origin": "null" }],
  ["same origin", { "Origin": "http://127.0.0.1" }],
  ["tls", { "Origin": "https://127.0.0.1" }],
];
for (const { name, serve } of TRANSPORTS) for (const [w, h, line] of H) Deno.test(`${name} ${w}`, async () => {
  await using server = await serve({ init: () => ({kind:"ok", state:null}), handle: (frame, state) => ({kind:"reply", frames: frame, state})});
  using client = await RawClient.connect(server.port);
  const head = await client.upgrade(h, line);
  console.log(head.replaceAll("\r\n", " | "));
  if (head.includes(" 101 ")) await client.write(closeFrame(1000));
  for await (const c of client.conn.readable) { console.log("REST", JSON.stringify(new TextDecoder().decode(c))); break; }
});
