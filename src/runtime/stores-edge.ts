import { createHttpStoreKind } from "../store/http.ts";
import { memoryStoreKind } from "../store/memory.ts";
import { registerStoreKind } from "../store/open-store.ts";

/** `memory://` and `http(s)://`: a host without a disk. */
export function registerEdgeStores(): void {
  for (const kind of [memoryStoreKind, createHttpStoreKind({ persistentCache: false })]) registerStoreKind(kind);
}
