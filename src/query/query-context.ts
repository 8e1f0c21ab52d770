import type { WorkerPool } from "../pool/pool.ts";
import type { Snapshot } from "../table/snapshot.ts";
import type { StatisticsCollector } from "./statistics.ts";

/** What every step of one query is given. */
export interface QueryContext {
  readonly snapshot: Snapshot;
  /** `null`: everything runs on the calling thread. */
  readonly pool: WorkerPool | null;
  readonly memoryBudgetBytes: number;
  readonly statistics: StatisticsCollector;
  readonly signal: AbortSignal | undefined;
}
