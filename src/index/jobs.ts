import { loadBuildKernels } from "../kernels/build.ts";
import type { JobContext, JobHandlers } from "../pool/pool.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { buildSegment, trainModel } from "./build-segment.ts";
import { type MergeTask, mergeSegments } from "./merge-segments.ts";
import { checkTask, openTable, type TableHandle } from "./open-table.ts";
import { type RemapTask, remapSegment } from "./remap-segment.ts";
import { searchHandlers } from "./search-job.ts";
import type { BuildTask } from "./segment.ts";

interface TaskPayload<T> {
  readonly table: TableHandle;
  readonly task: T;
}

/** A job that works on a table: opens it, runs, closes. */
function onTable<T extends { readonly uri: string; readonly version: number }, R>(
  run: (snapshot: Awaited<ReturnType<typeof openTable>>["snapshot"], task: T, context: JobContext) => Promise<R>,
): (payload: TaskPayload<T>, context: JobContext) => Promise<R> {
  return async ({ table: handle, task }, context) => {
    checkTask(task, handle);
    const table = await openTable(handle, context.signal);
    try {
      return await run(table.snapshot, task, context);
    } finally {
      await table.close();
    }
  };
}

/** Makes a worker ready for a build while another one trains: its start, the table and the kernels. */
async function prepareBuild({ table: handle }: Pick<TaskPayload<never>, "table">, context: JobContext): Promise<void> {
  const [table] = await settleAll([openTable(handle, context.signal), loadBuildKernels()]);
  await table.close();
}

/** Every job of this room, by kind: what a worker, a queue or the calling thread can be asked to run. */
export const jobHandlers: JobHandlers = {
  ...searchHandlers,
  "index.prepare": prepareBuild,
  "index.train": onTable<BuildTask, unknown>(trainModel),
  "index.build": onTable<BuildTask, unknown>(buildSegment),
  "index.merge": onTable<MergeTask, unknown>(mergeSegments),
  "index.remap": onTable<RemapTask, unknown>(remapSegment),
};
