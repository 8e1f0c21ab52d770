import { LanceError } from "../../errors.ts";
import type { ReadableStore } from "../../store/store.ts";

/** A blob whose bytes are read on demand. */
export interface BlobFile {
  /** Bytes. */
  readonly size: number;
  /** All bytes, in one read. @throws NOT_FOUND, CORRUPT, IO, ABORTED */
  read(options?: { readonly signal?: AbortSignal | undefined }): Promise<Uint8Array>;
  /**
   * Some bytes, in one read.
   * @throws INVALID_ARGUMENT when they are not all inside of the blob, NOT_FOUND, CORRUPT, IO, ABORTED
   */
  readRange(
    offset: number,
    length: number,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<Uint8Array>;
}

/**
 * A blob at a place of a store.
 * @param place.size absent: everything from `position` on, which costs a read of one byte to learn
 * @throws NOT_FOUND, CORRUPT, IO, ABORTED
 */
export async function openBlobFile(
  store: ReadableStore,
  place: { readonly path: string; readonly position: number; readonly size: number | undefined },
  options: { signal?: AbortSignal | undefined } = {},
): Promise<BlobFile> {
  const { path, position } = place;
  const size = place.size ?? (await findSize(store, path, options)) - position;
  if (size < 0) throw new LanceError("CORRUPT", `${path}: a blob begins at ${position}, beyond its end`, { path });
  const readRange: BlobFile["readRange"] = async (offset, length, { signal } = {}) => {
    const isInside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    if (!isInside || offset + length > size) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `bytes ${offset} to ${offset + length} of a blob of ${size} bytes; expected a range inside of it`,
        { offset, length, size },
      );
    }
    if (length === 0) return new Uint8Array(0);
    const result = await store.get(path, { offset: position + offset, length }, { signal });
    if (!result) throw new LanceError("NOT_FOUND", `${path}: the file of a blob is not there`, { path });
    if (result.bytes.byteLength !== length) {
      throw new LanceError("CORRUPT", `${path}: a blob of ${size} bytes at ${position} is beyond the end of the file`, {
        path,
        position,
        size,
      });
    }
    return result.bytes;
  };
  return { size, readRange, read: (readOptions) => readRange(0, size, readOptions) };
}

async function findSize(store: ReadableStore, path: string, options: { signal?: AbortSignal | undefined }) {
  const result = await store.get(path, { suffix: 1 }, options);
  if (!result) throw new LanceError("NOT_FOUND", `${path}: the object of a blob is not there`, { path });
  return result.totalBytes;
}
