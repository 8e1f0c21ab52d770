import { LanceError } from "../errors.ts";
import { DEFAULT_MEMORY_BUDGET_BYTES } from "../index/build.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { checkOptionNames } from "../query/check-options.ts";
import { openStore } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import { withCache } from "../store/with-cache.ts";
import { withCoalescing } from "../store/with-coalescing.ts";
import { openReferenceAt } from "../table/refs/open-reference.ts";
import { checkBranchName, checkTagName, MAIN_BRANCH } from "../table/refs/ref-names.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { Dataset } from "./dataset.ts";

/** How to open a table. */
export interface OpenDatasetOptions {
  /** A pinned version: its number, or a tag. Default: the newest. */
  readonly version?: number | string | undefined;
  /** Default: `main`. */
  readonly branch?: string | undefined;
  /**
   * What the store's back end takes. Over HTTP: `headers`, `credentials`, `list`, and `persistentCache`, which keeps what
   * is read on this device (default: on in browsers), see `HttpStorageOptions`.
   */
  readonly storageOptions?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Workers for builds and searches. Default: the global pool. Without one a build makes its own; a search does too on
   * a page's main thread, and runs on the calling thread elsewhere.
   */
  readonly pool?: WorkerPool | undefined;
  /** Bytes that index caches and builds may hold, over all workers. Default 256 MiB. */
  readonly memoryBudgetBytes?: number | undefined;
  /** Bytes of fetched file ranges to keep. Default 64 MiB. */
  readonly cacheBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

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
  checkOpenOptions(options, "openDataset", ["version", "branch"]);
  const { store, uri } = await openTableStore(uriOrStore, options);
  const ownsStore = typeof uriOrStore === "string";
  const snapshot = await openReferenceAt({ store, uri }, options).catch(async (error) => {
    if (ownsStore) await store.close?.();
    throw error;
  });
  // A branch's workers open the branch, not its table.
  const own = snapshot.manifest.branch && snapshot.uri !== uri ? (snapshot.store as Store) : store;
  return wrapSnapshot(snapshot, own, ownsStore, options);
}

const OPEN_KEYS: readonly (keyof OpenDatasetOptions)[] = [
  "storageOptions",
  "pool",
  "memoryBudgetBytes",
  "cacheBytes",
  "signal",
];

/**
 * Refuses unknown names and sizes that are none.
 * @param more names the caller's own options add
 * @throws INVALID_ARGUMENT
 */
export function checkOpenOptions(options: OpenDatasetOptions, where: string, more: readonly string[]): void {
  checkOptionNames(options, new Set<string>([...OPEN_KEYS, ...more]), where);
  checkSize("memoryBudgetBytes", options.memoryBudgetBytes, 1);
  checkSize("cacheBytes", options.cacheBytes, 0);
  if (typeof options.version === "string") checkTagName(options.version);
  else checkSize("version", options.version, 1);
  if (options.branch !== undefined && options.branch !== MAIN_BRANCH) checkBranchName(options.branch);
}

function checkSize(name: string, value: unknown, least: number): void {
  if (value === undefined || (typeof value === "number" && Number.isSafeInteger(value) && value >= least)) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `${name}: expected a whole number of at least ${least}, received ${String(value)}`,
    {
      name,
      received: String(value),
    },
  );
}

/** A dataset over a snapshot that was opened or just committed. */
export function wrapSnapshot(
  snapshot: Snapshot,
  store: Store,
  ownsStore: boolean,
  options: Pick<OpenDatasetOptions, "pool" | "memoryBudgetBytes">,
): Dataset {
  const memoryBudgetBytes = options.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES;
  return new Dataset(snapshot, { store, ownsStore, pool: options.pool, memoryBudgetBytes });
}

/** The store of a table behind the wrappers every dataset reads through. */
export async function openTableStore(
  uriOrStore: string | Store,
  options: Pick<OpenDatasetOptions, "storageOptions" | "cacheBytes" | "signal">,
): Promise<{ readonly store: Store; readonly uri: string }> {
  const raw = await openStore(uriOrStore, { storageOptions: options.storageOptions, signal: options.signal });
  const store = withCache(withCoalescing(raw), { maxBytes: options.cacheBytes ?? DEFAULT_CACHE_BYTES });
  const uri = typeof uriOrStore === "string" ? uriOrStore : `${raw.describe?.()?.kind ?? "store"}://`;
  return { store, uri };
}
