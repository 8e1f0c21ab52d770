import { getRuntime } from "../runtime.ts";
import type { ReadCounts } from "./count-reads.ts";
import type { SearchMetrics } from "./segment.ts";

/** All zero. */
export function createSearchMetrics(): SearchMetrics {
  return { bytesRead: 0, reads: 0, partsLoaded: 0, partsFromCache: 0, comparisons: 0, milliseconds: 0 };
}

/** Adds `more` into `into`; milliseconds add up too, as work, not as time passed. */
export function addSearchMetrics(into: SearchMetrics, more: SearchMetrics): void {
  for (const key of Object.keys(into) as (keyof SearchMetrics)[]) into[key] += more[key];
}

/** Starts a clock and notes the reads so far; the returned function closes the account. */
export function startSearchMetrics(counts: ReadCounts): { metrics: SearchMetrics; stop(): SearchMetrics } {
  const { now } = getRuntime();
  const metrics = createSearchMetrics();
  const before = { ...counts };
  const start = now();
  return {
    metrics,
    stop() {
      metrics.reads = counts.reads - before.reads;
      metrics.bytesRead = counts.bytes - before.bytes;
      metrics.milliseconds = now() - start;
      return metrics;
    },
  };
}
