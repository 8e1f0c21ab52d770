import type { RecordBatch } from "apache-arrow";
import type { DataFragment } from "../../proto/gen/lance/table_pb.ts";
import type { Store } from "../../store/store.ts";
import { deleteQuietly } from "../../table/commit/publish.ts";
import { encodeRowIds } from "../../table/row-ids/encode-row-ids.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { createGiveWay, type GiveWay } from "../../tasks/give-way.ts";
import { checkStorageVersion } from "../create-table.ts";
import { listDataFiles } from "../data-files.ts";
import { type WriteFragmentsOptions, writeFragments } from "../write-fragments.ts";
import { type StagedDeletions, stageDeletions } from "./stage-deletions.ts";

/** Rows written anew and the old ones marked deleted, before any version names them. */
export interface StagedRows {
  readonly newFragments: DataFragment[];
  readonly deletions: StagedDeletions;
  /** Every file written, to be removed when the commit fails. */
  readonly paths: readonly string[];
}

/** Rows to write, and which rows they stand for. */
export interface RowsToStage {
  /** All columns of the table. Rows that keep their row id come first. `null`: rows are only deleted. */
  readonly batches: AsyncIterable<RecordBatch> | null;
  /** Rows to mark deleted, by fragment. Read when the batches are through. */
  readonly deleted: ReadonlyMap<number, Uint32Array>;
  /** Stable row ids of the first rows; read when the batches are through. None in tables without. */
  keptRowIds(): BigUint64Array;
}

/**
 * Writes new fragments in the table's own file version, then the deletion files of the rows they replace. Memory is
 * the pages being filled. When it fails, nothing is left.
 *
 * @throws SCHEMA_MISMATCH, UNSUPPORTED, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function stageRows(
  snapshot: Snapshot,
  store: Store,
  rows: RowsToStage,
  options: Omit<WriteFragmentsOptions, "schema" | "version">,
): Promise<StagedRows> {
  const newFragments = rows.batches === null ? [] : await writeRows(snapshot, store, rows.batches, options);
  try {
    if (snapshot.stableRowIds) await assignRowIds(newFragments, rows.keptRowIds(), createGiveWay(options.signal));
    const deletions = await stageDeletions(snapshot, store, rows.deleted, options.signal);
    return { newFragments, deletions, paths: [...listDataFiles(newFragments), ...deletions.paths] };
  } catch (error) {
    await deleteQuietly(store, listDataFiles(newFragments));
    throw error;
  }
}

function writeRows(
  snapshot: Snapshot,
  store: Store,
  batches: AsyncIterable<RecordBatch>,
  options: Omit<WriteFragmentsOptions, "schema" | "version">,
): Promise<DataFragment[]> {
  const { schema, storageVersion } = snapshot;
  return writeFragments(store, batches, { ...options, schema, version: checkStorageVersion(storageVersion) });
}

/** Rows beyond the ids given get theirs from the commit. */
async function assignRowIds(fragments: readonly DataFragment[], ids: BigUint64Array, giveWay: GiveWay): Promise<void> {
  let from = 0;
  for (const fragment of fragments) {
    await giveWay();
    const to = Math.min(ids.length, from + Number(fragment.physicalRows));
    if (to > from) fragment.inlineRowIds = encodeRowIds(ids.subarray(from, to));
    from = to;
  }
}
