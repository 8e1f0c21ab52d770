/** Turns of the microtask queue without a new call after which the calls of one tick are taken as complete. */
const QUIET_TURNS = 16;
/** A stream of calls that never pauses is cut here. */
const MAX_TURNS = 1024;

/**
 * Settles when a count has not changed for a few turns of the microtask queue: all that is asked for in one tick is
 * asked for by then.
 */
export async function waitForQuiet(count: () => number): Promise<void> {
  let seen = count();
  for (let turn = 0, quiet = 0; quiet < QUIET_TURNS && turn < MAX_TURNS; turn++) {
    await undefined;
    const now = count();
    quiet = seen === now ? quiet + 1 : 0;
    seen = now;
  }
}
