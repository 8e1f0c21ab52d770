import { createOpfsStore } from "../opfs.ts";
import type { Store } from "../store.ts";
import { drawUuid } from "../uuid.ts";
import { type BlockCache, createBlockCache } from "./block-cache.ts";
import { type BlockStore, createStoreBlocks, openCacheBlocks } from "./block-store.ts";

/** Where and how much is kept. */
export interface PersistentCacheOptions {
  /** Bytes on the device, over all tables, tabs and workers that share the name. Default 512 MiB. */
  readonly maxBytes?: number | undefined;
  /** Of the cache on this device. Default `lancelet`. */
  readonly name?: string | undefined;
  /** Keeps the blocks in this store, as a folder in Node; all of the store is then the cache's. */
  readonly store?: Store | undefined;
}

const DEFAULT_MAX_BYTES = 512 * 1024 * 1024;
const DEFAULT_NAME = "lancelet";

const named = new Map<string, Promise<BlockCache | undefined>>();
const byStore = new WeakMap<Store, BlockCache>();

/**
 * The block cache of a name in this thread: the Cache API, or OPFS where it is missing or refuses, as in some private
 * windows.
 * @returns `undefined` where the host keeps nothing
 */
export function openBlockCache(options: PersistentCacheOptions): Promise<BlockCache | undefined> {
  const { maxBytes = DEFAULT_MAX_BYTES, name = DEFAULT_NAME, store } = options;
  if (store) {
    const known =
      byStore.get(store) ?? createBlockCache(createStoreBlocks(store), { maxBytes, lockName: nameLock(name, store) });
    byStore.set(store, known);
    return Promise.resolve(known);
  }
  const key = `${maxBytes}/${name}`;
  let opened = named.get(key);
  if (!opened) {
    opened = openBlocks(name).then(
      (blocks) => blocks && createBlockCache(blocks, { maxBytes, lockName: nameLock(name) }),
    );
    named.set(key, opened);
  }
  return opened;
}

/** Whether this host has somewhere to keep blocks; asked without trying. */
export function canCachePersistently(): boolean {
  const { caches, navigator } = globalThis as { caches?: CacheStorage; navigator?: Navigator };
  return caches !== undefined || typeof navigator?.storage?.getDirectory === "function";
}

async function openBlocks(name: string): Promise<BlockStore | undefined> {
  const { caches } = globalThis as { caches?: CacheStorage };
  const ways = [
    ...(caches ? [() => openCacheBlocks(name, caches)] : []),
    async () => createStoreBlocks(createOpfsStore(`${name}-cache`)),
  ];
  for (const open of ways) {
    try {
      const blocks = await open();
      await probe(blocks);
      return blocks;
    } catch {
      // The next way, or none: a cache is no part of an answer.
    }
  }
  return undefined;
}

/** Private windows offer interfaces that then refuse. */
async function probe(blocks: BlockStore): Promise<void> {
  const key = `probe-${drawUuid()}`;
  try {
    await blocks.put(key, new Uint8Array([1]));
    if (!blocks.evictsItself && (await blocks.get(key))?.byteLength !== 1) throw new Error("nothing is kept");
  } finally {
    await blocks.delete(key).catch(() => {});
  }
}

function nameLock(name: string, store?: Store): string {
  const description = store?.describe();
  return `lancelet:cache:${name}${description ? JSON.stringify(description) : ""}`;
}
