import type { WorkerPool } from "../pool/pool.ts";
import { openStore } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import { withCache } from "../store/with-cache.ts";
import { withCoalescing } from "../store/with-coalescing.ts";
import { openSnapshot } from "../table/snapshot.ts";
import { Dataset } from "./dataset.ts";

/** How to open a table. */
export interface OpenDatasetOptions {
  /** A pinned version. Default: the newest. */
  readonly version?: number | undefined;
  /** What the store's back end takes (headers, credentials). Never sent to a worker's task. */
  readonly storageOptions?: Readonly<Record<string, unknown>> | undefined;
  /** Workers for builds and searches. Default: the global pool, else a call makes its own or runs inline. */
  readonly pool?: WorkerPool | undefined;
  /** Bytes that index caches and builds may hold, over all workers. Default 256 MB. */
  readonly memoryBudgetBytes?: number | undefined;
  /** Bytes of fetched file ranges to keep. Default 64 MB. */
  readonly cacheBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const DEFAULT_MEMORY_BUDGET_BYTES = 256 * 1024 * 1024;
const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

/**
 * Opens a Lance table. One listing (or the hint and a probe) and one manifest read; data is read when asked for.
 *
 * @param uriOrStore `opfs://…`, `idb://…`, `memory://…`, `https://…`, `file://…`, a path, or a store rooted at the table
 * @throws NOT_FOUND, UNSUPPORTED, CORRUPT, IO, ABORTED
 * @example
 * const packages = await openDataset("https://example.org/packages.lance");
 * const table = await packages.scanner({ filter: "installed_kb < 1000", limit: 10 }).toTable();
 */
export async function openDataset(uriOrStore: string | Store, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const { store, uri, raw } = await openTableStore(uriOrStore, options);
  const { version, signal } = options;
  const snapshot = await openSnapshot(store, { uri, version, signal });
  return new Dataset(snapshot, {
    store,
    rawStore: raw,
    owned: typeof uriOrStore === "string",
    pool: options.pool,
    memoryBudgetBytes: options.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES,
  });
}

/** The store of a table behind the wrappers every dataset reads through. */
export async function openTableStore(
  uriOrStore: string | Store,
  options: Pick<OpenDatasetOptions, "storageOptions" | "cacheBytes" | "signal">,
): Promise<{ store: Store; raw: Store; uri: string }> {
  const { storageOptions, signal } = options;
  const raw = await openStore(uriOrStore, {
    ...(storageOptions ? { storageOptions } : {}),
    ...(signal ? { signal } : {}),
  });
  const cached = withCache(withCoalescing(raw), { maxBytes: options.cacheBytes ?? DEFAULT_CACHE_BYTES });
  const uri = typeof uriOrStore === "string" ? uriOrStore : `${raw.describe()?.kind ?? "memory"}://`;
  return { store: cached, raw, uri };
}
