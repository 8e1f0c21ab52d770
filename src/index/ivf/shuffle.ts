import type { BuildKernels } from "../../kernels/build.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import type { ColumnSource, FamilyContext, SegmentWriter } from "../segment.ts";
import { assignRows } from "./assign-rows.ts";
import { RunCollector } from "./collect-run.ts";
import type { IvfModel } from "./model.ts";
import type { PartitionRun } from "./partition-run.ts";
import { spillRun } from "./spill-run.ts";
import type { RowStorage } from "./storage/storage.ts";
import { createVectorCollector, getCompared, getComparedBytes } from "./vectors.ts";

/** Of the budget, runs may hold this share: concatenating and writing need the rest. */
const RUN_SHARE = 0.5;
/** Rows taken from the table at a time, by bytes, so that what is done to a batch is short. */
const BATCH_BYTES = 2 << 20;

/**
 * Assigns the rows of a column to partitions and codes them, in bounded memory: coded rows are kept until they hold half the
 * budget, then written to a scratch file by partition (an external shuffle).
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
  const collect = createVectorCollector(type, metric);
  const collected = new RunCollector({ numPartitions, rowBytes });
  const spilled: PartitionRun[] = [];
  let done = 0;

  const spill = async (): Promise<void> => {
    const name = `partitions-${spilled.length}`;
    spilled.push(await spillRun(collected.finish(), { rowBytes, scratch, name, signal: context.signal }));
    collected.clear();
  };
  const batchRows = Math.max(64, Math.floor(Math.min(BATCH_BYTES, limitBytes / 4) / getComparedBytes(type)));
  for await (const batch of source.batches({ batchRows, borrow: true, signal: context.signal })) {
    const rows = collect(batch);
    const partitions = await assignRows(getCompared(rows), model, { kernels, giveWay });
    const values = await storage.encode(rows, partitions, context.signal);
    collected.append({ values, rowIds: rows.rowIds }, partitions);
    done += batch.rowIds.length;
    context.reportProgress?.({ phase: "assign", done, total: source.numRows, unit: "rows" });
    await giveWay();
    if (collected.byteLength > limitBytes) await spill();
  }
  if (spilled.length === 0) return collected.numRows === 0 ? [] : [collected.finish()];
  if (collected.numRows > 0) await spill();
  return spilled;
}
