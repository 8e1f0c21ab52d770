import { openTable, type TableHandle } from "../index/open-table.ts";
import type { JobContext, JobHandlers } from "../pool/pool.ts";
import { withTransfer } from "../pool/with-transfer.ts";
import { RowSet, type RowSetData } from "../table/row-set.ts";
import { type FlatQuery, type NearestRows, searchFlat } from "./flat-search.ts";

/** A flat search of some fragments, as it crosses to a worker. */
export interface FlatTask {
  readonly query: FlatQuery;
  /** `null` = all rows. */
  readonly rows: RowSetData | null;
}

/** What comes back. */
export interface FlatAnswer extends NearestRows {
  /** Rows compared, by fragment. */
  readonly compared: readonly (readonly [fragmentId: number, rows: number])[];
}

async function runFlatSearch(
  { table: handle, query, rows }: FlatTask & { readonly table: TableHandle },
  { signal }: JobContext,
): Promise<FlatAnswer> {
  const table = await openTable(handle, signal);
  try {
    const compared: [number, number][] = [];
    const allowed = rows && RowSet.fromTransferable(rows);
    const onRows = (fragmentId: number, count: number) => compared.push([fragmentId, count]);
    const { rowIds, distances } = await searchFlat(table.snapshot, query, allowed, { signal, onRows });
    return withTransfer({ rowIds, distances, compared }, [
      rowIds.buffer as ArrayBuffer,
      distances.buffer as ArrayBuffer,
    ]);
  } finally {
    await table.close();
  }
}

/** Every job of this room, by kind. */
export const queryHandlers: JobHandlers = { "query.flat": runFlatSearch };
