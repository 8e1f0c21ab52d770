import { LanceError } from "../../errors.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import { findMatches, type ScannerEnvironment } from "../../query/scanner.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { CONFLICT_KEYS, type ConflictOptions, retryConflicts } from "../retry-conflicts.ts";
import { type DeleteResult, deleteRows } from "./delete-rows.ts";

const OPTION_KEYS = new Set(CONFLICT_KEYS);

/**
 * Deletes the rows a predicate is true for. Scalar indexes find them where they can. When another writer changed some
 * of the same rows first, the predicate is asked again of the newest version. No row to delete makes no version.
 *
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, COMMIT_CONFLICT `{ retryable }`, QUOTA_EXCEEDED, IO, ABORTED; the table is
 * then as it was
 */
export async function deleteWhere(
  snapshot: Snapshot,
  predicate: string,
  environment: ScannerEnvironment,
  options: ConflictOptions = {},
): Promise<DeleteResult> {
  if (typeof predicate !== "string") {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `delete: expected a predicate such as "year < 2000", received ${String(predicate)}; "true" deletes every row`,
      { received: String(predicate) },
    );
  }
  checkOptionNames(options, OPTION_KEYS, "delete");
  const { signal } = options;
  const attempt = async (current: Snapshot): Promise<DeleteResult> =>
    deleteRows(current, await findMatches(current, predicate, environment, signal), { predicate, signal });
  return retryConflicts(snapshot, attempt, options);
}
