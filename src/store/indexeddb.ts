import { LanceError, throwIfAborted } from "../errors.ts";
import { createGuardedWriter } from "./guarded-writer.ts";
import { CHUNK_BYTES, createChunkedSink, readObject } from "./indexeddb-objects.ts";
import { createDatabase, type Database, HEAD, type ObjectHead, removeObject } from "./indexeddb-schema.ts";
import { sweepDebris } from "./indexeddb-sweep.ts";
import type { StoreKind } from "./open-store.ts";
import { assertPath, assertPrefix } from "./paths.ts";
import { assertRange } from "./ranges.ts";
import type { ListedObject, Store } from "./store.ts";
import { toStoreError } from "./store-errors.ts";

/** How an object is cut. */
export interface IndexedDbStoreOptions {
  /** Bytes of one record; a slice reads whole records. Default 256 KiB. Readers follow what was written. */
  readonly chunkBytes?: number;
}

/** Heads read in one request of a listing. */
const LIST_PAGE = 1000;

/**
 * A store in one IndexedDB database, for hosts where OPFS cannot be written. Objects are cut into records, so that a
 * slice of a large one reads little; `create` is `IDBObjectStore.add` in one read-write transaction.
 *
 * @param name of the database; the table is all it holds
 */
export function createIndexedDbStore(name: string, options: IndexedDbStoreOptions = {}): Store {
  if (typeof indexedDB === "undefined") {
    throw new LanceError("UNSUPPORTED", "this host has no IndexedDB; use memory://, or a store object");
  }
  const database = createDatabase(name);
  const chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
  return {
    capabilities: { write: true, list: true, ranges: true, atomicCreate: true, durable: true },
    identity: `idb:${name}`,
    describe: () => ({ kind: "indexeddb", name, chunkBytes }),
    async get(path, range = {}, call) {
      assertPath(path);
      assertRange(range);
      throwIfAborted(call?.signal);
      const result = await readObject(database, path, range).catch((error: unknown) => {
        throw toStoreError(error, "read", path);
      });
      throwIfAborted(call?.signal);
      return result;
    },
    async put(path, bytes, call) {
      assertPath(path);
      throwIfAborted(call.signal);
      const sink = createChunkedSink(database, { path, mode: call.mode, chunkBytes });
      const writer = createGuardedWriter({ path, sink, signal: call.signal });
      // Both are awaited through `close`, which gives the first failure.
      writer.write(bytes).catch(() => {});
      await writer.close();
    },
    async createWriter(path, call) {
      assertPath(path);
      throwIfAborted(call?.signal);
      const sink = createChunkedSink(database, { path, mode: "overwrite", chunkBytes });
      return createGuardedWriter({ path, sink, signal: call?.signal });
    },
    async *list(prefix, call) {
      assertPrefix(prefix);
      throwIfAborted(call?.signal);
      await sweepDebris(database).catch(() => {});
      for (let after: string | undefined; ; ) {
        const page = await readPage(database, prefix, after).catch((error: unknown) => {
          throw toStoreError(error, "list", prefix);
        });
        for (const object of page) {
          throwIfAborted(call?.signal);
          if (!object.path.startsWith(prefix)) return;
          yield object;
        }
        if (page.length < LIST_PAGE) return;
        after = page.at(-1)!.path;
      }
    },
    async delete(path, call) {
      assertPath(path);
      throwIfAborted(call?.signal);
      await database
        .run("readwrite", (store) => removeObject(store, path))
        .catch((error: unknown) => {
          throw toStoreError(error, "delete", path);
        });
    },
    close: () => database.close(),
  };
}

/** `idb://database-name` */
export const indexedDbStoreKind: StoreKind = {
  kind: "indexeddb",
  schemes: ["idb"],
  openUri: (uri, { storageOptions }) =>
    createIndexedDbStore(decodeURI(uri.slice("idb://".length)), storageOptions as IndexedDbStoreOptions | undefined),
  reopen: ({ name, chunkBytes }) => createIndexedDbStore(String(name), { chunkBytes: Number(chunkBytes) }),
};

/** Paths in order, after `after` or from the prefix on. */
async function readPage(database: Database, prefix: string, after: string | undefined): Promise<ListedObject[]> {
  // An array sorts above every string: the range ends with the last head.
  const range = IDBKeyRange.bound([HEAD, after ?? prefix], [HEAD, []], after !== undefined, true);
  return database.run("readonly", async (store, read) => {
    const [keys, heads] = await Promise.all([
      read(store.getAllKeys(range, LIST_PAGE) as IDBRequest<unknown> as IDBRequest<[string, string][]>),
      read(store.getAll(range, LIST_PAGE) as IDBRequest<ObjectHead[]>),
    ]);
    return keys.map(([, path], i) => ({
      path,
      sizeBytes: heads[i]!.sizeBytes,
      modifiedMs: heads[i]!.modifiedMs,
    }));
  });
}
