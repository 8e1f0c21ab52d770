import { type LanceFile, openLanceFile } from "../format/read/file.ts";
import type { ReadableStore } from "../store/store.ts";
import { createBoundedCache } from "./bounded-cache.ts";

/** Open data files of one table, shared by all its versions: data files are write-once, so a path says it all. */
export interface FileCache {
  /**
   * @param options.sizeBytes the file's size where the manifest records it: spares asking
   * @throws NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
   */
  open(
    path: string,
    options?: { sizeBytes?: number | undefined; signal?: AbortSignal | undefined },
  ): Promise<LanceFile>;
  /** Closes every file; those in use reopen their pages as they need them. */
  clear(): void;
}

const DEFAULT_MAX_FILES = 64;

/** @param options.maxFiles open files kept (footers and page tables, no data) */
export function createFileCache(store: ReadableStore, options: { maxFiles?: number } = {}): FileCache {
  const cache = createBoundedCache<LanceFile>({
    maxCost: options.maxFiles ?? DEFAULT_MAX_FILES,
    costOf: () => 1,
    release: (file) => file.close(),
  });
  return {
    open: (path, { sizeBytes, signal } = {}) =>
      // One caller's signal must not cancel the open file of another, so the shared load runs without.
      cache.get(path, () => openLanceFile(store, path, sizeBytes === undefined ? {} : { sizeBytes }), signal),
    clear: () => cache.clear(),
  };
}
