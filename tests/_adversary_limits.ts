/** What the fortress allows: little, so that a session can pass every limit. */
export const LIMITS = {
  heartbeat: 300,
  closeTimeout: 200,
  maxMessageSize: 64 * 1024,
  maxMailbox: 64,
  maxMailboxBytes: 64 * 1024,
  maxBuffered: 256 * 1024,
} as const;
