import { throwIfAborted } from "../errors.ts";
import { getRuntime } from "../runtime.ts";

/** Longest stretch of work between two turns of the event loop. */
const SLICE_MS = 20;

/** Lets messages (a cancel, a keystroke) in. Called between units of work. */
export type GiveWay = () => Promise<void> | undefined;

/**
 * When this thread last had a turn, as far as known. One for all work: many short pieces, each with its own `GiveWay`,
 * or many at once, share the 20 ms.
 */
let turnStart = 0;

/** The turn given last; the next one comes after it. */
let turns: Promise<void> = Promise.resolve();

/**
 * Makes a function to call between units of work: it throws when `signal` fired, and every 20 ms gives the event loop
 * a turn. Cheap enough for every few thousand rows.
 * @throws ABORTED (from the returned function)
 */
export function createGiveWay(signal: AbortSignal | undefined): GiveWay {
  const { now } = getRuntime();
  return () => {
    throwIfAborted(signal);
    if (now() - turnStart < SLICE_MS) return undefined;
    // One after another, so that work that waits at the same time does not go on in the same turn.
    turns = turns.then(nextTask);
    return turns.then(() => {
      turnStart = now();
      throwIfAborted(signal);
    });
  };
}

/** A macrotask: microtasks alone would never let a message event run. A channel, because timers are clamped to 4 ms. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
