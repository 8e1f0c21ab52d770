import { fromBinary } from "@bufbuild/protobuf";
import { runTableJob } from "../../index/run-job.ts";
import { type DataFragment, DataFragmentSchema } from "../../proto/gen/lance/table_pb.ts";
import { deleteQuietly, requireWritable } from "../../table/commit/publish.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { listDataFiles } from "../data-files.ts";
import type { ResolvedOptions } from "./compaction-options.ts";
import type { CompactionTask } from "./plan-compaction.ts";
import { type RewriteTask, rewriteFragments } from "./rewrite-fragments.ts";

/** One task and what it wrote. */
export interface RewrittenTask {
  readonly task: CompactionTask;
  /** Without ids. */
  readonly fragments: DataFragment[];
}

/**
 * Runs tasks, on the pool where there is one. When one fails, nothing of any is left.
 * @throws what the first task that failed threw
 */
export async function runRewrites(
  snapshot: Snapshot,
  tasks: readonly CompactionTask[],
  options: ResolvedOptions & { readonly onRows: (task: CompactionTask, rows: number) => void },
): Promise<RewrittenTask[]> {
  const { pool, signal, maxBytesPerFile, onRows } = options;
  const numThreads = options.numThreads ?? (pool && !pool.inline ? pool.numWorkers : 1);
  const written: string[] = [];
  try {
    return await mapBounded(tasks, numThreads, async (task) => {
      const { fragmentIds, rowsPerFile } = task;
      const rewrite: RewriteTask = { fragmentIds, rowsPerFile, maxBytesPerFile };
      const report = (rows: number): void => onRows(task, rows);
      const fragments =
        pool && !pool.inline
          ? await runOnPool(snapshot, rewrite, { pool, signal, onRows: report })
          : await rewriteFragments(snapshot, rewrite, { signal, onRows: report });
      written.push(...listDataFiles(fragments));
      return { task, fragments };
    });
  } catch (error) {
    await deleteQuietly(requireWritable(snapshot.store, snapshot.uri), written);
    throw error;
  }
}

async function runOnPool(
  snapshot: Snapshot,
  task: RewriteTask,
  options: Required<Pick<ResolvedOptions, "pool">> & {
    readonly signal: AbortSignal | undefined;
    readonly onRows: (rows: number) => void;
  },
): Promise<DataFragment[]> {
  const decode = (result: unknown): DataFragment[] =>
    (result as readonly Uint8Array[]).map((bytes) => fromBinary(DataFragmentSchema, bytes));
  const job = { kind: "write.rewrite", payload: { task } };
  const result = await runTableJob<readonly Uint8Array[]>(options.pool!, snapshot, job, {
    signal: options.signal,
    onProgress: ({ done }) => options.onRows(done),
    // The call was cancelled while its result was under way.
    onDiscard: (late) => void deleteQuietly(requireWritable(snapshot.store, snapshot.uri), listDataFiles(decode(late))),
  });
  return decode(result);
}
