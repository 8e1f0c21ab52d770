import { toBinary } from "@bufbuild/protobuf";
import { openTable, type TableHandle } from "../index/open-table.ts";
import type { JobContext, JobHandlers } from "../pool/pool.ts";
import { DataFragmentSchema } from "../proto/gen/lance/table_pb.ts";
import { type RewriteTask, rewriteFragments } from "./compact/rewrite-fragments.ts";

/** Runs one task of a compaction on a worker. @returns the new fragments as protobuf */
async function runRewrite(
  { table: handle, task }: { readonly table: TableHandle; readonly task: RewriteTask },
  context: JobContext,
): Promise<Uint8Array[]> {
  const { signal } = context;
  const table = await openTable(handle, signal);
  try {
    const onRows = (done: number): void => context.reportProgress({ phase: "rewrite", done, unit: "rows" });
    const fragments = await rewriteFragments(table.snapshot, task, { signal, onRows });
    return fragments.map((fragment) => toBinary(DataFragmentSchema, fragment));
  } finally {
    await table.close();
  }
}

/** Jobs that write data files. */
export const writeHandlers: JobHandlers = { "write.rewrite": runRewrite };
