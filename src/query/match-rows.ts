import { compileExpression } from "../expr/compile.ts";
import type { BoundExpression } from "../expr/bound.ts";
import { columnsOf } from "../expr/bound.ts";
import type { RowSelection } from "../format/read/row-selection.ts";
import type { Fragment } from "../table/fragment.ts";
import { scanFragment } from "../table/scan-fragment.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { resolveFields } from "./projection.ts";

/**
 * Evaluates a filter on the selected physical rows of one fragment, reading only the columns it names.
 * @returns offsets where it is true, a batch at a time, ascending
 */
export async function* matchRows(
  snapshot: Snapshot,
  fragment: Fragment,
  filter: BoundExpression,
  selection: RowSelection,
  options: { readonly batchRows: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Uint32Array> {
  const evaluate = compileExpression(filter);
  const fields = resolveFields(snapshot.schema, columnsOf(filter));
  if (fields.length === 0) throw new RangeError("a filter without columns is a constant: the planner folds it");
  const offsets = selection.kind === "indices" ? selection.indices : null;
  let start = 0;
  for await (const batch of scanFragment(snapshot, fragment, fields, selection, options)) {
    const { values } = evaluate(batch);
    const matched = new Uint32Array(batch.numRows);
    let count = 0;
    for (let row = 0; row < batch.numRows; row++) {
      if (values[row >>> 5]! & (1 << (row & 31))) matched[count++] = offsets ? offsets[start + row]! : start + row;
    }
    start += batch.numRows;
    yield matched.subarray(0, count);
  }
}
