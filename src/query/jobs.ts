import { type OpenTable, openTable, type TableHandle } from "../index/open-table.ts";
import type { NearestRows } from "../index/search.ts";
import type { JobContext, JobHandlers } from "../pool/pool.ts";
import { withTransfer } from "../pool/with-transfer.ts";
import { withCache } from "../store/with-cache.ts";
import { createFileCache } from "../table/file-cache.ts";
import { RowSet, type RowSetData } from "../table/row-set.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { type FlatQuery, searchFlat } from "./flat-search.ts";

/** A flat search of some fragments, as it crosses to a worker. */
export interface FlatTask {
  readonly query: FlatQuery;
  /** `null` = all rows. */
  readonly rows: RowSetData | null;
  /** Bytes of fetched file ranges this worker may keep. */
  readonly cacheBytes: number;
  /** Bytes of columns it may keep as they are compared. */
  readonly keptBytes: number;
}

/** What comes back. */
export interface FlatAnswer {
  /** Of each query. */
  readonly nearest: readonly NearestRows[];
  /** Rows compared, by fragment. */
  readonly compared: readonly (readonly [fragmentId: number, rows: number])[];
}

let kept: { readonly of: Snapshot; readonly cacheBytes: number; readonly snapshot: Snapshot } | undefined;

/** The table behind a cache of file ranges. One a thread: that of the newest search. */
function keepRanges(table: OpenTable, cacheBytes: number): Snapshot {
  if (table.key === null) return table.snapshot;
  if (kept?.of !== table.snapshot || kept.cacheBytes !== cacheBytes) {
    kept?.snapshot.files.clear();
    const store = withCache(table.snapshot.store, { maxBytes: cacheBytes });
    kept = { of: table.snapshot, cacheBytes, snapshot: { ...table.snapshot, store, files: createFileCache(store) } };
  }
  return kept.snapshot;
}

async function runFlatSearch(
  { table: handle, query, rows, cacheBytes, keptBytes }: FlatTask & { readonly table: TableHandle },
  { signal }: JobContext,
): Promise<FlatAnswer> {
  const table = await openTable(handle, signal);
  try {
    const compared: [number, number][] = [];
    const allowed = rows && RowSet.fromTransferable(rows);
    const onRows = (fragmentId: number, count: number) => compared.push([fragmentId, count]);
    const snapshot = keepRanges(table, cacheBytes);
    // Nothing of a table that nobody shares outlives the job.
    const kept = table.key === null ? 0 : keptBytes;
    const nearest = await searchFlat(snapshot, query, allowed, { signal, onRows, keptBytes: kept });
    const buffers = nearest.flatMap(({ rowIds, distances }) => [rowIds.buffer, distances.buffer] as ArrayBuffer[]);
    return withTransfer({ nearest, compared }, buffers);
  } finally {
    await table.close();
  }
}

/** Every job of this room, by kind. */
export const queryHandlers: JobHandlers = { "query.flat": runFlatSearch };
