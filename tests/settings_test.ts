import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Connections, registryOf } from "../_connection/connections.ts";
import {
  checkHandler,
  type OriginPolicy,
  type ServeWebsocketOptions,
  toSettings,
} from "../_connection/settings.ts";

const HANDLER = { init: () => {}, handle: () => {} };
const NOT_FUNCTIONS = [[null, "null"], [5, "5"], ["init", '"init"'], [{}, "an object"]] as const;

const DEFAULTS = {
  control: false,
  remoteAddr: undefined,
  origin: "same",
  heartbeat: 30_000,
  maxMessageSize: 1_048_576,
  maxMailbox: 10_000,
  maxMailboxBytes: 16_777_216,
  maxBuffered: 16_777_216,
  closeTimeout: 5_000,
  registry: undefined,
};

Deno.test("toSettings() fills in the defaults of the contract", () => {
  const { onError, ...others } = toSettings({});
  assertEquals<unknown>(others, DEFAULTS);
  assertEquals(typeof onError, "function");
});

Deno.test("toSettings() takes undefined for the default", () => {
  const undefinedOptions = Object.fromEntries(
    [...Object.keys(DEFAULTS), "connections", "onError"].map((name) => [name, undefined]),
  );
  const { onError, ...others } = toSettings(undefinedOptions);
  assertEquals<unknown>(others, DEFAULTS);
  assertEquals(typeof onError, "function");
});

Deno.test("toSettings() keeps what is given", () => {
  const onError = () => {};
  const connections = new Connections<string>();
  const remoteAddr = { transport: "tcp", hostname: "::1", port: 1 } as const;
  const numbers = {
    heartbeat: 1,
    maxMessageSize: 2,
    maxMailbox: 3,
    maxMailboxBytes: 4,
    maxBuffered: 5,
    closeTimeout: 6,
  };
  const settings = toSettings({ ...numbers, remoteAddr, origin: "any", connections, onError });
  assertEquals<unknown>(settings, {
    control: false,
    ...numbers,
    remoteAddr,
    origin: "any",
    registry: registryOf(connections),
    onError,
  });
});

type NumberOption = Exclude<
  keyof typeof DEFAULTS,
  "control" | "remoteAddr" | "origin" | "registry"
>;

const LIMITS: readonly (readonly [NumberOption, least: number, most: number, wanted: string])[] = [
  ["heartbeat", 0, 2 ** 31 - 1, "0-2147483647"],
  ["maxMessageSize", 1, Infinity, "at least 1"],
  ["maxMailbox", 1, Infinity, "at least 1"],
  ["maxMailboxBytes", 1, Infinity, "at least 1"],
  ["maxBuffered", 1, Infinity, "at least 1"],
  ["closeTimeout", 1, 2 ** 31 - 1, "1-2147483647"],
];

for (const [name, least, most, wanted] of LIMITS) {
  Deno.test(`toSettings() takes ${name} from ${least} to ${most}`, () => {
    for (const value of [least, most]) assertEquals(toSettings({ [name]: value })[name], value);
  });

  Deno.test(`toSettings() rejects every other ${name} and names it`, () => {
    const tooMuch = most === Infinity ? [] : [most + 1, Infinity];
    for (const value of [least - 1, -Infinity, NaN, ...tooMuch]) {
      assertRejected(
        { [name]: value },
        RangeError,
        `"${name}" must be ${wanted}: received ${value}`,
      );
    }
  });

  Deno.test(`toSettings() rejects a ${name} that is no number and names it`, () => {
    const rows = [["5", '"5"'], [5n, "5n"], [true, "true"], [[5], "an array"], [{}, "an object"]];
    for (const [value, shown] of rows) {
      assertRejected({ [name]: value }, TypeError, `"${name}" must be a number: received ${shown}`);
    }
  });
}

Deno.test("toSettings() takes every kind of origin policy as it is", () => {
  const lists = [
    [],
    ["https://example.com"],
    ["http://localhost:8000", "https://xn--bcher-kva.example", "http://[::1]:8000"],
    ["chrome-extension://abc", "null"],
  ];
  for (const origin of ["same", "any", () => true, ...lists] satisfies OriginPolicy[]) {
    assertStrictEquals(toSettings({ origin }).origin, origin);
  }
});

Deno.test("toSettings() rejects every other origin and names it", () => {
  const rows = [
    ["https://example.com", '"https://example.com"'],
    ["SAME", '"SAME"'],
    ["", '""'],
    ["*", '"*"'],
    [5, "5"],
    [true, "true"],
    [{}, "an object"],
    [/example/, "a RegExp"],
    [new Set(["https://example.com"]), "a Set"],
    [["example.com"], '"example.com"'],
    [["https://example.com/"], '"https://example.com/"'],
    [["https://example.com/chat"], '"https://example.com/chat"'],
    [["https://example.com?a"], '"https://example.com?a"'],
    [["https://example.com#a"], '"https://example.com#a"'],
    [["https://example.com:443"], '"https://example.com:443"'],
    [["http://example.com:80"], '"http://example.com:80"'],
    [["https://"], '"https://"'],
    [["*"], '"*"'],
    [["https://a.example", " https://b.example"], '" https://b.example"'],
    [["https://a.example, https://b.example"], '"https://a.example, https://b.example"'],
    [["https://a.example", 5], "5"],
    [[/example/], "a RegExp"],
    [[null], "null"],
    [[undefined], "undefined"],
  ] as const;
  const wanted = '"origin" must be "same", "any", a function or a list of origins ' +
    'such as "https://example.com"';
  for (const [origin, shown] of rows) {
    assertRejected({ origin: origin as never }, TypeError, `${wanted}: received ${shown}`);
  }
});

Deno.test("toSettings() rejects an onError that is no function and names it", () => {
  for (const [onError, shown] of NOT_FUNCTIONS) {
    const message = `"onError" must be a function: received ${shown}`;
    assertRejected({ onError: onError as never }, TypeError, message);
  }
});

Deno.test("toSettings() rejects connections that are no Connections and names them", () => {
  const message = '"connections" must be a Connections: received an array';
  assertRejected({ connections: [] as never }, TypeError, message);
});

Deno.test("checkHandler() takes a handler with or without info and terminate", () => {
  const all = { ...HANDLER, info: () => {}, terminate: () => {} };
  for (const handler of [HANDLER, all, { ...HANDLER, info: undefined, terminate: undefined }]) {
    assertEquals(checkHandler(handler as never), undefined);
  }
});

Deno.test("checkHandler() takes the methods of an object of a class", () => {
  class Chat {
    init(): void {}
    handle(): void {}
  }
  assertEquals(checkHandler(new Chat() as never), undefined);
});

for (const name of ["init", "handle", "info", "terminate"]) {
  Deno.test(`checkHandler() rejects a handler whose ${name} is no function and names it`, () => {
    for (const [value, shown] of NOT_FUNCTIONS) {
      const error = assertThrows(
        () => checkHandler({ ...HANDLER, [name]: value } as never),
        TypeError,
      );
      assertEquals(
        error.message,
        `Cannot serve a WebSocket as "${name}" must be a function: received ${shown}`,
      );
    }
  });
}

Deno.test("checkHandler() rejects what is no handler at all", () => {
  const message = 'Cannot serve a WebSocket as "init" must be a function: received undefined';
  for (const handler of [undefined, null, {}, { handle: () => {} }, () => {}, "handler"]) {
    const error = assertThrows(() => checkHandler(handler as never), TypeError);
    assertEquals(error.message, message);
  }
});

function assertRejected(
  options: ServeWebsocketOptions<string>,
  errorClass: typeof RangeError | typeof TypeError,
  tail: string,
): void {
  const error = assertThrows(() => toSettings(options), errorClass);
  assertEquals(error.message, `Cannot serve a WebSocket as ${tail}`);
}
