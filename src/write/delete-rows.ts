import { clone, create } from "@bufbuild/protobuf";
import { LanceError } from "../errors.ts";
import { type DataFragment, DataFragmentSchema } from "../proto/gen/lance/table_pb.ts";
import { Transaction_DeleteSchema } from "../proto/gen/lance/transaction_pb.ts";
import { commit } from "../table/commit.ts";
import { commitFiles } from "../table/commit-files.ts";
import { formatDeletionName, writeDeletionFile } from "../table/deletion-file.ts";
import { readDeletions } from "../table/deletions.ts";
import { checkWriterFlags } from "../table/feature-flags.ts";
import type { Fragment } from "../table/fragment.ts";
import { deleteQuietly, requireWritable } from "../table/publish.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { createGiveWay } from "../tasks/give-way.ts";

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
  const updatedFragments: DataFragment[] = [];
  const deletedFragmentIds: bigint[] = [];
  const written: string[] = [];
  let numDeletedRows = 0;
  const giveWay = createGiveWay(signal);
  try {
    for (const [fragmentId, offsets] of rows) {
      await giveWay();
      const fragment = getFragment(snapshot, fragmentId);
      const deleted = uniteOffsets(await readDeletions(snapshot, fragment, signal), offsets, fragment);
      if (deleted.length === fragment.numDeletedRows) continue;
      numDeletedRows += deleted.length - fragment.numDeletedRows;
      if (deleted.length === fragment.physicalRows) {
        deletedFragmentIds.push(fragment.proto.id);
        continue;
      }
      const file = await writeDeletionFile(store, {
        fragmentId,
        readVersion: snapshot.version,
        offsets: deleted,
        ...(signal ? { signal } : {}),
      });
      written.push(`_deletions/${formatDeletionName(fragmentId, file)}`);
      updatedFragments.push({ ...clone(DataFragmentSchema, fragment.proto), deletionFile: file });
    }
  } catch (error) {
    await deleteQuietly(store, written);
    throw error;
  }
  if (numDeletedRows === 0) return { snapshot, numDeletedRows };
  const value = create(Transaction_DeleteSchema, { updatedFragments, deletedFragmentIds, predicate });
  const committed = await commitFiles(store, written, () =>
    commit(snapshot, { case: "delete", value }, { signal, properties }),
  );
  return { snapshot: committed, numDeletedRows };
}

/** All deletions of a fragment, ascending, each once. */
function uniteOffsets(before: Uint32Array | null, added: Uint32Array, fragment: Fragment): Uint32Array {
  const bits = new Uint8Array((fragment.physicalRows + 7) >> 3);
  let count = 0;
  for (const offsets of [before, added]) {
    if (offsets === null) continue;
    for (let i = 0; i < offsets.length; i++) {
      const offset = offsets[i]!;
      if (offset >= fragment.physicalRows) {
        throw new LanceError(
          "INVALID_ARGUMENT",
          `fragment ${fragment.id} has rows 0 to ${fragment.physicalRows - 1}; cannot delete row ${offset}`,
          { fragmentId: fragment.id, offset, physicalRows: fragment.physicalRows },
        );
      }
      const mask = 1 << (offset & 7);
      if ((bits[offset >> 3]! & mask) === 0) count++;
      bits[offset >> 3]! |= mask;
    }
  }
  const united = new Uint32Array(count);
  let at = 0;
  for (let byte = 0; byte < bits.length; byte++) {
    for (let rest = bits[byte]!; rest !== 0; rest &= rest - 1)
      united[at++] = byte * 8 + (31 - Math.clz32(rest & -rest));
  }
  return united;
}
