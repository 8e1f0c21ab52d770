import { planBuild } from "../index/plan-build.ts";
import { runTableJob } from "../index/run-job.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { addressDomain } from "../table/row-ids/row-addresses.ts";
import { RowSet } from "../table/row-set.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { type FlatQuery, type FlatSearchOptions, KEPT_COLUMN_SHARE, searchFlat } from "./flat-search.ts";
import type { FlatAnswer, FlatTask } from "./jobs.ts";

/** Of the memory budget, what the workers together may keep of the files they scan; indexes have the rest. */
const RANGE_SHARE = 0.25;

/**
 * A flat search with the fragments spread over the workers of a pool; on this thread where there are none, and where
 * only this thread can read the store.
 * @returns one answer a worker, each with the best k of its fragments for each query
 */
export async function searchFlatOnPool(
  snapshot: Snapshot,
  query: FlatQuery,
  rows: RowSet | null,
  options: FlatSearchOptions & { readonly pool: WorkerPool | null; readonly memoryBudgetBytes: number },
): Promise<Pick<FlatAnswer, "nearest">[]> {
  const { pool, signal, onRows } = options;
  const keptBytes = Math.floor(options.memoryBudgetBytes * KEPT_COLUMN_SHARE);
  if (pool === null || pool.inline || !isReopenable(snapshot)) {
    return [{ nearest: await searchFlat(snapshot, query, rows, { ...options, keptBytes }) }];
  }
  const cacheBytes = Math.floor((options.memoryBudgetBytes * RANGE_SHARE) / pool.numWorkers);
  // The same fragments always fall together: what a worker keeps of them is of use to the next query. Deleted rows are
  // read too.
  const fragments = query.fragmentIds.map((id) => ({ id, numRows: getFragment(snapshot, id).physicalRows }));
  const settled = await Promise.allSettled(
    planBuild(fragments, pool.numWorkers).map((fragmentIds, part) => {
      const task: FlatTask = {
        query: { ...query, fragmentIds },
        rows: rows && RowSet.empty(addressDomain(snapshot, fragmentIds)).or(rows).toTransferable(),
        cacheBytes,
        keptBytes: Math.floor(keptBytes / pool.numWorkers),
      };
      // The worker that has the table open, and those fragments' files.
      const affinity = `flat ${part} of ${snapshot.uri}`;
      return runTableJob<FlatAnswer>(
        pool,
        snapshot,
        { kind: "query.flat", payload: { ...task } },
        { affinity, signal },
      );
    }),
  );
  const answers = settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
  for (const { compared } of answers) for (const [fragmentId, count] of compared) onRows?.(fragmentId, count);
  return answers;
}

function isReopenable({ store }: Snapshot): boolean {
  return store.describe?.() !== undefined;
}
