/**
 * What the library costs on top: the same echo as a handler, with default options. Started by the
 * benches.
 */
import { serveWebsocket, type WebsocketHandler } from "../mod.ts";
import { serveMeasured } from "./_measured.ts";

const echo: WebsocketHandler<null> = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

await serveMeasured((request) => serveWebsocket(request, echo));
