/**
 * What the library costs on top of npm `ws`: the same echo as a handler, with default options. Started by the benches.
 */
import { serveWebsocket, type WsHandler } from "../ws.ts";
import { serveMeasuredUpgrades } from "./_measured_node.ts";

const echo: WsHandler<null> = {
  init: () => ({ kind: "ok", state: null }),
  handle: (frame, state) => ({ kind: "reply", frames: frame, state }),
};

await serveMeasuredUpgrades((...upgrade) => serveWebsocket(...upgrade, echo));
