import { DEFAULT_MEMORY_BUDGET_BYTES, listSegmentFiles } from "../../index/build.ts";
import { jobHandlers } from "../../index/jobs.ts";
import type { RemapTask, RewrittenGroup } from "../../index/remap-segment.ts";
import { runTasks } from "../../index/run-tasks.ts";
import type { IndexSegment } from "../../index/segment.ts";
import { createInlinePool } from "../../pool/inline-pool.ts";
import { deleteQuietly, requireWritable } from "../../table/commit/publish.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import type { ResolvedOptions } from "./compaction-options.ts";

/** A segment and what takes its place. */
export interface Remapped {
  readonly segment: IndexSegment;
  readonly successor: IndexSegment;
}

/**
 * Segments that cover fragments of the groups, written anew. When one fails, none is left.
 * @throws what the first that failed threw
 */
export async function remapSegments(
  snapshot: Snapshot,
  groups: readonly RewrittenGroup[],
  segments: readonly IndexSegment[],
  options: ResolvedOptions,
): Promise<Remapped[]> {
  const moved = new Set(groups.flatMap(({ oldFragmentIds }) => oldFragmentIds));
  const touched = segments.filter(({ fragmentIds }) => fragmentIds.some((id) => moved.has(id)));
  if (touched.length === 0) return [];
  const pool = options.pool ?? createInlinePool(jobHandlers);
  const budgetBytes = options.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES;
  const memoryBudgetBytes = Math.max(1, Math.floor(budgetBytes / Math.min(touched.length, pool.numWorkers)));
  const tasks = touched.map((segment): RemapTask => {
    const covered = new Set(segment.fragmentIds);
    const own = groups.filter(({ oldFragmentIds }) => oldFragmentIds.some((id) => covered.has(id)));
    return { uri: snapshot.uri, version: snapshot.version, segment, groups: own, memoryBudgetBytes };
  });
  const { results, error } = await runTasks<IndexSegment>(
    snapshot,
    tasks.map((task) => ({ kind: "remap", task: { ...task }, fragmentIds: task.segment.fragmentIds })),
    { indexName: touched[0]!.name, pool, signal: options.signal },
  );
  if (error) {
    const built = results.filter((segment) => segment !== undefined);
    await deleteQuietly(requireWritable(snapshot.store, snapshot.uri), listSegmentFiles(built));
    throw error;
  }
  return touched.map((segment, i) => ({ segment, successor: results[i]! }));
}
