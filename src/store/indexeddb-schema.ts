import { promisifyRequest, type UseStore } from "idb-keyval";
import { LanceError } from "../errors.ts";

// One object store, as idb-keyval lays it out, with array keys.

/** First part of the key of an object's head: `["o", path]`. */
export const HEAD = "o";
/** Of the bytes of an object, in order: `["c", id, index]`. */
export const CHUNK = "c";
/** Of an object being written: `["w", id]`. */
export const WRITING = "w";

/** What makes an object visible. */
export interface ObjectHead {
  /** Of its chunks; fresh for every write. */
  readonly id: string;
  readonly sizeBytes: number;
  /** All chunks but the last have this size. */
  readonly chunkBytes: number;
  readonly modifiedMs: number;
}

/** Waits for one request of the running transaction. */
export type ReadRequest = <T>(request: IDBRequest<T>) => Promise<T>;

/** A database that opens when first used, and again after another tab asked it to close. */
export interface Database {
  /** Runs one transaction: whole or, when the callback throws, not at all. Await nothing but requests in it. */
  run<T>(mode: IDBTransactionMode, callback: (store: IDBObjectStore, read: ReadRequest) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const OBJECT_STORE = "objects";

/** @param name of the database */
export function createDatabase(name: string): Database {
  let opened: Promise<IDBDatabase> | undefined;
  const forget = () => {
    opened = undefined;
  };
  const open = () => {
    opened ??= openDatabase(name, forget).catch((error: unknown) => {
      forget();
      throw error;
    });
    return opened;
  };
  /** idb-keyval's shape of a store, with the durability a commit needs. */
  const use: UseStore = async (mode, callback) => {
    const begin = (database: IDBDatabase) => database.transaction(OBJECT_STORE, mode, { durability: "strict" });
    let transaction: IDBTransaction;
    try {
      transaction = begin(await open());
    } catch (error) {
      // The connection was closed between two calls, as for another tab's deletion or by Safari in the background.
      if ((error as { name?: string }).name !== "InvalidStateError") throw error;
      forget();
      transaction = begin(await open());
    }
    return callback(transaction.objectStore(OBJECT_STORE));
  };
  return {
    run: (mode, callback) =>
      use(mode, async (store) => {
        const ended = promisifyRequest(store.transaction);
        ended.catch(() => {});
        let result: Awaited<ReturnType<typeof callback>>;
        try {
          result = await callback(store, (request) => promisifyRequest(request));
        } catch (error) {
          try {
            store.transaction.abort();
          } catch {
            // It ended by the same error.
          }
          throw error;
        }
        if (mode !== "readonly") await ended;
        return result;
      }),
    async close() {
      const database = await opened?.catch(() => undefined);
      forget();
      database?.close();
    },
  };
}

/** Every chunk of one object. */
export function chunkRange(id: string, first = 0, last = Number.MAX_SAFE_INTEGER): IDBKeyRange {
  return IDBKeyRange.bound([CHUNK, id, first], [CHUNK, id, last]);
}

/** Queues the removal of an object and its bytes in the running transaction. */
export async function removeObject(store: IDBObjectStore, path: string): Promise<void> {
  const head = (await promisifyRequest(store.get([HEAD, path]))) as ObjectHead | undefined;
  if (!head) return;
  store.delete([HEAD, path]);
  store.delete(chunkRange(head.id));
}

async function openDatabase(name: string, forget: () => void): Promise<IDBDatabase> {
  const request = indexedDB.open(name);
  request.onupgradeneeded = () => request.result.createObjectStore(OBJECT_STORE);
  const database = await promisifyRequest(request);
  if (!database.objectStoreNames.contains(OBJECT_STORE)) {
    database.close();
    throw new LanceError(
      "INVALID_ARGUMENT",
      `the IndexedDB database "${name}" belongs to something else: expected an object store "${OBJECT_STORE}"; choose another name`,
      { name, expected: OBJECT_STORE, received: [...database.objectStoreNames] },
    );
  }
  database.onclose = forget;
  database.onversionchange = () => {
    forget();
    database.close();
  };
  return database;
}
