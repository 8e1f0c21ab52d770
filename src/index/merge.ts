import { LanceError } from "../errors.ts";
import { resolvePool } from "../pool/global-pool.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { requireWritable } from "../table/commit/publish.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { DEFAULT_MEMORY_BUDGET_BYTES, POOL_OPTIONS, type PoolOptions, runSegmentTask } from "./build.ts";
import { checkSegmentSet } from "./check-segments.ts";
import { checkFragmentIds, checkSegmentShapes } from "./check-shape.ts";
import type { MergeTask } from "./merge-segments.ts";
import { isUntrained } from "./metadata.ts";
import { locateSegment } from "./open-segment.ts";
import { checkCallOptions, checkPoolOptions } from "./params.ts";
import { getFamily } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";

/** How a group is merged. */
export interface MergeOptions extends Omit<PoolOptions, "memoryBudgetBytes"> {
  /**
   * Bytes of memory merges may use over all workers: those that are asked for at once have a share each. Default
   * 256 MiB.
   */
  readonly memoryBudgetBytes?: number | undefined;
  /** Fragments appended since, to be indexed with the group. Default none. */
  readonly newFragmentIds?: readonly number[] | undefined;
}

/** Merges asked for and not settled, by pool; those that make a worker of their own under {@link OWN_WORKERS}. */
const underWay = new WeakMap<object, number>();
const OWN_WORKERS = {};

/** @throws SEGMENT_INCOMPATIBLE naming those that have nothing to merge */
function checkTrained(segments: readonly IndexSegment[]): void {
  const untrained = segments.filter(isUntrained).map(({ uuid }) => uuid);
  if (untrained.length === 0) return;
  throw new LanceError(
    "SEGMENT_INCOMPATIBLE",
    `segments ${untrained.join(", ")} were recorded with train: false and hold nothing to merge: leave them out, or let optimizeIndices build them`,
    { segments: untrained },
  );
}

/**
 * Rewrites one group of segments, committed or not, into one new self-contained segment whose coverage is their union.
 * The sources stay; the table is not read for their rows. Concurrent calls share the pool.
 * @throws INVALID_ARGUMENT, SEGMENT_OVERLAP, SEGMENT_INCOMPATIBLE, UNSUPPORTED, NOT_FOUND, CORRUPT, QUOTA_EXCEEDED, WORKER_FAILED, ABORTED, IO
 */
export async function mergeExistingIndexSegments(
  snapshot: Snapshot,
  segments: readonly IndexSegment[],
  options: MergeOptions = {},
): Promise<IndexSegment> {
  checkCallOptions("mergeExistingIndexSegments", options, [...POOL_OPTIONS, "newFragmentIds"]);
  checkSegmentShapes("mergeExistingIndexSegments", segments);
  checkPoolOptions(options);
  if (options.newFragmentIds !== undefined) checkFragmentIds("newFragmentIds", options.newFragmentIds);
  requireWritable(snapshot.store, snapshot.uri);
  const { pool, owned } = resolvePool({ pool: options.pool, ownedWorkers: 1 });
  const peers = owned ? OWN_WORKERS : pool;
  underWay.set(peers, (underWay.get(peers) ?? 0) + 1);
  // Before anything is awaited, so that groups given one after another know of each other.
  const countPeers = (): number => Math.min(underWay.get(peers)!, owned ? Number.POSITIVE_INFINITY : pool.numWorkers);
  try {
    return await mergeGroup(snapshot, segments, { ...options, pool, countPeers });
  } finally {
    underWay.set(peers, underWay.get(peers)! - 1);
    if (owned) await pool.close();
  }
}

async function mergeGroup(
  snapshot: Snapshot,
  segments: readonly IndexSegment[],
  options: MergeOptions & { readonly pool: WorkerPool; readonly countPeers: () => number },
): Promise<IndexSegment> {
  const [first] = segments;
  if (!first) throw new LanceError("INVALID_ARGUMENT", "at least one index segment is required, received none");
  await checkSegmentSet(segments, locateSegment(snapshot, first).field, snapshot.version);
  const family = await getFamily(first);
  if (family.train) checkTrained(segments);
  const budgetBytes = options.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES;
  const newFragmentIds = [...(options.newFragmentIds ?? [])];
  const fragmentIds = [...segments.flatMap((segment) => segment.fragmentIds), ...newFragmentIds];
  const task: MergeTask = {
    uri: snapshot.uri,
    version: snapshot.version,
    segments,
    newFragmentIds,
    memoryBudgetBytes: Math.max(1, Math.floor(budgetBytes / options.countPeers())),
  };
  const { pool, signal, onProgress } = options;
  const planned = { kind: "merge", task: { ...task }, fragmentIds } as const;
  return runSegmentTask(snapshot, planned, { indexName: first.name, pool, signal, onProgress });
}
