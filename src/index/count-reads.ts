import type { ReadableStore } from "../store/store.ts";

/** What went through a store. */
export interface ReadCounts {
  reads: number;
  bytes: number;
}

/** A view of `store` that counts into `counts`. */
export function withReadCounts(store: ReadableStore, counts: ReadCounts): ReadableStore {
  return {
    async get(path, range, options) {
      const result = await store.get(path, range, options);
      counts.reads++;
      counts.bytes += result?.bytes.length ?? 0;
      return result;
    },
    ...(store.capabilities ? { capabilities: store.capabilities } : {}),
  };
}
