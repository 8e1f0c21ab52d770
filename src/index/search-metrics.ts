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

/**
 * Starts a clock; `stop` closes the account, and takes over what was read since the last one was closed. So each read
 * stands in one account: those of opening in the first, those of concurrent searches in whichever ends first.
 */
export function startSearchMetrics(counts: ReadCounts): { metrics: SearchMetrics; stop(): SearchMetrics } {
  const { now } = getRuntime();
  const metrics = createSearchMetrics();
  const start = now();
  return {
    metrics,
    stop() {
      metrics.reads = counts.reads;
      metrics.bytesRead = counts.bytes;
      counts.reads = 0;
      counts.bytes = 0;
      metrics.milliseconds = now() - start;
      return metrics;
    },
  };
}
