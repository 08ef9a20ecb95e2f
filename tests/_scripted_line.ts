import { close, type CloseFrame } from "../frame.ts";
import type { WebsocketHandler } from "../handler.ts";
import { accept } from "../_connection/accept.ts";
import { Connection } from "../_connection/connection.ts";
import type { DataFrame, Line } from "../_connection/line.ts";
import { type ServeWebsocketOptions, toSettings } from "../_connection/settings.ts";

/** A line that keeps what it is given; the network takes nothing until the test sets `buffered` back. */
export class ScriptedLine implements Line {
  buffered = 0;
  readonly sent: DataFrame[] = [];
  readonly closes: CloseFrame[] = [];

  send(frame: DataFrame): void {
    this.sent.push(frame);
    this.buffered += typeof frame.data === "string"
      ? new TextEncoder().encode(frame.data).length
      : frame.data.length;
  }

  close(code: number, reason: string): void {
    this.closes.push(close(code, reason));
  }
}

/** A connection whose `init` has answered and whose line has not opened yet. */
export async function acceptConnection<State, Info = never>(
  handler: WebsocketHandler<State, Info>,
  options: ServeWebsocketOptions<Info> = {},
): Promise<Connection<State, Info>> {
  const settings = toSettings(options);
  const connection = new Connection(handler, settings);
  const request = {
    url: "http://localhost/",
    headers: new Headers(),
    protocols: [],
    origin: null,
  };
  await accept(request, connection, handler, settings);
  return connection;
}

/** A connection on a scripted line that is open. */
export async function openConnection<State, Info = never>(
  handler: WebsocketHandler<State, Info>,
  options: ServeWebsocketOptions<Info> = {},
): Promise<{ readonly connection: Connection<State, Info>; readonly line: ScriptedLine }> {
  const connection = await acceptConnection(handler, options);
  const line = new ScriptedLine();
  connection.open(line);
  return { connection, line };
}
