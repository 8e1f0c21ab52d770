import { isLanceError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import { deleteQuietly } from "./publish.ts";

/**
 * Commits, and deletes the files written for a commit that failed. Where a commit's fate cannot be told they stay:
 * at worst invisible debris, which a clean-up removes.
 */
export async function commitFiles<T>(store: Store, paths: readonly string[], commit: () => Promise<T>): Promise<T> {
  try {
    return await commit();
  } catch (error) {
    if (isLanceError(error) && error.details.committed !== "unknown") await deleteQuietly(store, paths);
    throw error;
  }
}
