import type { UpgradeRequest } from "../handler.ts";
import { parseUrl } from "./parse_url.ts";
import { isPromiseLike } from "./promise_like.ts";
import type { OriginPolicy } from "./settings.ts";

// 16 bytes in base64 (RFC 6455 §4.1).
const KEY_REGEXP = /^[A-Za-z0-9+/]{22}==$/;

/** Answers a request that cannot be upgraded (RFC 6455 §4.2.1); undefined if it can. */
export function refuseHandshake(method: string, headers: Headers): Response | undefined {
  if (method !== "GET") {
    return refusal(405, "Use the method GET to open a WebSocket.", { allow: "GET" });
  }
  if (!hasToken(headers, "upgrade", "websocket") || !hasToken(headers, "connection", "upgrade")) {
    return refuseUpgrade(
      'This address speaks WebSocket: send "Connection: Upgrade" and "Upgrade: websocket".',
    );
  }
  if (headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0") {
    return refusal(400, "Send no body with the upgrade.");
  }
  if (headers.get("sec-websocket-version")?.trim() !== "13") {
    return refuseUpgrade('Use version 13 of WebSocket: send "Sec-WebSocket-Version: 13".');
  }
  if (!KEY_REGEXP.test(headers.get("sec-websocket-key")?.trim() ?? "")) {
    return refusal(400, 'Send 16 random bytes in base64 as "Sec-WebSocket-Key".');
  }
  return undefined;
}

/** Answers a request from a page that may not connect; undefined if it may. Throws what the policy throws. */
export async function refuseOrigin(
  policy: OriginPolicy,
  request: UpgradeRequest,
): Promise<Response | undefined> {
  const { origin } = request;
  if (origin === null || await isAllowed(policy, origin, request)) return undefined;
  return refusal(
    403,
    'Pages of this origin may not connect: add it to the "origin" option of the server.',
  );
}

/** Answers a request when there is no room for another connection. */
export function refuseForNow(): Response {
  return refusal(503, "The server takes no more connections now: try again later.", {
    "retry-after": "5",
  });
}

/** An answer that is not an upgrade: one plain sentence that says what to change. */
export function refusal(status: number, sentence: string, headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set("content-type", "text/plain; charset=utf-8");
  return new Response(`${sentence}\n`, { status, headers: all });
}

/** The subprotocols on offer, in the client's order (RFC 6455 §11.3.4). */
export function parseProtocols(header: string | null): readonly string[] {
  return tokensOf(header);
}

// RFC 9110 §15.5.22 and RFC 6455 §4.4.
function refuseUpgrade(sentence: string): Response {
  return refusal(426, sentence, {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
  });
}

function hasToken(headers: Headers, name: string, token: string): boolean {
  return tokensOf(headers.get(name)).some((one) => one.toLowerCase() === token);
}

function tokensOf(header: string | null): string[] {
  return (header ?? "").split(",").map((token) => token.trim()).filter((token) => token !== "");
}

async function isAllowed(
  policy: OriginPolicy,
  origin: string,
  request: UpgradeRequest,
): Promise<boolean> {
  if (policy === "any") return true;
  if (policy === "same") return isSame(origin, request);
  if (typeof policy !== "function") return policy.includes(origin);
  const allowed: unknown = policy(origin, request);
  return (isPromiseLike(allowed) ? await allowed : allowed) === true;
}

// Scheme aside: a proxy in front may speak TLS for us.
function isSame(origin: string, request: UpgradeRequest): boolean {
  const page = parseUrl(origin);
  const host = request.headers.get("host") ?? parseUrl(request.url)?.host;
  return page !== undefined && host !== undefined &&
    parseUrl(`${page.protocol}//${host}`)?.host === page.host;
}
