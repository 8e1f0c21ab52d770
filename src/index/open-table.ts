import { LanceError } from "../errors.ts";
import { isMessagePort } from "../store/message-port.ts";
import { reopenStore } from "../store/open-store.ts";
import type { ReadableStore, StoreDescription } from "../store/store.ts";
import { withCoalescing } from "../store/with-coalescing.ts";
import { createBoundedCache } from "../table/bounded-cache.ts";
import { openSnapshot, type Snapshot } from "../table/snapshot.ts";

/** A table at a fixed version, as a job names it: the store itself inline, else what reopens it in a worker. */
export interface TableHandle {
  readonly store: ReadableStore | StoreDescription | MessagePort;
  readonly uri: string;
  readonly version: number;
  /** When the version was written: tells a table from one made anew in its place. */
  readonly writtenAt: string;
  /** On the thread that asks: the table as it is open there. */
  readonly snapshot?: Snapshot | undefined;
}

/** A table opened for a job. */
export interface OpenTable {
  readonly snapshot: Snapshot;
  /** Says that two jobs see the same table and may share what they keep open; `null` when this one is on its own. */
  readonly key: string | null;
  /** As `key`, for all versions of the table. */
  readonly storeKey: string | null;
  close(): Promise<void>;
}

const MAX_TABLES = 8;
const tables = createBoundedCache<Snapshot>({ maxCost: MAX_TABLES, costOf: () => 1 });
const storeNumbers = new WeakMap<ReadableStore, number>();
let numStores = 0;

/**
 * Opens the table a job names, and keeps it open for the next job on the same version of it. A store served over a
 * port lives as long as the job.
 * @throws NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function openTable(handle: TableHandle, signal?: AbortSignal): Promise<OpenTable> {
  const { store, uri, version, writtenAt } = handle;
  if (isMessagePort(store)) {
    const opened = await reopenStore(store);
    const snapshot = await openSnapshot(withCoalescing(opened), { uri, version, signal, resolvesBases: true });
    return { snapshot, key: null, storeKey: null, close: async () => opened.close?.() };
  }
  const storeKey = JSON.stringify([isStore(store) ? numberStore(store) : store, uri]);
  const key = JSON.stringify([storeKey, version, writtenAt]);
  const open = async (): Promise<Snapshot> => {
    if (handle.snapshot) return handle.snapshot;
    const opened = isStore(store) ? store : withCoalescing(await reopenStore(store));
    return openSnapshot(opened, { uri, version });
  };
  return { snapshot: await tables.get(key, open, signal), key, storeKey, close: async () => {} };
}

function isStore(store: ReadableStore | StoreDescription): store is ReadableStore {
  return typeof (store as Partial<ReadableStore>).get === "function";
}

function numberStore(store: ReadableStore): number {
  const known = storeNumbers.get(store);
  if (known !== undefined) return known;
  numStores++;
  storeNumbers.set(store, numStores);
  return numStores;
}

/** Names a snapshot's table for a job. */
export function describeTable(snapshot: Snapshot, store: TableHandle["store"]): TableHandle {
  const { uri, version, manifest } = snapshot;
  const { seconds, nanos } = manifest.timestamp ?? { seconds: 0n, nanos: 0 };
  const here = store === snapshot.store ? snapshot : undefined;
  return { store, uri, version, writtenAt: `${seconds}.${nanos}`, snapshot: here };
}

/** A job's table must be the one the coordinator meant. @throws INVALID_ARGUMENT */
export function checkTask(task: { readonly uri: string; readonly version: number }, handle: TableHandle): void {
  if (task.version === handle.version) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `the task is for version ${task.version}, the table is at ${handle.version}`,
    {
      expected: task.version,
      received: handle.version,
    },
  );
}
