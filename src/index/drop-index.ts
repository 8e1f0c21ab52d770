import { isRetryableConflict } from "../table/commit/commit.ts";
import { openVersion, type Snapshot } from "../table/snapshot.ts";
import { commitIndices } from "./commit.ts";
import { createNotFound } from "./describe.ts";

const MAX_ATTEMPTS = 10;

/**
 * Takes an index out of the table, all its segments in one transaction. Its files stay until a clean-up.
 * @throws INDEX_NOT_FOUND naming those there are; COMMIT_CONFLICT, UNSUPPORTED, ABORTED, IO
 */
export async function dropIndex(
  snapshot: Snapshot,
  name: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Snapshot> {
  for (let at = snapshot, attempt = 1; ; attempt++) {
    const removed = at.indices.filter((index) => index.name === name);
    if (removed.length === 0) throw createNotFound(at, name);
    try {
      return await commitIndices(at, [], removed, options.signal);
    } catch (error) {
      if (!isRetryableConflict(error) || attempt === MAX_ATTEMPTS) throw error;
      // Segments were added, replaced or written anew meanwhile: the drop takes those, too.
      at = await openVersion(snapshot, { signal: options.signal });
    }
  }
}
