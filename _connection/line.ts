import type { InFrame } from "../frame.ts";
import type { TerminateReason } from "../handler.ts";

/** The wire as the loop sees it: what a transport does for a connection. */
export interface Line {
  /** Sends a message; on a line that is closing or gone it does nothing. */
  readonly send: (frame: InFrame) => void;
  /** Sends what was sent before, then a close frame, and lets go of the line in bounded time. */
  readonly close: (code: number, reason: string) => void;
  /** Bytes sent and not yet taken by the network. */
  readonly buffered: number;
}

/** The connection as a transport sees it: what it tells the loop. Ends with one `release`, whatever came before. */
export interface LineEvents {
  /** The line can carry frames. */
  readonly open: (line: Line) => void;
  /** A message came. */
  readonly receive: (frame: InFrame) => void;
  /** The line ended, or will not open, and not by this side. */
  readonly lose: (reason: TerminateReason) => void;
  /** Nothing is held for this line any more; `held` if the client still holds its end. */
  readonly release: (held: boolean) => void;
}
