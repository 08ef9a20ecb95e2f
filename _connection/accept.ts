import type { InitResult, UpgradeRequest } from "../handler.ts";
import { refusal, refuseForNow, refuseOrigin } from "./admission.ts";
import type { Connection } from "./connection.ts";
import type { AnyFrame, AnyHandler } from "./line.ts";
import type { Settings } from "./settings.ts";
import { show } from "./show.ts";
import { notAResult, type OkResult, toOpeningStep } from "./step.ts";
import { CLOSED } from "./terminate_reason.ts";

/** What became of a request: its connection waits for the line, with these headers on the 101, or it is refused. */
export type Acceptance =
  | { readonly kind: "accepted"; readonly headers: Headers }
  | { readonly kind: "refused"; readonly response: Response };

const HANDSHAKE_REGEXP = /^(connection|upgrade|sec-websocket-.*|transfer-encoding|content-length)$/;

/** Asks everyone who may refuse, `init` last. */
export async function accept<State, Info>(
  request: UpgradeRequest,
  connection: Connection<State, Info>,
  handler: AnyHandler<State, Info>,
  { registry, origin, control }: Settings<Info>,
): Promise<Acceptance> {
  if (registry?.isClosed) return refuse(connection, refuseForNow());
  registry?.join(connection);
  try {
    const refused = await refuseOrigin(origin, request);
    if (refused !== undefined) return refuse(connection, refused);
    const result = await handler.init(request, connection.self);
    switch (result?.kind) {
      case "ok":
        return begin(result, request, connection, control);
      case "shutdown":
        return refuse(connection, toResponse(result.response));
    }
    throw notAResult(result, `"ok" or "shutdown"`);
  } catch (error) {
    connection.tell(error);
    return refuse(connection, refusal(500, "The server failed: try again later."));
  }
}

function refuse<State, Info>(
  connection: Connection<State, Info>,
  response: Response,
): Acceptance {
  connection.refuse();
  return { kind: "refused", response };
}

function begin<State, Info>(
  result: OkResult<State> & InitResult<State, AnyFrame>,
  request: UpgradeRequest,
  connection: Connection<State, Info>,
  control: boolean,
): Acceptance {
  const headers = toHeaders(result, request);
  connection.begin(toOpeningStep(result, control));
  if (!connection.isEnding) return { kind: "accepted", headers };
  neverOpen(connection);
  return { kind: "refused", response: refuseForNow() };
}

/** Ends a connection whose `init` said ok and whose line will not open. */
export function neverOpen<State, Info>(connection: Connection<State, Info>): void {
  connection.lose(CLOSED);
  connection.release(false);
}

function toHeaders<State>(
  { headers, protocol }: OkResult<State> & InitResult<State, AnyFrame>,
  { protocols }: UpgradeRequest,
): Headers {
  const all = new Headers(headers);
  for (const name of all.keys()) {
    if (!HANDSHAKE_REGEXP.test(name)) continue;
    throw new TypeError(
      `Cannot upgrade as "headers" must leave the handshake's own alone: received "${name}"`,
    );
  }
  if (protocol === undefined) return all;
  if (!protocols.includes(protocol)) {
    throw new TypeError(
      `Cannot upgrade as "protocol" must be one of those offered (${
        protocols.join(", ") || "none"
      }): received ${show(protocol)}`,
    );
  }
  all.set("sec-websocket-protocol", protocol);
  return all;
}

function toResponse(response: Response | undefined): Response {
  if (response === undefined) return new Response(null, { status: 400 });
  if (response instanceof Response && isSendable(response)) return response;
  throw new TypeError(
    `Cannot refuse the upgrade as "response" must be an unused Response with a status of 200 or more: received ${
      response instanceof Response ? `a Response with status ${response.status}` : show(response)
    }`,
  );
}

function isSendable({ status, bodyUsed, body }: Response): boolean {
  return status >= 200 && !bodyUsed && body?.locked !== true;
}
