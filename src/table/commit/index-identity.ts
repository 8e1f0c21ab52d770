import type { IndexMetadata } from "../../proto/gen/lance/table_pb.ts";

/** Name of the index that lists where compacted rows went. */
export const FRAGMENT_REUSE_INDEX = "__lance_frag_reuse";
/** Name of the index that stands for a write-ahead log. */
export const MEM_WAL_INDEX = "__lance_mem_wal";

/** Whether an index is the write-ahead log's. */
export function isMemWal(index: IndexMetadata): boolean {
  return index.name === MEM_WAL_INDEX;
}

/** Whether an index is the format's own, over no column. */
export function isSystemIndex(index: IndexMetadata): boolean {
  return index.name === FRAGMENT_REUSE_INDEX || index.name === MEM_WAL_INDEX;
}

/** An index's uuid as text, to compare by. */
export function uuidOf(index: IndexMetadata): string {
  return formatUuidBytes(index.uuid?.uuid);
}

/** A uuid's 16 bytes as text, to compare by. */
export function formatUuidBytes(bytes: Uint8Array | undefined): string {
  return Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, "0")).join("");
}
