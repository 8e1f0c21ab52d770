import type { RecordBatch } from "apache-arrow";
import { createBits } from "../bitset.ts";
import type { BoundExpression } from "../bound.ts";
import { evaluatePredicate } from "./evaluate.ts";

/**
 * The outcome of a predicate for every row of a batch, in three-valued logic. Words of 32 rows, bit 0 = row 0; bits
 * beyond the last row are 0, and no row is in both.
 */
export interface FilterResult {
  readonly values: Uint32Array;
  /** Rows where the predicate is NULL. */
  readonly nulls: Uint32Array;
}

/**
 * Compiles a filter to a function of a batch that evaluates a column at a time. The batch has the columns of
 * `columnsOf(bound)`, found by name; `selectIndices(result.values)` gives the rows that pass.
 *
 * @throws (the function) INVALID_ARGUMENT when a column is missing, an integer is divided by zero or a value cannot be
 * cast; SCHEMA_MISMATCH when a column has another type than it was bound to
 */
export function compileExpression(bound: BoundExpression): (batch: RecordBatch) => FilterResult {
  return (batch) => {
    // Arrow leaves out the buffers of an empty column.
    if (batch.numRows === 0) return { values: createBits(0), nulls: createBits(0) };
    const { bits, nulls } = evaluatePredicate(bound, { batch, length: batch.numRows, skipped: null });
    return { values: bits, nulls: nulls ?? createBits(batch.numRows) };
  };
}
