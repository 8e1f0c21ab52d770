import { selectIndices } from "../expr/bitset.ts";
import type { BoundExpression } from "../expr/bound.ts";
import { compileExpression } from "../expr/compile/compile.ts";
import type { Fragment } from "../table/fragment.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import { listInputColumns } from "./filter-columns.ts";
import type { QueryContext } from "./query-context.ts";
import { scanBatches } from "./scan-batches.ts";
import type { FragmentRows } from "./scan-pieces.ts";

/** Rows of one decoded batch of a filter's columns: some milliseconds of work. */
export const FILTER_BATCH_ROWS = 16_384;

/** Rows of a fragment a filter is true for. */
export interface MatchedRows {
  readonly fragment: Fragment;
  /** Physical offsets, ascending. */
  readonly offsets: Uint32Array;
}

/**
 * Evaluates a filter on some rows, reading only the columns and fields of structs it names, ahead of the evaluation.
 * @param options.includeDeletedRows deleted rows are among `rows`; their `_rowid` is NULL
 * @returns where it is true, a batch at a time, in the order of the rows
 */
export async function* matchRows(
  context: QueryContext,
  filter: BoundExpression,
  rows: AsyncIterable<FragmentRows>,
  options: { readonly width?: number | undefined; readonly includeDeletedRows?: boolean } = {},
): AsyncGenerator<MatchedRows> {
  const evaluate = compileExpression(filter);
  const input = listInputColumns(context.snapshot.schema, [filter]);
  const giveWay = createGiveWay(context.signal);
  const batches = scanBatches(context, rows, input, { ...options, batchRows: FILTER_BATCH_ROWS });
  for await (const { fragment, offsets, batch } of batches) {
    await giveWay();
    const matched = selectIndices(evaluate(batch).values);
    for (let i = 0; i < matched.length; i++) matched[i] = offsets[matched[i]!]!;
    yield { fragment, offsets: matched };
  }
}
