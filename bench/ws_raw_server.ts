/**
 * What npm `ws` itself costs: the echo of its own documentation. Started by the benches.
 */
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { serveMeasuredUpgrades } from "./_measured_node.ts";

const server = new WebSocketServer({ noServer: true });
server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});

await serveMeasuredUpgrades((request, socket, head) =>
  server.handleUpgrade(request, socket, head, (opened) => server.emit("connection", opened))
);
