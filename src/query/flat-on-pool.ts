import { runTableJob } from "../index/run-job.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { addressDomain } from "../table/row-addresses.ts";
import { RowSet } from "../table/row-set.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { type FlatQuery, type FlatSearchOptions, type NearestRows, searchFlat } from "./flat-search.ts";
import type { FlatAnswer, FlatTask } from "./jobs.ts";

/** Of the memory budget, what the workers together may keep of the files they scan; indexes have the rest. */
const RANGE_SHARE = 0.25;

/**
 * A flat search with the fragments spread over the workers of a pool; on this thread where there are none, and where
 * only this thread can read the store.
 * @returns one answer a worker, each with the best k of its fragments
 */
export async function searchFlatOnPool(
  snapshot: Snapshot,
  query: FlatQuery,
  rows: RowSet | null,
  options: FlatSearchOptions & { readonly pool: WorkerPool | null; readonly memoryBudgetBytes: number },
): Promise<NearestRows[]> {
  const { pool, signal, onRows } = options;
  if (pool === null || pool.inline || !isReopenable(snapshot)) {
    return [await searchFlat(snapshot, query, rows, options)];
  }
  const cacheBytes = Math.floor((options.memoryBudgetBytes * RANGE_SHARE) / pool.numWorkers);
  const settled = await Promise.allSettled(
    spreadFragments(snapshot, query.fragmentIds, pool.numWorkers).map((fragmentIds, part) => {
      const task: FlatTask = {
        query: { ...query, fragmentIds },
        rows: rows && RowSet.empty(addressDomain(snapshot, fragmentIds)).or(rows).toTransferable(),
        cacheBytes,
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

/** At most `numParts` groups of about the same number of rows, none empty; the same fragments always fall together. */
function spreadFragments(snapshot: Snapshot, fragmentIds: readonly number[], numParts: number): number[][] {
  const parts = Array.from({ length: Math.min(numParts, fragmentIds.length) }, () => ({
    ids: [] as number[],
    rows: 0,
  }));
  const fragments = fragmentIds.map((id) => getFragment(snapshot, id));
  for (const { id, physicalRows } of fragments.sort((a, b) => b.physicalRows - a.physicalRows || a.id - b.id)) {
    const lightest = parts.reduce((least, part) => (part.rows < least.rows ? part : least));
    lightest.ids.push(id);
    lightest.rows += physicalRows;
  }
  return parts.map(({ ids }) => ids.sort((a, b) => a - b));
}
