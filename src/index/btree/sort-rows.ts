import type { BuildKernels } from "../../kernels/build.ts";
import type { GiveWay } from "../../tasks/give-way.ts";
import type { ColumnSource, FamilyContext, SegmentWriter } from "../segment.ts";
import { mergeSources } from "./merge-sources.ts";
import { createMemorySource, getRowsBytes, permuteRows, type SortedRows, type SortedSource } from "./sorted-run.ts";
import { spillRun } from "./spill-run.ts";
import { concatColumns, fromArrowData, type ValueColumn } from "./value-column.ts";
import type { ValueType } from "./value-type.ts";

/** Rows sorted by one kernel call: about 10 ms of work, so that the thread can give way between two. */
const RUN_ROWS = 65536;
/** Rows per piece of a spilled run; a merge holds one piece of each. */
const SPILL_PAGE_ROWS = 4096;
/** Of the budget, runs may hold this share: merging and writing need the rest. */
const RUN_SHARE = 0.5;

/** What one external sort works with. */
export interface SortContext {
  readonly type: ValueType;
  readonly kernels: BuildKernels;
  readonly scratch: SegmentWriter["scratch"];
  readonly giveWay: GiveWay;
  readonly context: FamilyContext;
}

/**
 * Sorts a column in bounded memory: runs of 65,536 rows by the kernel; when the runs held exceed half the budget they
 * are merged into one scratch file.
 * @returns the runs, for {@link mergeSources}
 */
export async function sortRows(source: ColumnSource, sort: SortContext): Promise<SortedSource[]> {
  const { type, context, giveWay } = sort;
  const limitBytes = context.memoryBudgetBytes * RUN_SHARE;
  const spilled: SortedSource[] = [];
  let runs: SortedRows[] = [];
  let runBytes = 0;
  let pending: SortedRows[] = [];
  let pendingRows = 0;
  let pendingBytes = 0;
  let done = 0;

  const sealRun = (): void => {
    const run = sortRun(pending, sort);
    pending = [];
    pendingRows = 0;
    pendingBytes = 0;
    runs.push(run);
    runBytes += getRowsBytes(run);
  };
  const spill = async (): Promise<void> => {
    const pages = mergeSources(type, runs.map(createMemorySource), SPILL_PAGE_ROWS, giveWay);
    spilled.push(await spillRun(type, pages, sort.scratch, `run-${spilled.length}`, context.signal));
    runs = [];
    runBytes = 0;
  };

  for await (const batch of source.batches({ batchRows: 8192, signal: context.signal })) {
    const column = fromArrowData(type, batch.values);
    pending.push({ column, ids: batch.rowIds });
    pendingRows += column.length;
    pendingBytes += getRowsBytes({ column, ids: batch.rowIds });
    done += column.length;
    // Sorting holds the rows twice.
    if (pendingRows >= RUN_ROWS || pendingBytes > limitBytes / 2) {
      sealRun();
      await giveWay();
      if (runBytes > limitBytes) await spill();
    }
    context.reportProgress?.({ phase: "sort", done, total: source.numRows, unit: "rows" });
  }
  if (pendingRows > 0) sealRun();
  if (spilled.length > 0 && runs.length > 0) await spill();
  return [...spilled, ...runs.map(createMemorySource)];
}

function sortRun(parts: readonly SortedRows[], { type, kernels }: SortContext): SortedRows {
  const column: ValueColumn = concatColumns(
    type,
    parts.map((part) => part.column),
  );
  const ids = new BigUint64Array(column.length);
  let row = 0;
  for (const part of parts) {
    ids.set(part.ids, row);
    row += part.ids.length;
  }
  const permutation = kernels.sortPermutation({
    type: type.sortType,
    values: column.values,
    ...(column.offsets ? { offsets: column.offsets } : {}),
    validity: column.validity,
    length: column.length,
  });
  return permuteRows({ column, ids }, permutation);
}
