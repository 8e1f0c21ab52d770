import type { BuildKernels } from "../../kernels/build.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import type { ColumnSource, FamilyContext, SegmentWriter } from "../segment.ts";
import { assignRows } from "./assign-rows.ts";
import type { IvfModel } from "./model.ts";
import { createMemoryRun, groupRows, type PartitionRun } from "./partition-run.ts";
import { spillRuns } from "./spill-run.ts";
import type { RowStorage } from "./storage/storage.ts";
import { collectVectors, getCompared, getComparedBytes } from "./vectors.ts";

/** Of the budget, runs may hold this share: concatenating and writing need the rest. */
const RUN_SHARE = 0.5;
/** Rows taken from the table at a time, by bytes, so that grouping a batch is short. */
const BATCH_BYTES = 2 << 20;

/**
 * Assigns the rows of a column to partitions and codes them, in bounded memory: groups of rows are kept until they hold half the
 * budget, then merged into one scratch file (an external shuffle).
 */
export async function shuffleRows(
  source: ColumnSource,
  model: IvfModel,
  options: {
    readonly storage: RowStorage;
    readonly kernels: BuildKernels;
    readonly scratch: SegmentWriter["scratch"];
    readonly context: FamilyContext;
  },
): Promise<PartitionRun[]> {
  const { storage, kernels, scratch, context } = options;
  const { type, numPartitions, metric } = model;
  const { rowBytes } = storage;
  const limitBytes = context.memoryBudgetBytes * RUN_SHARE;
  const giveWay = createGiveWay(context.signal);
  const spilled: PartitionRun[] = [];
  let runs: PartitionRun[] = [];
  let runBytes = 0;
  let done = 0;

  const spill = async (): Promise<void> => {
    const name = `partitions-${spilled.length}`;
    spilled.push(await spillRuns(runs, { numPartitions, rowBytes, scratch, name, signal: context.signal }));
    runs = [];
    runBytes = 0;
  };
  const batchRows = Math.max(64, Math.floor(Math.min(BATCH_BYTES, limitBytes / 4) / getComparedBytes(type)));
  for await (const batch of source.batches({ batchRows, borrow: true, signal: context.signal })) {
    const rows = collectVectors(batch, type, metric);
    const partitions = await assignRows(getCompared(rows), model, { kernels, giveWay });
    const values = await storage.encode(rows, partitions, context.signal);
    const coded = { values, rowIds: rows.rowIds };
    const grouped = groupRows(coded, partitions, { numPartitions, rowBytes });
    runs.push(createMemoryRun(grouped.rows, grouped.starts, rowBytes));
    runBytes += rows.rowIds.length * (8 + rowBytes) + grouped.starts.byteLength * 2;
    done += batch.rowIds.length;
    context.reportProgress?.({ phase: "assign", done, total: source.numRows, unit: "rows" });
    await giveWay();
    if (runBytes > limitBytes) await spill();
  }
  if (spilled.length > 0 && runs.length > 0) await spill();
  return [...spilled, ...runs];
}
