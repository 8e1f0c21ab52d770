import type { RecordBatch } from "apache-arrow";
import type { Fragment } from "../table/fragment.ts";
import { addressesOf } from "../table/row-ids/row-addresses.ts";
import { completeInput, type InputColumns } from "./filter-columns.ts";
import { markDeleted } from "./mark-deleted.ts";
import type { QueryContext } from "./query-context.ts";
import { type FragmentRows, scanPieces } from "./scan-pieces.ts";

/** Rows of a fragment with the columns expressions read. */
export interface FilterBatch {
  readonly fragment: Fragment;
  /** Physical offsets, ascending. */
  readonly offsets: Uint32Array;
  readonly addresses: BigUint64Array;
  readonly batch: RecordBatch;
}

/** Of the memory budget, what scans may have under way of files. */
const READ_SHARE = 0.25;

/** Bytes of files a scan may have under way. */
export function boundReadBytes(memoryBudgetBytes: number): number {
  return Math.max(1, Math.floor(memoryBudgetBytes * READ_SHARE));
}

/** Some columns of some rows, in their order, read ahead. */
export async function* scanBatches(
  context: QueryContext,
  rows: AsyncIterable<FragmentRows>,
  input: InputColumns,
  options: {
    readonly batchRows: number;
    readonly width?: number | undefined;
    /** Deleted rows are among `rows`; their `_rowid` is NULL. */
    readonly includeDeletedRows?: boolean;
  },
): AsyncGenerator<FilterBatch> {
  const { snapshot, signal } = context;
  const maxBytes = boundReadBytes(context.memoryBudgetBytes);
  for await (const piece of scanPieces(snapshot, rows, input.fields, { ...options, maxBytes, signal })) {
    const { fragment, offsets, stored } = piece;
    const addresses = addressesOf(fragment.id, offsets);
    const { system } = input;
    const marks = options.includeDeletedRows === true && system.includes("_rowid");
    const deleted = marks ? await markDeleted(context, fragment, offsets) : null;
    const batch = await completeInput(snapshot, stored, addresses, { system, deleted, signal });
    yield { fragment, offsets, addresses, batch };
  }
}
