import { LanceError } from "../errors.ts";
import { resolvePool } from "../pool/global-pool.ts";
import { requireWritable } from "../table/commit/publish.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { DEFAULT_MEMORY_BUDGET_BYTES, POOL_OPTIONS, type PoolOptions, runSegmentTask } from "./build.ts";
import { checkSegmentSet } from "./check-segments.ts";
import type { MergeTask } from "./merge-segments.ts";
import { isUntrained } from "./metadata.ts";
import { locateSegment } from "./open-segment.ts";
import { checkCallOptions } from "./params.ts";
import { getFamily } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";

/** How a group is merged. */
export interface MergeOptions extends Omit<PoolOptions, "memoryBudgetBytes"> {
  /**
   * Bytes of memory merges may use over all workers; one merge has the share of one worker, since others may run beside
   * it. Default 256 MiB.
   */
  readonly memoryBudgetBytes?: number | undefined;
  /** Fragments appended since, to be indexed with the group. Default none. */
  readonly newFragmentIds?: readonly number[] | undefined;
}

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
  requireWritable(snapshot.store, snapshot.uri);
  const [first] = segments;
  if (!first) throw new LanceError("INVALID_ARGUMENT", "at least one index segment is required, received none");
  await checkSegmentSet(segments, locateSegment(snapshot, first).field, snapshot.version);
  const family = await getFamily(first);
  if (family.train) checkTrained(segments);
  const budgetBytes = options.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES;
  if (!(budgetBytes > 0)) {
    throw new LanceError("INVALID_ARGUMENT", `memoryBudgetBytes: expected more than 0, received ${budgetBytes}`, {
      received: budgetBytes,
    });
  }
  const newFragmentIds = [...(options.newFragmentIds ?? [])];
  const fragmentIds = [...segments.flatMap((segment) => segment.fragmentIds), ...newFragmentIds];
  const { pool, owned } = resolvePool({ pool: options.pool, ownedWorkers: 1 });
  try {
    const task: MergeTask = {
      uri: snapshot.uri,
      version: snapshot.version,
      segments,
      newFragmentIds,
      memoryBudgetBytes: Math.max(1, Math.floor(budgetBytes / pool.numWorkers)),
    };
    const { signal, onProgress } = options;
    const planned = { kind: "merge", task: { ...task }, fragmentIds } as const;
    return await runSegmentTask(snapshot, planned, { indexName: first.name, pool, signal, onProgress });
  } finally {
    if (owned) await pool.close();
  }
}
