import type { WorkerPool } from "../pool/pool.ts";
import type { Snapshot } from "../table/snapshot.ts";

/** What a part of a dataset's calls needs of the dataset they belong to. */
export interface DatasetAccess {
  /** The version it is at, and what work may use. */
  use(): {
    readonly snapshot: Snapshot;
    readonly pool: WorkerPool | undefined;
    readonly memoryBudgetBytes: number;
  };
  /** Moves it to a version that was committed. */
  moveTo(snapshot: Snapshot): void;
}
