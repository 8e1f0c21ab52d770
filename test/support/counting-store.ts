import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";

/** One call, as it was asked and what it gave. */
export interface StoreCall {
  readonly op: "get" | "put" | "write" | "close" | "list" | "delete";
  readonly path: string;
  /** As asked; absent for whole and suffix reads. */
  readonly offset?: number;
  readonly length?: number;
  readonly suffix?: number;
  /** Bytes received or sent; 0 for a missing path. */
  readonly bytes: number;
}

/** A store that logs what is read and written. */
export interface CountingStore extends Store {
  readonly log: readonly StoreCall[];
  /** The log's `get` rows whose path matches. */
  gets(path?: string | RegExp): StoreCall[];
  /** Sum of `bytes` over `gets(path)`. */
  bytesRead(path?: string | RegExp): number;
  reset(): void;
}

/** Wrap it innermost to count requests, outermost to count what a reader asks for. */
export function createCountingStore(store: Store): CountingStore {
  const log: StoreCall[] = [];
  const gets = (path?: string | RegExp) =>
    log.filter(
      (call) =>
        call.op === "get" &&
        (path === undefined || (typeof path === "string" ? call.path === path : path.test(call.path))),
    );
  const counted = overrideStore(store, {
    async get(path, range = {}, options) {
      const result = await store.get(path, range, options);
      const asked = Object.fromEntries(Object.entries(range).filter(([, value]) => value !== undefined));
      log.push({ op: "get", path, ...asked, bytes: result?.bytes.byteLength ?? 0 });
      return result;
    },
    async put(path, bytes, options) {
      await store.put(path, bytes, options);
      log.push({ op: "put", path, bytes: bytes.byteLength });
    },
    async createWriter(path, options) {
      const writer = await store.createWriter(path, options);
      return {
        async write(bytes) {
          await writer.write(bytes);
          log.push({ op: "write", path, bytes: bytes.byteLength });
        },
        async close() {
          const sizeBytes = await writer.close();
          log.push({ op: "close", path, bytes: 0 });
          return sizeBytes;
        },
        abort: () => writer.abort(),
      };
    },
    list(prefix, options) {
      log.push({ op: "list", path: prefix, bytes: 0 });
      return store.list(prefix, options);
    },
    async delete(path, options) {
      await store.delete(path, options);
      log.push({ op: "delete", path, bytes: 0 });
    },
  });
  const extras = {
    log,
    gets,
    bytesRead: (path?: string | RegExp) => gets(path).reduce((sum, call) => sum + call.bytes, 0),
    reset: () => void log.splice(0),
  };
  return overrideStore(counted as CountingStore, extras as Partial<Store>);
}
