import { createHttpStoreKind } from "../store/http.ts";
import { memoryStoreKind } from "../store/memory.ts";
import { nodeFsStoreKind } from "../store/node-fs.ts";
import { registerStoreKind } from "../store/open-store.ts";

/** File paths and `file://`, `memory://`, `http(s)://`. */
export function registerNodeStores(): void {
  for (const kind of [nodeFsStoreKind, memoryStoreKind, createHttpStoreKind({ persistentCache: false })])
    registerStoreKind(kind);
}
