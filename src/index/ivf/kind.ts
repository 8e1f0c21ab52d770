import type { StorageKind } from "./storage/storage.ts";
import type { SubIndex } from "./sub-index/sub-index.ts";

/** One combination of the axes: partitions × sub-index × storage. */
export interface IvfKind {
  /** As users, details and files name it: `IVF_FLAT`, `IVF_SQ`. */
  readonly indexType: string;
  readonly subIndex: SubIndex;
  readonly storage: StorageKind;
}
