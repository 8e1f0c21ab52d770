import { LanceError } from "../../errors.ts";
import type { ReadableStore, StoreCallOptions } from "../../store/store.ts";

/** A slice of the file, and what it holds. */
export interface ByteSpan {
  readonly offset: number;
  readonly length: number;
  /** Dotted path of the leaf column; absent for the file's own tables. */
  readonly column?: string;
  readonly page?: number;
  readonly purpose: "chunks" | "dictionary" | "row index" | "levels" | "data" | "metadata";
}

interface Slice {
  readonly offset: number;
  readonly length: number;
}

/** One file's bytes: the tail is kept from opening, everything else is read on demand. */
export interface ByteSource {
  readonly path: string;
  readonly sizeBytes: number;
  /** The bytes of a span, from the tail when they are in it. @throws CORRUPT when the file is shorter, NOT_FOUND, IO */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** As `read`, into memory of the caller's where the store puts slices there, see `StoreCallOptions`. */
  readInto(into: Uint8Array<ArrayBuffer>, slice: Slice, signal?: AbortSignal): Promise<Uint8Array>;
  /** Whether the store puts slices into memory of the caller's, and many take no longer than one, as far as it tells. */
  readonly readsInto: boolean;
  /** Whether a span costs no request. */
  isCached(offset: number, length: number): boolean;
}

/** What native reads first: usually the footer, all tables and all column metadata. */
const TAIL_BYTES = 64 * 1024;

/**
 * Opens a file by its last bytes, in one read.
 * @param tailBytes how many, default 64 KiB; they are kept as long as the file
 * @param sizeBytes as recorded in the manifest: the range is then absolute, which needs no CORS preflight
 * @throws NOT_FOUND, CORRUPT when the recorded size is wrong, IO
 */
export async function openByteSource(
  store: ReadableStore,
  path: string,
  options: StoreCallOptions & { sizeBytes?: number | undefined; tailBytes?: number | undefined },
): Promise<ByteSource> {
  const { sizeBytes: known, tailBytes = TAIL_BYTES } = options;
  const call = { signal: options.signal };
  const range =
    known === undefined
      ? { suffix: tailBytes }
      : { offset: Math.max(0, known - tailBytes), length: Math.min(known, tailBytes) };
  const result = await store.get(path, range, call);
  if (!result) throw new LanceError("NOT_FOUND", `${path}: no such file`, { path });
  const sizeBytes = result.totalBytes;
  if (known !== undefined && known !== sizeBytes) {
    throw new LanceError("CORRUPT", `${path}: the file has ${sizeBytes} bytes, expected ${known}`, {
      path,
      expected: known,
      received: sizeBytes,
    });
  }
  const tail = result.bytes;
  const tailStart = sizeBytes - tail.byteLength;
  const isCached = (offset: number, length: number) => offset >= tailStart && offset + length <= sizeBytes;
  const read = async (slice: Slice & Pick<StoreCallOptions, "signal" | "into">): Promise<Uint8Array> => {
    const { offset, length } = slice;
    if (!(offset >= 0 && length >= 0 && offset + length <= sizeBytes)) {
      throw new LanceError(
        "CORRUPT",
        `${path}: bytes ${offset} to ${offset + length} are beyond its ${sizeBytes} bytes`,
        {
          path,
          offset,
          length,
          sizeBytes,
        },
      );
    }
    if (length === 0) return new Uint8Array(0);
    if (isCached(offset, length)) return tail.subarray(offset - tailStart, offset - tailStart + length);
    return readSlice(store, path, slice);
  };
  return {
    path,
    sizeBytes,
    readsInto: store.capabilities?.readsInto === true && store.capabilities.gapBytes === undefined,
    isCached,
    read: (offset, length, signal) => read({ offset, length, signal }),
    readInto: (into, { offset, length }, signal) => read({ offset, length, into, signal }),
  };
}

/**
 * A slice that a file is known to have.
 * @param slice.into where it may be put, see `StoreCallOptions`: caches then keep nothing of it
 * @throws CORRUPT when the store gives less, NOT_FOUND, IO, ABORTED
 */
export async function readSlice(
  store: ReadableStore,
  path: string,
  { offset, length, signal, into }: Slice & Pick<StoreCallOptions, "signal" | "into">,
): Promise<Uint8Array> {
  const part = await store.get(path, { offset, length }, into ? { signal, transient: true, into } : { signal });
  if (!part) throw new LanceError("NOT_FOUND", `${path}: the file disappeared while it was read`, { path });
  if (part.bytes.byteLength !== length) {
    throw new LanceError(
      "CORRUPT",
      `${path}: a read of ${length} bytes at ${offset} gave ${part.bytes.byteLength}; the store or the file is cut off`,
      { path, offset, expected: length, received: part.bytes.byteLength },
    );
  }
  return part.bytes;
}
