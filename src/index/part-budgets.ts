import { PartCache, type Parts } from "./part-cache.ts";

/** Budgets that keep their parts at once; a further one takes the place of the least recently used. */
const MAX_BUDGETS = 8;

/** Caches by the budget of those who share them, the least recently asked for first. */
const caches = new Map<number, PartCache>();

/**
 * What readers of one budget keep parts in: all of this thread share it, each under the keys of its scope. A cache stays
 * within its budget, and all together within the largest of them: whoever asks for little neither gets more, nor takes
 * what others may keep.
 */
export function getParts(budgetBytes: number, scope: string): Parts {
  // Found anew each time, so that one in use is never the one that makes room.
  return {
    get bytes() {
      return getPartCache(budgetBytes).bytes;
    },
    has: (key) => getPartCache(budgetBytes).has(scope + key),
    lease: (key, load) => getPartCache(budgetBytes).lease(scope + key, load),
    drop: (prefix) => caches.get(budgetBytes)?.drop(scope + prefix),
    get gate() {
      return getPartCache(budgetBytes).gate;
    },
  };
}

/** Evicts the parts of a scope, whatever the budget. */
export function dropParts(scope: string): void {
  for (const cache of caches.values()) cache.drop(scope);
}

/**
 * Of a dataset's memory budget, what parts of its indexes may take, over all workers. Of the rest, half is for vectors that
 * were measured again, half for ranges of files that flat searches scan.
 */
export function budgetParts(memoryBudgetBytes: number): number {
  return Math.floor(memoryBudgetBytes / 2);
}

function getPartCache(budgetBytes: number): PartCache {
  const cache = caches.get(budgetBytes) ?? new PartCache(budgetBytes, holdTotal);
  caches.delete(budgetBytes);
  caches.set(budgetBytes, cache);
  for (const [budget, oldest] of caches) {
    if (caches.size <= MAX_BUDGETS) break;
    oldest.trim(0);
    caches.delete(budget);
  }
  return cache;
}

/** Bytes of index parts this thread holds. */
export function getCachedPartBytes(): number {
  let bytes = 0;
  for (const cache of caches.values()) bytes += cache.bytes;
  return bytes;
}

function holdTotal(): void {
  const largest = Math.max(...caches.keys());
  for (const cache of caches.values()) {
    const excess = getCachedPartBytes() - largest;
    if (excess <= 0) return;
    cache.trim(Math.max(0, cache.bytes - excess));
  }
}
