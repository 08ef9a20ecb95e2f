import type { CloseFrame, ControlFrame, InFrame, OutFrame } from "../frame.ts";
import type {
  Awaitable,
  HandleResult,
  Self,
  TerminateReason,
  WebsocketHandler,
} from "../handler.ts";

/** Any frame that some transport can send. */
export type AnyFrame = OutFrame | ControlFrame;

/** A frame that leaves the line open. */
export type DataFrame = Exclude<AnyFrame, CloseFrame>;

/** A handler for any transport: each lets in those whose frames it can send. */
export interface AnyHandler<State, Info> extends WebsocketHandler<State, Info, AnyFrame> {
  readonly control?: (
    frame: ControlFrame,
    state: State,
    self: Self<Info>,
  ) => Awaitable<HandleResult<State, AnyFrame>>;
}

/** The wire as the loop sees it: what a transport does for a connection. */
export interface Line {
  /** Sends a frame; on a line that is closing or gone it does nothing. */
  readonly send: (frame: DataFrame) => void;
  /**
   * Sends what was sent before, then a close frame, and lets go of the line in bounded time: longer for a long backlog if
   * `patient`.
   */
  readonly close: (code: number, reason: string, patient: boolean) => void;
  /** Bytes sent and not yet taken by the network. */
  readonly buffered: number;
  /** Bytes that `buffered` counts for a message beside its own, at least; 0 where missing. */
  readonly overhead?: number;
  /** Lets the client wait: stops reading, or goes on. Missing where the transport cannot. */
  readonly hold?: (held: boolean) => void;
}

/** The connection as a transport sees it: what it tells the loop. Ends with one `release`, whatever came before. */
export interface LineEvents {
  /** The line can carry frames. */
  readonly open: (line: Line) => void;
  /** A message came. */
  readonly receive: (frame: InFrame) => void;
  /** A ping, which has its answer, or a pong came. */
  readonly receiveControl: (frame: ControlFrame) => void;
  /** The line ended, or will not open, or is to be given up for a reason that only the transport can see. */
  readonly lose: (reason: TerminateReason) => void;
  /** Nothing is held for this line any more; `held` if the client still holds its end. */
  readonly release: (held: boolean) => void;
}
