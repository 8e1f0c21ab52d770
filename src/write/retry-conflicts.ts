import { LanceError, throwIfAborted } from "../errors.ts";
import { isRetryableConflict } from "../table/commit/commit.ts";
import { openVersion, type Snapshot } from "../table/snapshot.ts";
import { backOff } from "../tasks/sleep.ts";

/** How often an operation is computed again when another writer's commit stands against it. */
export interface ConflictOptions {
  /** Computations after the first, each from the newest version. Default 10, as native. */
  readonly conflictRetries?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Names of {@link ConflictOptions}, for calls that refuse others. */
export const CONFLICT_KEYS: readonly string[] = ["conflictRetries", "signal"] satisfies (keyof ConflictOptions)[];

const DEFAULT_RETRIES = 10;
/** No further computation is begun after this. */
const RETRY_BUDGET_MS = 30_000;
const FIRST_BACKOFF_MS = 10;
const MAX_BACKOFF_MS = 2000;

/**
 * Runs an operation on a version, and again on the newest one when a commit made meanwhile voids what was computed.
 * Waits a random while between, longer each time.
 *
 * @param attempt computes and commits; `attempts` counts from 1. What it wrote must be gone when it throws
 * @throws COMMIT_CONFLICT `{ retryable: true, attempts }` when retries run out; else what `attempt` throws
 */
export async function retryConflicts<T>(
  snapshot: Snapshot,
  attempt: (snapshot: Snapshot, attempts: number) => Promise<T>,
  options: ConflictOptions,
): Promise<T> {
  const { signal } = options;
  const retries = checkRetries(options.conflictRetries ?? DEFAULT_RETRIES);
  const startedMs = performance.now();
  let current = snapshot;
  for (let attempts = 1; ; attempts++) {
    throwIfAborted(signal);
    try {
      return await attempt(current, attempts);
    } catch (error) {
      if (!isRetryableConflict(error)) throw error;
      if (attempts > retries || performance.now() - startedMs > RETRY_BUDGET_MS) {
        const { message, details } = error as LanceError;
        throw new LanceError("COMMIT_CONFLICT", message, { ...details, attempts }, { cause: error });
      }
    }
    await backOff(attempts, { firstMs: FIRST_BACKOFF_MS, maxMs: MAX_BACKOFF_MS, signal });
    current = await openVersion(snapshot, { signal });
  }
}

function checkRetries(retries: number): number {
  if (Number.isSafeInteger(retries) && retries >= 0) return retries;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `conflictRetries: expected a whole number of at least 0, received ${retries}`,
    {
      conflictRetries: retries,
    },
  );
}
