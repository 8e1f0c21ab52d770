import type { RecordBatch } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { RowSelection } from "../../format/read/row-ranges.ts";
import type { DataFragment } from "../../proto/gen/lance/table_pb.ts";
import { readAhead } from "../../query/read-ahead.ts";
import { deleteQuietly, requireWritable } from "../../table/commit/publish.ts";
import { readDeletions } from "../../table/deletions/deletions.ts";
import type { Fragment } from "../../table/fragment.ts";
import { listRangesWithout } from "../../table/row-ids/range-rank.ts";
import { scanFragment } from "../../table/rows/scan-fragment.ts";
import { getFragment, type Snapshot } from "../../table/snapshot.ts";
import { checkStorageVersion } from "../create-table.ts";
import { listDataFiles } from "../data-files.ts";
import { writeFragments } from "../write-fragments.ts";
import { findBlobColumns, readBlobBytes } from "./blob-columns.ts";
import { carryLineage } from "./carry-lineage.ts";

/** One task of a compaction, as a worker runs it: plain JSON. */
export interface RewriteTask {
  readonly fragmentIds: readonly number[];
  readonly rowsPerFile: number;
  readonly maxBytesPerFile: number | undefined;
}

/** What a task runs within. */
export interface RewriteContext {
  readonly signal?: AbortSignal | undefined;
  readonly onRows?: ((rows: number) => void) | undefined;
}

/** Bytes of stored data decoded at a time. */
const BATCH_BYTES = 4 * 1024 * 1024;
const MAX_BATCH_ROWS = 8192;
const MIN_BATCH_ROWS = 64;
/** Small fragments read at once: the latency of opening each is then not waited for one after another. */
const READ_AHEAD = 16;
/** What makes a fragment small. Rows count too, since few bytes of file may hold large values many times. */
const SMALL_BYTES = 256 * 1024;
const SMALL_ROWS = 1024;

/**
 * Writes the live rows of some fragments, in order, as new files of the table's version. Memory is one batch or
 * {@link READ_AHEAD} small fragments, and the writer's pages. When it fails, nothing is left of it.
 *
 * @returns fragments without ids; with the stable row ids of their rows where the table has them
 * @throws UNSUPPORTED, CORRUPT, NOT_FOUND, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function rewriteFragments(
  snapshot: Snapshot,
  task: RewriteTask,
  context: RewriteContext,
): Promise<DataFragment[]> {
  const store = requireWritable(snapshot.store, snapshot.uri);
  const version = checkStorageVersion(snapshot.storageVersion);
  const fragments = task.fragmentIds.map((id) => getFragment(snapshot, id));
  const expected = fragments.reduce((sum, fragment) => sum + fragment.numRows, 0);
  const written = await writeFragments(store, readLiveRows(snapshot, fragments, context), {
    schema: snapshot.schema,
    version,
    maxRowsPerFile: task.rowsPerFile,
    maxBytesPerFile: task.maxBytesPerFile,
    signal: context.signal,
    onProgress: ({ rows }) => context.onRows?.(rows),
  });
  try {
    checkRows(task, written, expected);
    if (snapshot.stableRowIds) await carryLineage(snapshot, task.fragmentIds, written, context.signal);
    return written;
  } catch (error) {
    await deleteQuietly(store, listDataFiles(written));
    throw error;
  }
}

/** @throws CORRUPT */
function checkRows(task: RewriteTask, written: readonly DataFragment[], expected: number): void {
  const rows = written.reduce((sum, { physicalRows }) => sum + Number(physicalRows), 0);
  if (rows === expected) return;
  throw new LanceError(
    "CORRUPT",
    `fragments ${task.fragmentIds.join(", ")} gave ${rows} rows, the manifest says ${expected}`,
    { fragmentIds: task.fragmentIds, rows, expected },
  );
}

/** Live rows in order. Small fragments are read whole, some ahead; a larger one is streamed when its turn has come. */
async function* readLiveRows(
  snapshot: Snapshot,
  fragments: readonly Fragment[],
  context: RewriteContext,
): AsyncGenerator<RecordBatch> {
  // Blobs may be in files the manifest does not count.
  const hasBlobs = findBlobColumns(snapshot.schema.fields).length > 0;
  const read = async (fragment: Fragment): Promise<AsyncIterable<RecordBatch> | readonly RecordBatch[]> => {
    const batches = readFragment(snapshot, fragment, context);
    if (hasBlobs || !isSmall(fragment)) return batches;
    const whole: RecordBatch[] = [];
    for await (const batch of batches) whole.push(batch);
    return whole;
  };
  const options = { width: READ_AHEAD, maxBytes: Number.POSITIVE_INFINITY, sizeOf: () => 0 };
  for await (const batches of readAhead(fragments, read, options)) yield* batches;
}

function isSmall(fragment: Fragment): boolean {
  const bytes = countBytes(fragment);
  return bytes > 0 && bytes <= SMALL_BYTES && fragment.physicalRows <= SMALL_ROWS;
}

async function* readFragment(
  snapshot: Snapshot,
  fragment: Fragment,
  { signal }: RewriteContext,
): AsyncGenerator<RecordBatch> {
  const { fields } = snapshot.schema;
  const blobs = findBlobColumns(fields);
  const ranges = listRangesWithout((await readDeletions(snapshot, fragment, signal)) ?? [], fragment.physicalRows);
  const rows: RowSelection = fragment.numDeletedRows === 0 ? { kind: "all" } : { kind: "ranges", ranges };
  const batchRows = chooseBatchRows(fragment);
  const takeOffsets = createOffsetCursor(ranges);
  for await (const batch of scanFragment(snapshot, fragment, fields, rows, { batchRows, signal })) {
    if (blobs.length === 0) yield batch;
    else yield* readBlobBytes(snapshot, { fragment, batch, offsets: takeOffsets(batch.numRows) }, blobs, signal);
  }
}

/** Gives the offsets of the next rows of some ranges. */
function createOffsetCursor(ranges: readonly (readonly [number, number])[]): (count: number) => Uint32Array {
  let at = 0;
  let next = ranges[0]?.[0] ?? 0;
  return (count) => {
    const offsets = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      if (next === ranges[at]![1]) next = ranges[++at]![0];
      offsets[i] = next++;
    }
    return offsets;
  };
}

function chooseBatchRows(fragment: Fragment): number {
  const bytes = countBytes(fragment);
  if (bytes === 0) return MAX_BATCH_ROWS;
  return Math.max(MIN_BATCH_ROWS, Math.min(MAX_BATCH_ROWS, Math.floor((BATCH_BYTES * fragment.physicalRows) / bytes)));
}

/** Bytes of a fragment's files, as far as the manifest says. */
function countBytes({ proto }: Fragment): number {
  return proto.files.reduce((sum, { fileSizeBytes }) => sum + Number(fileSizeBytes), 0);
}
