import type { Random } from "./_adversary_random.ts";

/** A request for the upgrade, in the making. */
export interface Draft {
  method: string;
  target: string;
  version: string;
  eol: string;
  headers: [name: string, value: string][];
  end: string;
}

/** A change of a valid request. */
export type Change = (draft: Draft, random: Random) => void;

/** Changes after which the answer is a 101 as before. */
export const HARMLESS: Readonly<Record<string, Change>> = {
  "names in odd case": (draft, random) => {
    for (const header of draft.headers) header[0] = mixCase(header[0], random);
  },
  "blanks round the values": (draft, random) => {
    for (const header of draft.headers) header[1] = blanks(random) + header[1] + blanks(random);
  },
  "Upgrade in odd case": (draft, random) => set(draft, "Upgrade", mixCase("websocket", random)),
  "Upgrade with others": (draft) => set(draft, "Upgrade", "h2c,, WebSocket"),
  "Connection with others": (draft) => set(draft, "Connection", "keep-alive ,upgrade,"),
  "protocols on offer": (draft) => set(draft, "Sec-WebSocket-Protocol", "a,b ,\tc, , d"),
  "extensions on offer": (draft) =>
    set(draft, "Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits, x;y=z"),
  "a page of the same origin": (draft) => set(draft, "Origin", "https://127.0.0.1"),
  "cookies": (draft, random) => set(draft, "Cookie", `a="${random.below(1e9)}"; b=%00; =; c`),
  "a header of 4 KiB": (draft) => set(draft, "X-Long", "x".repeat(4096)),
  "bytes above 127": (draft) => set(draft, "X-Bytes", "\x80\xff\xc3\x28"),
  "40 more headers": (draft) => {
    for (let left = 40; left > 0; left--) draft.headers.push([`X-${left}`, ""]);
  },
  "headers in odd order": (draft) => void draft.headers.reverse(),
};

/** Changes that are a matter of taste, Deno's. */
export const OPEN: Readonly<Record<string, Change>> = {
  "HTTP/1.0": (draft) => void (draft.version = "HTTP/1.0"),
  "no Host": (draft) => remove(draft, "Host"),
  "two Hosts": (draft) => void draft.headers.push(["Host", "example.com"]),
  "a bad Host": (draft, random) => set(draft, "Host", random.pick(["", "[", "a b", "\xff", "::"])),
  "an absolute target": (draft) => void (draft.target = `http://127.0.0.1${draft.target}`),
  "an odd target": (draft, random) =>
    void (draft.target = random.pick([
      "*",
      "//",
      "/%",
      "/%ff%00",
      "/\xff",
      "/?",
      "/#",
      "a:b",
      "/ ",
    ])),
  "a target of 20 KiB": (draft) => void (draft.target = `/${"x".repeat(20_000)}`),
  "a target of 80 KiB": (draft) => void (draft.target = `/${"x".repeat(80_000)}`),
  "lines that end in LF": (draft) => void (draft.eol = "\n"),
  "lines that end in CR": (draft) => void (draft.eol = "\r"),
  "a folded header": (draft) => void draft.headers.push(["X-Folded", "a\r\n b"]),
  "a header of 80 KiB": (draft) => set(draft, "X-Huge", "x".repeat(80_000)),
  "1,000 headers": (draft) => {
    for (let left = 1_000; left > 0; left--) draft.headers.push([`X-${left}`, "x"]);
  },
  "chunks announced": (draft) => set(draft, "Transfer-Encoding", "chunked"),
  "an empty body announced": (draft) => set(draft, "Content-Length", "0"),
  "Expect": (draft) => set(draft, "Expect", "100-continue"),
  "a null origin in a list": (draft) => set(draft, "Origin", ""),
  "no end": (draft) => void (draft.end = ""),
  "half an end": (draft) => void (draft.end = "\r"),
  "a line before": (draft) => void (draft.method = `\r\n${draft.method}`),
};

/** Changes after which the answer, if there is one, is no 101. */
export const FATAL: Readonly<Record<string, Change>> = {
  "another method": (draft, random) =>
    void (draft.method = random.pick(["POST", "PUT", "HEAD", "OPTIONS", "TRACE", "get", "GETT"])),
  "no method": (draft) => void (draft.method = ""),
  "CONNECT": (draft) => {
    draft.method = "CONNECT";
    draft.target = "127.0.0.1:80";
  },
  "no Upgrade": (draft) => remove(draft, "Upgrade"),
  "Upgrade to another": (draft, random) =>
    set(draft, "Upgrade", random.pick(["h2c", "websockets", "web socket", "", "\xff"])),
  "no Connection": (draft) => remove(draft, "Connection"),
  "Connection without upgrade": (draft, random) =>
    set(draft, "Connection", random.pick(["close", "keep-alive", "upgraded", ""])),
  "no version": (draft) => remove(draft, "Sec-WebSocket-Version"),
  "another version": (draft, random) =>
    set(draft, "Sec-WebSocket-Version", random.pick(["8", "12", "14", "013", "13, 8", "13.0", ""])),
  "two versions": (draft) => void draft.headers.push(["Sec-WebSocket-Version", "13"]),
  "no key": (draft) => remove(draft, "Sec-WebSocket-Key"),
  "a bad key": (draft, random) => set(draft, "Sec-WebSocket-Key", badKey(random)),
  "two keys": (draft) => void draft.headers.push(["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="]),
  "a page of another origin": (draft, random) =>
    set(draft, "Origin", random.pick(["http://example.com", "null", "http://127.0.0.1:1", "\xff"])),
  "a body": (draft) => {
    set(draft, "Content-Length", "5");
    draft.end += "hello";
  },
  "another version of HTTP": (draft, random) =>
    void (draft.version = random.pick(["HTTP/2.0", "HTTP/9.9", "HTTP/1", "http/1.1", "XTTP/1.1"])),
  "a header without a colon": (draft) => void (draft.end = `nonsense\r\n${draft.end}`),
  "a blank in a header's name": (draft) => void draft.headers.push(["X Y", "z"]),
  "NUL in a header": (draft) => set(draft, "X-Nul", "a\0b"),
};

function set(draft: Draft, name: string, value: string): void {
  remove(draft, name);
  draft.headers.push([name, value]);
}

function remove(draft: Draft, name: string): void {
  draft.headers = draft.headers.filter(([one]) => one.toLowerCase() !== name.toLowerCase());
}

function mixCase(word: string, random: Random): string {
  return word.replace(/./g, (c) => random.chance(0.5) ? c.toUpperCase() : c.toLowerCase());
}

function blanks(random: Random): string {
  return random.pick(["", " ", "\t", " \t  "]);
}

function badKey(random: Random): string {
  return random.pick([
    "",
    "abc",
    "dGhlIHNhbXBsZSBub25jZQ",
    "dGhlIHNhbXBsZSBub25jZQ=",
    "dGhlIHNhbXBsZSBub25jZTE=",
    "dGhl IHNhbXBsZSBub25jZ==",
    "dGhlIHNhbXBsZSBub25jZQ==, x",
    "\xff".repeat(24),
    "A".repeat(10_000),
  ]);
}
