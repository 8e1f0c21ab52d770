import { type BoundedCache, createBoundedCache } from "../bounded-cache.ts";

/** Decoded deletion files by path, shared by all versions of a table: a deletion file never changes. */
export type DeletionCache = BoundedCache<Uint32Array>;

const DEFAULT_MAX_BYTES = 32 * 1024 * 1024;

/** @param options.maxBytes decoded bytes held, 4 a deleted row */
export function createDeletionCache(options: { maxBytes?: number } = {}): DeletionCache {
  return createBoundedCache({
    maxCost: options.maxBytes ?? DEFAULT_MAX_BYTES,
    costOf: (offsets) => offsets.byteLength,
  });
}
