import { chunkRange, type Database, WRITING } from "./indexeddb-schema.ts";
import { isStaleTime } from "./paths.ts";

const swept = new WeakSet<Database>();

/** Removes what writers that died over a day ago left behind. Once per store. */
export async function sweepDebris(database: Database): Promise<void> {
  if (swept.has(database)) return;
  swept.add(database);
  const all = IDBKeyRange.bound([WRITING], [WRITING, []]);
  const stale = await database.run("readonly", async (store, read) => {
    const [keys, times] = await Promise.all([
      read(store.getAllKeys(all) as IDBRequest<unknown> as IDBRequest<[string, string][]>),
      read(store.getAll(all) as IDBRequest<number[]>),
    ]);
    return keys.flatMap(([, id], i) => (isStaleTime(times[i]!) ? [id] : []));
  });
  for (const id of stale) {
    await database.run("readwrite", async (store) => {
      store.delete(chunkRange(id));
      store.delete([WRITING, id]);
    });
  }
}
