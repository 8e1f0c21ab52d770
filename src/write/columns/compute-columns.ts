import type { Data, DataType, RecordBatch, Schema } from "apache-arrow";
import type { LanceField } from "../../format/schema.ts";
import { readDeletions } from "../../table/deletions/deletions.ts";
import type { Fragment } from "../../table/fragment.ts";
import { makeBatch } from "../../table/rows/record-batches.ts";
import { DEFAULT_BATCH_ROWS, scanFragment } from "../../table/rows/scan-fragment.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { findLiveRows, keepLiveRows, spreadLiveRows } from "./spread-rows.ts";

/** How new columns come from old ones. */
export interface Computation {
  /** Columns the step is given. */
  readonly readFields: readonly LanceField[];
  /** The new columns for some live rows; their schema is the same each time. */
  compute(batch: RecordBatch): Promise<{ readonly schema: Schema; readonly columns: readonly Data[] }>;
  /** Columns of the result when a batch has no live row: asked only then. */
  resultSchema(): Schema;
  readonly batchRows?: number | undefined;
  /** Whether `compute` must be given rows in their order, one call at a time. */
  readonly isOrdered?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** New columns for every physical row of a fragment. The step sees live rows only: a deleted row must not make it fail. */
export async function* computeColumns(
  snapshot: Snapshot,
  fragment: Fragment,
  computation: Computation,
): AsyncGenerator<RecordBatch> {
  const { readFields, signal, batchRows = DEFAULT_BATCH_ROWS } = computation;
  const deleted = await readDeletions(snapshot, fragment, signal);
  let start = 0;
  for await (const batch of scanFragment(snapshot, fragment, readFields, { kind: "all" }, { batchRows, signal })) {
    const live = findLiveRows(deleted, start, batch.numRows);
    start += batch.numRows;
    const result =
      live.offsets.length === 0
        ? { schema: computation.resultSchema(), columns: [] }
        : await computation.compute(keepLiveRows(batch, live));
    const columns = result.schema.fields.map(({ type, nullable }, i) =>
      spreadLiveRows(result.columns[i]!, live, type as DataType, nullable),
    );
    yield makeBatch(result.schema, columns, batch.numRows);
  }
}
