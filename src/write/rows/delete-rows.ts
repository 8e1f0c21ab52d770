import { create } from "@bufbuild/protobuf";
import { Transaction_DeleteSchema } from "../../proto/gen/lance/transaction_pb.ts";
import { commit } from "../../table/commit/commit.ts";
import { commitFiles } from "../../table/commit/commit-files.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { checkWriterFlags } from "../../table/manifest/feature-flags.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { stageDeletions } from "./stage-deletions.ts";

/** How rows are deleted. */
export interface DeleteRowsOptions {
  /** The filter the rows came from, kept with the transaction. */
  readonly predicate: string;
  readonly signal?: AbortSignal | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

/** What a delete did. */
export interface DeleteResult {
  /** The version committed, or the one given when no row was left to delete. */
  readonly snapshot: Snapshot;
  /** Rows that were there before and are gone now. */
  readonly numDeletedRows: number;
}

/**
 * Deletes rows: one new deletion file per fragment touched, holding all its deletions so far; fragments without a row
 * left are dropped. The data files stay. Deletes that raced on other rows of a fragment are united by the commit.
 *
 * @param rows physical row offsets by fragment id, in any order; rows deleted before are allowed
 * @throws INVALID_ARGUMENT (an offset beyond its fragment), NOT_FOUND (no such fragment), COMMIT_CONFLICT
 * `{ retryable }`, QUOTA_EXCEEDED, IO, ABORTED; the table is then as it was
 */
export async function deleteRows(
  snapshot: Snapshot,
  rows: ReadonlyMap<number, Uint32Array>,
  options: DeleteRowsOptions,
): Promise<DeleteResult> {
  const { predicate, signal, properties } = options;
  checkWriterFlags(snapshot.manifest);
  const store = requireWritable(snapshot.store, snapshot.uri);
  const staged = await stageDeletions(snapshot, store, rows, signal);
  const { updatedFragments, removedFragmentIds: deletedFragmentIds, numDeletedRows, paths } = staged;
  if (numDeletedRows === 0) return { snapshot, numDeletedRows };
  const value = create(Transaction_DeleteSchema, { updatedFragments, deletedFragmentIds, predicate });
  const committed = await commitFiles(store, paths, () =>
    commit(snapshot, { case: "delete", value }, { signal, properties }),
  );
  return { snapshot: committed, numDeletedRows };
}
