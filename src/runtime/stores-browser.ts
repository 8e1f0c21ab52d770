import { createHttpStoreKind } from "../store/http.ts";
import { indexedDbStoreKind } from "../store/indexeddb.ts";
import { memoryStoreKind } from "../store/memory.ts";
import { registerStoreKind } from "../store/open-store.ts";
import { opfsStoreKind } from "../store/opfs.ts";

/** `opfs://`, `idb://`, `memory://`, `http(s)://`. */
export function registerBrowserStores(): void {
  for (const kind of [
    opfsStoreKind,
    indexedDbStoreKind,
    memoryStoreKind,
    createHttpStoreKind({ persistentCache: true }),
  ])
    registerStoreKind(kind);
}
