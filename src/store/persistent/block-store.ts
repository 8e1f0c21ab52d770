import type { Store } from "../store.ts";

/** Small blobs by key, on the device: what a cache is kept in. Any of them may be gone at any time. */
export interface BlockStore {
  /** Whether the host bounds and evicts by itself; then no ledger is kept. */
  readonly evictsItself: boolean;
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  clear(): Promise<void>;
}

/** Hosts' caches know requests, not names. The domain is reserved, so that no request ever has this address. */
const SYNTHETIC_ORIGIN = "https://lancelet.invalid/";

/**
 * Blocks in the Cache API. It refuses answers to range requests (206), so each block is kept as a whole answer (200)
 * to a request nobody makes.
 */
export async function openCacheBlocks(name: string, storage: CacheStorage): Promise<BlockStore> {
  // Cloudflare's own cache is bounded by the host, and cannot be cleared.
  const isEdge = "default" in storage;
  let cache = await storage.open(name);
  return {
    evictsItself: isEdge,
    async get(key) {
      const response = await cache.match(SYNTHETIC_ORIGIN + key);
      return response && new Uint8Array(await response.arrayBuffer());
    },
    async put(key, bytes) {
      const headers = {
        "content-type": "application/octet-stream",
        "content-length": String(bytes.byteLength),
        "cache-control": "public, max-age=31536000, immutable",
      };
      await cache.put(SYNTHETIC_ORIGIN + key, new Response(bytes as Uint8Array<ArrayBuffer>, { status: 200, headers }));
    },
    async delete(key) {
      await cache.delete(SYNTHETIC_ORIGIN + key);
    },
    async clear() {
      if (isEdge) return;
      await storage.delete(name);
      cache = await storage.open(name);
    },
  };
}

/** Blocks in a store of this library: OPFS where there is no Cache API, a folder in Node. */
export function createStoreBlocks(store: Store): BlockStore {
  return {
    evictsItself: false,
    get: async (key) => (await store.get(key))?.bytes,
    put: (key, bytes) => store.put(key, bytes, { mode: "overwrite" }),
    delete: (key) => store.delete(key),
    async clear() {
      for await (const { path } of store.list("")) await store.delete(path);
    },
  };
}
