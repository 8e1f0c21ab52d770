import { selectIndices } from "../expr/bitset.ts";
import { type BoundExpression, columnsOf } from "../expr/bound.ts";
import { compileExpression } from "../expr/compile/compile.ts";
import type { RowSelection } from "../format/read/row-ranges.ts";
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
  const offsets = selection.kind === "indices" ? selection.indices : null;
  let start = 0;
  for await (const batch of scanFragment(snapshot, fragment, fields, selection, options)) {
    const matched = selectIndices(evaluate(batch).values);
    for (let i = 0; i < matched.length; i++) {
      const position = start + matched[i]!;
      matched[i] = offsets ? offsets[position]! : position;
    }
    start += batch.numRows;
    yield matched;
  }
}
