import { throwIfAborted } from "../errors.ts";
import { isMutablePath } from "./mutable-paths.ts";
import { overrideStore } from "./override-store.ts";
import { assertPath } from "./paths.ts";
import { createRangeCache } from "./range-cache.ts";
import { assertRange } from "./ranges.ts";
import { createSharedCall, type SharedCall } from "./shared-call.ts";
import type { ByteRange, GetResult, ReadableStore, Store } from "./store.ts";
import { findFetchedSlice } from "./with-coalescing.ts";

/** Bounds of a cache. */
export interface CacheOptions {
  /** Bytes of cached slices, at most. */
  readonly maxBytes: number;
}

/**
 * Keeps slices that were read, least recently used first to go, and gives two callers of one slice one request. A slice
 * within a cached one is a hit. Paths whose content may change, and paths that are absent, are never kept.
 */
export function withCache<S extends ReadableStore>(store: S, options: CacheOptions): S {
  const cache = createRangeCache(options.maxBytes);
  const inFlight = new Map<string, SharedCall<GetResult | undefined>>();
  const generations = new Map<string, number>();
  const full = store as ReadableStore & Partial<Store>;

  /** A read that began before a write of the same path must not enter the cache after it. */
  const forget = (path: string) => {
    cache.remove(path);
    for (const key of inFlight.keys()) if (key.startsWith(`${path}\0`)) inFlight.delete(key);
    generations.set(path, (generations.get(path) ?? 0) + 1);
  };

  /** With what was fetched between it and its neighbours, which the next read may want. */
  const keep = (path: string, range: ByteRange, result: GetResult) => {
    const whole = findFetchedSlice(result);
    if (whole)
      cache.add(path, { offset: whole.offset, length: whole.bytes.byteLength }, { ...result, bytes: whole.bytes });
    cache.add(path, range, result);
  };

  return overrideStore(store, {
    async get(path, range = {}, callOptions) {
      assertPath(path);
      assertRange(range);
      throwIfAborted(callOptions?.signal);
      if (isMutablePath(path)) return store.get(path, range, callOptions);
      const hit = cache.find(path, range);
      if (hit) return hit;
      // What lies in a caller's memory is for nobody else.
      if (callOptions?.transient && callOptions.into) return store.get(path, range, callOptions);
      const key = `${path}\0${range.offset ?? ""}\0${range.length ?? ""}\0${range.suffix ?? ""}`;
      const running = inFlight.get(key);
      if (running) return running.join(callOptions?.signal);
      const generation = generations.get(path);
      const call = createSharedCall(async (signal) => {
        // The last caller left: later ones must not join a cancelled request.
        signal.addEventListener("abort", () => removeCall(), { once: true });
        try {
          const result = await store.get(path, range, { signal, transient: callOptions?.transient });
          if (result && !callOptions?.transient && generations.get(path) === generation) keep(path, range, result);
          return result;
        } finally {
          removeCall();
        }
      });
      const removeCall = () => {
        if (inFlight.get(key) === call) inFlight.delete(key);
      };
      inFlight.set(key, call);
      const joined = call.join(callOptions?.signal);
      call.start();
      return joined;
    },
    ...(full.put && {
      async put(path, bytes, putOptions) {
        try {
          await full.put!(path, bytes, putOptions);
        } finally {
          forget(path);
        }
      },
    }),
    ...(full.createWriter && {
      async createWriter(path, callOptions) {
        const writer = await full.createWriter!(path, callOptions);
        return {
          write: (bytes) => writer.write(bytes),
          abort: () => writer.abort(),
          close: () => writer.close().finally(() => forget(path)),
        };
      },
    }),
    ...(full.delete && {
      async delete(path, callOptions) {
        try {
          await full.delete!(path, callOptions);
        } finally {
          forget(path);
        }
      },
    }),
  });
}
