/**
 * What Deno itself costs: the shortest echo over `Deno.upgradeWebSocket`. Started by the benches.
 */
import { serveMeasured } from "./_measured.ts";

await serveMeasured((request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 30 });
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
});
