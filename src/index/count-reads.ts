import { wasKept } from "../store/range-cache.ts";
import type { ReadableStore } from "../store/store.ts";
import { findFetchedSlice } from "../store/with-coalescing.ts";

/** What was asked of a host: slices read as one count once, those a cache had not at all. */
export interface ReadCounts {
  reads: number;
  bytes: number;
}

/** A view of `store` that counts into `counts`. */
export function withReadCounts(store: ReadableStore, counts: ReadCounts): ReadableStore {
  const counted = new WeakSet<Uint8Array>();
  return {
    async get(path, range, options) {
      const result = await store.get(path, range, options);
      if (result && wasKept(result)) return result;
      const fetched = result && (findFetchedSlice(result)?.bytes ?? result.bytes);
      if (fetched && counted.has(fetched)) return result;
      if (fetched) counted.add(fetched);
      counts.reads++;
      counts.bytes += fetched?.length ?? 0;
      return result;
    },
    ...(store.capabilities ? { capabilities: store.capabilities } : {}),
  };
}
