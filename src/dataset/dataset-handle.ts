import { getGlobalPool } from "../pool/global-pool.ts";
import type { WorkerPool } from "../pool/pool.ts";
import type { ScannerEnvironment } from "../query/scanner.ts";
import type { Store } from "../store/store.ts";
import { closeBases } from "../store/with-bases.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { OwnPool } from "./own-pool.ts";

/** What a dataset holds beside its version. */
export interface DatasetResources {
  readonly store: Store;
  /** Whether `close` closes the store. */
  readonly ownsStore: boolean;
  readonly pool: WorkerPool | undefined;
  readonly memoryBudgetBytes: number;
}

/** The state behind a {@link Dataset}: the version it is at, and what its calls may use. */
export class DatasetHandle {
  readonly resources: DatasetResources;
  readonly #ownPool = new OwnPool();
  readonly #closed = new AbortController();
  #snapshot: Snapshot;

  constructor(snapshot: Snapshot, resources: DatasetResources) {
    this.#snapshot = snapshot;
    this.resources = resources;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Aborted when the dataset is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Workers of the handle's own only where they can open the store themselves, and so keep what they read. */
  searchPool(): WorkerPool | undefined {
    const { pool, store } = this.resources;
    return pool ?? getGlobalPool() ?? (store.describe() === undefined ? undefined : this.#ownPool.get());
  }

  /** What a search runs with. */
  environment(): ScannerEnvironment {
    return { pool: this.searchPool(), memoryBudgetBytes: this.resources.memoryBudgetBytes };
  }

  /** What a build runs with, unless its call says otherwise. */
  defaults(): { readonly pool: WorkerPool | undefined; readonly memoryBudgetBytes: number } {
    const { pool, memoryBudgetBytes } = this.resources;
    return { pool, memoryBudgetBytes };
  }

  /** Two writes of one handle may end in either order: the handle stays at the newer version. */
  moveTo(snapshot: Snapshot): void {
    if (snapshot.version > this.#snapshot.version) this.#snapshot = snapshot;
  }

  /** Moves to a version, newer or not. */
  reset(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#ownPool.close();
    if (!this.resources.ownsStore) return;
    await closeBases(this.#snapshot.store);
    await this.resources.store.close?.();
  }
}
