import { LanceError } from "../../errors.ts";

/** The one record batch of an Arrow IPC file, as far as a deletion file needs it (Arrow columnar format, "IPC File Format"). */
export interface IpcBatch {
  readonly numRows: number;
  readonly numNodes: number;
  /** Nulls of the first column. */
  readonly nullCount: number;
  /** Buffers of the body, as stored (compressed where `codec` says so). */
  readonly buffers: readonly Uint8Array[];
  readonly codec: "none" | "lz4" | "zstd";
}

const MAGIC = "ARROW1";
const BLOCK_BYTES = 24;
const RECORD_BATCH_HEADER = 3;

/**
 * Finds the only record batch of an Arrow IPC file. Nothing is copied or decompressed.
 *
 * @throws CORRUPT
 */
export function readSingleBatch(file: Uint8Array, path: string): IpcBatch {
  try {
    return parse(file);
  } catch (cause) {
    throw new LanceError(
      "CORRUPT",
      `${path} is not an Arrow file of one record batch: ${cause instanceof Error ? cause.message : cause}`,
      { path },
      { cause },
    );
  }
}

function parse(file: Uint8Array): IpcBatch {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const text = (at: number) => String.fromCharCode(...file.subarray(at, at + MAGIC.length));
  if (file.length < 26 || text(0) !== MAGIC || text(file.length - MAGIC.length) !== MAGIC) throw new Error("no magic");
  const footerLength = view.getInt32(file.length - 10, true);
  const footerAt = file.length - 10 - footerLength;
  if (footerLength <= 0 || footerAt < 8) throw new Error(`a footer of ${footerLength} bytes`);
  const footer = openTable(view, footerAt);
  const blocks = footer.vector(3);
  if (blocks.length !== 1) throw new Error(`${blocks.length} record batches`);
  const messageAt = readSize(view, blocks.at);
  const metadataBytes = view.getInt32(blocks.at + 8, true);
  const bodyBytes = readSize(view, blocks.at + 16);
  const bodyAt = messageAt + metadataBytes;
  if (metadataBytes < 8 || bodyAt + bodyBytes > footerAt || blocks.at + BLOCK_BYTES > file.length) {
    throw new Error("a record batch beyond the end");
  }
  // An encapsulated message starts with 0xffffffff and its length; files before format 0.15 have the length alone.
  const prefix = view.getUint32(messageAt, true) === 0xffffffff ? 8 : 4;
  const message = openTable(view, messageAt + prefix);
  if (message.uint8(1) !== RECORD_BATCH_HEADER) throw new Error("a message that is no record batch");
  const batch = message.table(2);
  const nodes = batch.vector(1);
  const buffers = batch.vector(2);
  if (nodes.length < 1 || nodes.length > 16 || buffers.length > 64) throw new Error(`${nodes.length} columns`);
  return {
    numRows: readSize(view, batch.at(0)),
    numNodes: nodes.length,
    nullCount: readSize(view, nodes.at + 8),
    buffers: Array.from({ length: buffers.length }, (_, i) => {
      const offset = readSize(view, buffers.at + 16 * i);
      const length = readSize(view, buffers.at + 16 * i + 8);
      if (offset + length > bodyBytes) throw new Error("a buffer beyond its batch");
      return file.subarray(bodyAt + offset, bodyAt + offset + length);
    }),
    codec: !batch.has(3) ? "none" : batch.table(3).uint8(0) === 0 ? "lz4" : "zstd",
  };
}

/** A FlatBuffers table (FlatBuffers internals, "Tables"): fields by their number, absent ones are default. */
interface FlatTable {
  has(field: number): boolean;
  at(field: number): number;
  uint8(field: number): number;
  table(field: number): FlatTable;
  vector(field: number): { length: number; at: number };
}

/** DataView throws on any read outside of the file, so a wrong offset ends here and nowhere else. */
function openTable(view: DataView, rootAt: number): FlatTable {
  return tableAt(view, rootAt + view.getUint32(rootAt, true));
}

function tableAt(view: DataView, tablePosition: number): FlatTable {
  const vtable = tablePosition - view.getInt32(tablePosition, true);
  const vtableBytes = view.getUint16(vtable, true);
  const offsetOf = (field: number) =>
    4 + 2 * field + 2 > vtableBytes ? 0 : view.getUint16(vtable + 4 + 2 * field, true);
  const at = (field: number) => {
    const offset = offsetOf(field);
    if (offset === 0) throw new Error(`field ${field} missing`);
    return tablePosition + offset;
  };
  const follow = (field: number) => at(field) + view.getUint32(at(field), true);
  return {
    has: (field) => offsetOf(field) !== 0,
    at,
    uint8: (field) => (offsetOf(field) === 0 ? 0 : view.getUint8(at(field))),
    table: (field) => tableAt(view, follow(field)),
    vector: (field) => {
      if (offsetOf(field) === 0) return { length: 0, at: 0 };
      const vectorAt = follow(field);
      return { length: view.getUint32(vectorAt, true), at: vectorAt + 4 };
    },
  };
}

function readSize(view: DataView, at: number): number {
  const size = view.getBigInt64(at, true);
  if (size < 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`a size of ${size}`);
  return Number(size);
}
