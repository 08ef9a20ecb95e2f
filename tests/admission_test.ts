import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import type { UpgradeRequest } from "../handler.ts";
import {
  parseProtocols,
  refusal,
  refuseForNow,
  refuseHandshake,
  refuseOrigin,
} from "../_connection/admission.ts";
import type { OriginPolicy } from "../_connection/settings.ts";

const HANDSHAKE = {
  "connection": "Upgrade",
  "upgrade": "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};
const UPGRADE = {
  "connection": "Upgrade",
  "upgrade": "websocket",
  "sec-websocket-version": "13",
};
const SENTENCE_REGEXP = /^[A-Z][^\n]*[a-z0-9"]\.\n$/;

Deno.test("refuseHandshake() lets a handshake of a browser through", () => {
  assertEquals(refuseHandshake("GET", new Headers(HANDSHAKE)), undefined);
});

const ACCEPTED: readonly (readonly [name: string, value: string])[] = [
  ["upgrade", "WebSocket"],
  ["upgrade", "h2c, WebSocket"],
  ["upgrade", "websocket,h2c"],
  ["upgrade", ",\twebsocket\t, h2c"],
  ["connection", "upgrade"],
  ["connection", "keep-alive, upgrade"],
  ["connection", "UPGRADE,keep-alive"],
  ["sec-websocket-version", " 13 "],
  ["sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="],
  ["sec-websocket-key", "++++////abcdefghijklmQ=="],
];

for (const [name, value] of ACCEPTED) {
  Deno.test(`refuseHandshake() lets ${name}: ${JSON.stringify(value)} through`, () => {
    const headers = new Headers({ ...HANDSHAKE, [name]: value });
    assertEquals(refuseHandshake("GET", headers), undefined);
  });
}

Deno.test("refuseHandshake() reads a token list over two header lines", () => {
  const headers = new Headers({ ...HANDSHAKE, connection: "keep-alive" });
  assertEquals(refuseHandshake("GET", headers)?.status, 426);
  headers.append("connection", "Upgrade");
  assertEquals(refuseHandshake("GET", headers), undefined);
});

const REFUSED: readonly (readonly [name: string, value: string | undefined, status: number])[] = [
  ["upgrade", undefined, 426],
  ["upgrade", "h2c", 426],
  ["upgrade", "websockets", 426],
  ["upgrade", "websocket/13", 426],
  ["connection", undefined, 426],
  ["connection", "keep-alive", 426],
  ["connection", "close, upgraded", 426],
  ["sec-websocket-version", undefined, 426],
  ["sec-websocket-version", "8", 426],
  ["sec-websocket-version", "013", 426],
  ["sec-websocket-version", "13, 8", 426],
  ["sec-websocket-key", undefined, 400],
  ["sec-websocket-key", "", 400],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ", 400],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=", 400],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25j", 400],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZSE=", 400],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZ-==", 400],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==", 400],
];

for (const [name, value, status] of REFUSED) {
  Deno.test(`refuseHandshake() answers ${name}: ${JSON.stringify(value)} with ${status}`, async () => {
    const headers = new Headers({ ...HANDSHAKE, [name]: value ?? "" });
    if (value === undefined) headers.delete(name);
    await assertRefusal(refuseHandshake("GET", headers), status, status === 426 ? UPGRADE : {});
  });
}

for (const method of ["POST", "HEAD", "PUT", "CONNECT", "get"]) {
  Deno.test(`refuseHandshake() answers ${method} with 405`, async () => {
    const refused = refuseHandshake(method, new Headers(HANDSHAKE));
    await assertRefusal(refused, 405, { allow: "GET" });
  });
}

Deno.test("refuseHandshake() says what to change", async () => {
  const rows = [
    ["upgrade", 'send "Connection: Upgrade" and "Upgrade: websocket"'],
    ["connection", 'send "Connection: Upgrade" and "Upgrade: websocket"'],
    ["sec-websocket-version", 'send "Sec-WebSocket-Version: 13"'],
    ["sec-websocket-key", '"Sec-WebSocket-Key"'],
  ] as const;
  for (const [name, words] of rows) {
    const headers = new Headers(HANDSHAKE);
    headers.delete(name);
    assertEquals((await refuseHandshake("GET", headers)?.text())?.includes(words), true);
  }
});

Deno.test("refuseForNow() answers with 503 and when to come again", async () => {
  await assertRefusal(refuseForNow(), 503, { "retry-after": "5" });
});

Deno.test("refusal() answers with a sentence as plain text, each time anew", async () => {
  await assertRefusal(refusal(418, "Try tea."), 418, {});
  await assertRefusal(refusal(418, "Try tea.", [["set-cookie", "a=b"]]), 418, {
    "set-cookie": "a=b",
  });
  assertEquals(await refusal(418, "Try tea.").text(), "Try tea.\n");
});

const PROTOCOLS: readonly (readonly [header: string | null, protocols: string[]])[] = [
  [null, []],
  ["", []],
  [" , ", []],
  ["a", ["a"]],
  ["a,b", ["a", "b"]],
  ["a ,b", ["a", "b"]],
  ["a,\tb", ["a", "b"]],
  ["b, a, B", ["b", "a", "B"]],
  [",a,,b,", ["a", "b"]],
];

for (const [header, protocols] of PROTOCOLS) {
  Deno.test(`parseProtocols() reads ${JSON.stringify(header)} in the client's order`, () => {
    assertEquals(parseProtocols(header), protocols);
  });
}

Deno.test("parseProtocols() reads two header lines as one", () => {
  const headers = new Headers([["Sec-WebSocket-Protocol", "a"], ["sec-websocket-protocol", "b,c"]]);
  assertEquals(parseProtocols(headers.get("sec-websocket-protocol")), ["a", "b", "c"]);
});

const SAME: readonly (readonly [origin: string, host: string | null, allowed: boolean])[] = [
  ["https://example.com", "example.com", true],
  ["http://example.com", "example.com", true],
  ["http://localhost:8000", "localhost:8000", true],
  ["http://[::1]:8000", "[::1]:8000", true],
  ["https://example.com", "EXAMPLE.com", true],
  ["https://example.com", "example.com:443", true],
  ["http://example.com", "example.com:80", true],
  ["https://example.com", "example.com:80", false],
  ["http://example.com", "example.com:443", false],
  ["https://EXAMPLE.com", "example.com", true],
  ["http://localhost:8000", "localhost:8001", false],
  ["http://localhost:8000", "localhost", false],
  ["http://localhost", "localhost:8000", false],
  ["https://example.com:8443", "example.com", false],
  ["https://sub.example.com", "example.com", false],
  ["https://example.com", "sub.example.com", false],
  ["https://example.com.evil.example", "example.com", false],
  ["https://evil-example.com", "example.com", false],
  ["https://example.com@evil.example", "example.com", false],
  ["https://evil.example/example.com", "example.com", false],
  ["null", "example.com", false],
  ["null", "null", false],
  ["file://", "example.com", false],
  ["", "example.com", false],
  ["example.com", "example.com", false],
  ["https://from-url.example:8000", null, true],
  ["https://from-url.example", null, false],
];

for (const [origin, host, allowed] of SAME) {
  const does = allowed ? "lets in" : "refuses";
  Deno.test(`refuseOrigin() under "same" ${does} "${origin}" at host "${host}"`, async () => {
    await assertOrigin("same", requestFrom(origin, host), allowed);
  });
}

Deno.test('refuseOrigin() under "same" refuses every page when nothing says what host is asked', async () => {
  for (const origin of ["https://example.com", "null", ""]) {
    await assertOrigin("same", { ...requestFrom(origin, null), url: "/chat" }, false);
  }
});

const POLICIES: readonly (readonly [name: string, OriginPolicy, allowed: boolean])[] = [
  ['"any"', "any", true],
  ["a list with it", ["https://a.example", "https://page.example"], true],
  ["a list without it", ["https://a.example", "http://page.example"], false],
  ["a list with more of it", ["https://page.example:443", "https://page.example.com"], false],
  ["an empty list", [], false],
  ["a function that returns true", () => true, true],
  ["a function that returns false", () => false, false],
  ["a function that returns nothing", (() => {}) as never, false],
  ["a function that returns 1", (() => 1) as never, false],
  ["a function that returns a text", (() => "true") as never, false],
  ["an async function that resolves to true", () => Promise.resolve(true), true],
  ["an async function that resolves to false", () => Promise.resolve(false), false],
  ["an async function that resolves to an object", (() => Promise.resolve({})) as never, false],
];

for (const [name, policy, allowed] of POLICIES) {
  Deno.test(`refuseOrigin() ${allowed ? "lets in" : "refuses"} a page under ${name}`, async () => {
    await assertOrigin(policy, requestFrom("https://page.example"), allowed);
  });
}

Deno.test('refuseOrigin() lets in the origin "null" only where it is named', async () => {
  const request = requestFrom("null");
  await assertOrigin(["null"], request, true);
  await assertOrigin("any", request, true);
  await assertOrigin(["https://page.example"], request, false);
});

Deno.test("refuseOrigin() lets in who sends no origin, under every policy and without asking it", async () => {
  const never = () => {
    throw new Error("asked");
  };
  for (const policy of ["same", "any", [], never] satisfies OriginPolicy[]) {
    await assertOrigin(policy, requestFrom(null), true);
  }
});

Deno.test("refuseOrigin() gives a function the origin and the request", async () => {
  const request = requestFrom("https://page.example");
  const given: unknown[] = [];
  await refuseOrigin((...all) => given.push(...all) > 0, request);
  assertEquals(given[0], "https://page.example");
  assertStrictEquals(given[1], request);
});

Deno.test("refuseOrigin() throws what the policy throws or rejects with", async () => {
  const request = requestFrom("https://page.example");
  const thrown = () => {
    throw new RangeError("thrown");
  };
  await assertRejects(() => refuseOrigin(thrown, request), RangeError, "thrown");
  const rejected = () => Promise.reject(new RangeError("rejected"));
  await assertRejects(() => refuseOrigin(rejected, request), RangeError, "rejected");
});

function requestFrom(origin: string | null, host: string | null = "example.com"): UpgradeRequest {
  const headers = new Headers(host === null ? {} : { host });
  return { url: "http://from-url.example:8000/chat", headers, protocols: [], origin };
}

async function assertOrigin(
  policy: OriginPolicy,
  request: UpgradeRequest,
  allowed: boolean,
): Promise<void> {
  const refused = await refuseOrigin(policy, request);
  if (allowed) assertEquals(refused, undefined);
  else await assertRefusal(refused, 403, {});
}

/** A refusal has this status, these headers and no others, and one plain sentence. */
async function assertRefusal(
  response: Response | undefined,
  status: number,
  headers: Record<string, string>,
): Promise<void> {
  assertEquals(response?.status, status);
  assertEquals(Object.fromEntries(response?.headers ?? []), {
    ...headers,
    "content-type": "text/plain; charset=utf-8",
  });
  assertMatch(await response?.text() ?? "", SENTENCE_REGEXP);
}
