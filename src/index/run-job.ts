import type { JobProgress, WorkerPool } from "../pool/pool.ts";
import { shareStore } from "../store/message-port.ts";
import type { Store } from "../store/store.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { describeTable } from "./open-table.ts";

/** How to run one job of this room. */
export interface TableJobOptions {
  readonly signal?: AbortSignal | undefined;
  readonly affinity?: string | undefined;
  readonly onProgress?: ((progress: JobProgress & { readonly workerIndex: number }) => void) | undefined;
  readonly onDiscard?: ((result: unknown) => void) | undefined;
}

/**
 * Runs a job on a pool against a fixed version of a table. The job's worker opens the table itself; only where a store
 * cannot be described is it served from this thread.
 * @throws what the job throws
 */
export async function runTableJob<T>(
  pool: WorkerPool,
  snapshot: Snapshot,
  job: { readonly kind: string; readonly payload: Readonly<Record<string, unknown>> },
  options: TableJobOptions = {},
): Promise<T> {
  if (pool.inline) {
    const table = describeTable(snapshot, snapshot.store);
    return pool.run<T>({ kind: job.kind, payload: { ...job.payload, table } }, options);
  }
  const shared = shareStore(snapshot.store as Store);
  try {
    const table = describeTable(snapshot, shared.handle);
    const payload = { ...job.payload, table };
    return await pool.run<T>({ kind: job.kind, payload, transfer: shared.transfer }, options);
  } finally {
    shared.close();
  }
}
