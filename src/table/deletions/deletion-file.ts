import { create } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { loadCoreKernels } from "../../kernels/core.ts";
import { decompressZstdBuffer } from "../../kernels/decompress.ts";
import { type DeletionFile, DeletionFileSchema } from "../../proto/gen/lance/table_pb.ts";
import type { Store, StoreCallOptions } from "../../store/store.ts";
import { readSingleBatch } from "./ipc-message.ts";

/** `DeletionFile.file_type`. */
const ARROW = 0;
const BITMAP = 1;
const DELETIONS_DIRECTORY = "_deletions";

/** Name of a deletion file inside `_deletions/`. */
export function formatDeletionName(fragmentId: number, file: DeletionFile): string {
  if (file.fileType !== ARROW && file.fileType !== BITMAP) {
    throw new LanceError("UNSUPPORTED", `fragment ${fragmentId} has a deletion file of unknown type ${file.fileType}`, {
      fragmentId,
      fileType: file.fileType,
    });
  }
  return `${fragmentId}-${file.readVersion}-${file.id}.${file.fileType === ARROW ? "arrow" : "bin"}`;
}

/**
 * Offsets of deleted rows, ascending. Both kinds are read: Arrow (unsorted, zstd-compressed) and Roaring.
 *
 * @param expected what the manifest says: the number of deletions, and the rows there are
 * @throws CORRUPT when the file disagrees
 */
export async function decodeDeletionFile(
  bytes: Uint8Array,
  file: DeletionFile,
  expected: { path: string; numDeletedRows: number; physicalRows: number },
): Promise<Uint32Array> {
  const { path, numDeletedRows, physicalRows } = expected;
  const offsets =
    file.fileType === ARROW
      ? await decodeArrow(bytes, path, numDeletedRows)
      : (await loadCoreKernels()).decodeRoaring(bytes, physicalRows);
  if (offsets.length !== numDeletedRows) {
    throw new LanceError("CORRUPT", `${path} holds ${offsets.length} deletions, the manifest says ${numDeletedRows}`, {
      path,
    });
  }
  for (let i = 0; i < offsets.length; i++) {
    if (offsets[i]! >= physicalRows || (i > 0 && offsets[i]! <= offsets[i - 1]!)) {
      throw new LanceError("CORRUPT", `${path} deletes row ${offsets[i]} of ${physicalRows}, or one row twice`, {
        path,
      });
    }
  }
  return offsets;
}

/**
 * Writes a deletion file: all deletions of a fragment, since a new one replaces the last.
 *
 * @param options.offsets ascending, at least one
 * @param options.readVersion version the deletions were computed at
 * @throws IO, QUOTA_EXCEEDED, ABORTED
 */
export async function writeDeletionFile(
  store: Store,
  options: StoreCallOptions & { fragmentId: number; readVersion: number; offsets: Uint32Array },
): Promise<DeletionFile> {
  const { fragmentId, readVersion, offsets, signal } = options;
  const id = crypto.getRandomValues(new BigUint64Array(1))[0]!;
  const file = create(DeletionFileSchema, {
    fileType: BITMAP,
    readVersion: BigInt(readVersion),
    id,
    numDeletedRows: BigInt(offsets.length),
  });
  const bytes = (await loadCoreKernels()).encodeRoaring(offsets);
  await store.put(`${DELETIONS_DIRECTORY}/${formatDeletionName(fragmentId, file)}`, bytes, { mode: "create", signal });
  return file;
}

async function decodeArrow(bytes: Uint8Array, path: string, numRows: number): Promise<Uint32Array> {
  const batch = readSingleBatch(bytes, path);
  const stored = batch.buffers[1];
  if (batch.numNodes !== 1 || batch.nullCount !== 0 || batch.numRows !== numRows || stored === undefined) {
    throw new LanceError(
      "CORRUPT",
      `${path} has ${batch.numRows} rows in ${batch.numNodes} columns, ${batch.nullCount} null; expected ${numRows} row offsets`,
      { path },
    );
  }
  const values = await decompress(stored, batch.codec, numRows * 4, path);
  if (values.length < numRows * 4) {
    throw new LanceError("CORRUPT", `${path} holds ${values.length} bytes for ${numRows} row offsets`, { path });
  }
  const offsets = new Uint32Array(values.slice(0, numRows * 4).buffer);
  return offsets.sort();
}

/** Arrow IPC body compression: i64 length once decompressed, or −1 where the bytes are plain. */
async function decompress(stored: Uint8Array, codec: string, maxBytes: number, path: string): Promise<Uint8Array> {
  if (codec === "none" || stored.length === 0) return stored;
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const length = stored.length < 8 ? -2n : view.getBigInt64(0, true);
  const payload = stored.subarray(8);
  if (length === -1n) return payload;
  // Arrow pads buffers, so a writer may have compressed up to 63 bytes more than the values.
  if (length < 0n || length > BigInt(maxBytes + 64)) {
    throw new LanceError("CORRUPT", `${path} claims ${length} bytes where ${maxBytes} are expected`, { path });
  }
  if (codec !== "zstd") {
    throw new LanceError("UNSUPPORTED", `${path} is compressed with ${codec}; deletion files are written with zstd`, {
      path,
    });
  }
  return decompressZstdBuffer(stored);
}
