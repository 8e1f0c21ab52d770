import type { RecordBatch } from "apache-arrow";
import { addressesOf } from "../table/row-ids/row-addresses.ts";
import { getFragment } from "../table/snapshot.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import { listInputColumns } from "./filter-columns.ts";
import { markDeleted } from "./mark-deleted.ts";
import { FILTER_BATCH_ROWS } from "./match-rows.ts";
import { assembleBatch } from "./output-batch.ts";
import type { ScanPlan } from "./plan-scan.ts";
import type { QueryContext } from "./query-context.ts";
import { readSorted } from "./read-sorted.ts";
import { RowWindow } from "./row-window.ts";
import { boundReadBytes, scanBatches } from "./scan-batches.ts";
import { type FragmentRows, scanPieces } from "./scan-pieces.ts";
import { selectFragments } from "./select-fragments.ts";
import { countSelected } from "./selection.ts";
import { sortRows } from "./sort-rows.ts";
import { readSystemColumns } from "./system-columns.ts";

/** Of the memory budget, what the keys of a sort may take. */
const SORT_SHARE = 0.25;

/** The rows of a scan without a nearest query: in table order, or as `orderBy` says. */
export async function* scanRows(context: QueryContext, plan: ScanPlan): AsyncGenerator<RecordBatch> {
  if (plan.orderBy.length > 0) {
    yield* scanSorted(context, plan);
    return;
  }
  const { snapshot, signal } = context;
  const { projection, batchSize: batchRows } = plan;
  const maxBytes = boundReadBytes(context.memoryBudgetBytes);
  const giveWay = createGiveWay(signal);
  const rows = cutWindow(context, plan);
  for await (const piece of scanPieces(snapshot, rows, projection.fields, { batchRows, maxBytes, signal })) {
    await giveWay();
    const { fragment, offsets, stored } = piece;
    const system = await readSystemColumns(snapshot, addressesOf(fragment.id, offsets), projection.system, signal);
    const deleted = plan.includeDeletedRows ? await markDeleted(context, fragment, offsets) : null;
    yield assembleBatch(projection, stored, system, offsets.length, { deleted });
  }
}

/** Number of rows of such a scan. Reads only the filter's columns and deletion counts. */
export async function countRows(context: QueryContext, plan: ScanPlan): Promise<number> {
  if (plan.filter === null) {
    const total = plan.fragmentIds.reduce((sum, id) => {
      const { physicalRows, numRows } = getFragment(context.snapshot, id);
      return sum + (plan.includeDeletedRows ? physicalRows : numRows);
    }, 0);
    return Math.min(Math.max(0, total - plan.offset), plan.limit ?? Number.POSITIVE_INFINITY);
  }
  let count = 0;
  for await (const { fragment, selection } of cutWindow(context, plan)) {
    count += countSelected(selection, fragment.physicalRows);
  }
  return count;
}

/** The rows inside of LIMIT and OFFSET. */
async function* cutWindow(context: QueryContext, plan: ScanPlan): AsyncGenerator<FragmentRows> {
  const window = new RowWindow(plan.offset, plan.limit);
  if (window.isDone) return;
  for await (const rows of selectFragments(context, plan)) {
    const cut = window.cut(rows);
    if (cut !== null) yield cut;
    if (window.isDone) return;
  }
}

/** Keys and addresses are sorted, then the rows of the answer are read in its order. */
async function* scanSorted(context: QueryContext, plan: ScanPlan): AsyncGenerator<RecordBatch> {
  const { snapshot, signal } = context;
  const { offset, limit, batchSize, orderBy } = plan;
  if (limit === 0) return;
  const input = listInputColumns(
    snapshot.schema,
    orderBy.map(({ bound }) => bound),
  );
  const sorted = sortRows(
    () => scanBatches(context, selectFragments(context, plan), input, { batchRows: FILTER_BATCH_ROWS }),
    {
      keys: orderBy,
      first: limit === null ? null : offset + limit,
      budgetBytes: Math.max(1, Math.floor(context.memoryBudgetBytes * SORT_SHARE)),
      signal,
    },
  );
  yield* readSorted(context, plan.projection, sorted, { skip: offset, batchSize });
}
