/** Something with messages waiting. */
export interface Runnable {
  /** Takes what waits. Never throws. */
  readonly run: () => void;
}

/** How many rounds may follow each other before the event loop gets a turn. */
const MAX_ROUNDS = 100;

let waiting: Runnable[] = [];
let rounds = 0;

/**
 * Runs `runnable` when the callback that caused it is over: a receiver never runs inside its sender. Those woken
 * together share one microtask; connections that keep waking each other let the event loop turn now and then.
 */
export function schedule(runnable: Runnable): void {
  if (waiting.push(runnable) > 1) return;
  if (rounds++ < MAX_ROUNDS) queueMicrotask(runWaiting);
  else setImmediate(runNextTurn);
}

/** Tells that the event loop has turned: a frame came from the network. */
export function turn(): void {
  rounds = 0;
}

function runNextTurn(): void {
  turn();
  runWaiting();
}

function runWaiting(): void {
  const round = waiting;
  waiting = [];
  for (const runnable of round) runnable.run();
}
