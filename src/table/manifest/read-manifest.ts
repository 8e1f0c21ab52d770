import { fromBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import {
  type IndexMetadata,
  IndexSectionSchema,
  type Manifest,
  ManifestSchema,
} from "../../proto/gen/lance/table_pb.ts";
import { type Transaction, TransactionSchema } from "../../proto/gen/lance/transaction_pb.ts";
import type { ByteSpan } from "../../store/ranges.ts";
import type { GetResult, ReadableStore } from "../../store/store.ts";
import { checkReaderFlags } from "./feature-flags.ts";

/** One read of this size usually brings the manifest with both of its sections. */
export const MANIFEST_TAIL_BYTES = 65536;
/** Length of the file's end: u64 position, u16 0, u16 2, "LANC". */
export const TRAILER_BYTES = 16;
/** "LANC", little-endian. */
export const MAGIC = 0x434e414c;
/** A manifest beyond this is refused before it is fetched. */
const MAX_MANIFEST_BYTES = 2 ** 30;

/** A manifest file, read and checked. */
export interface ManifestFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly manifest: Manifest;
  readonly indices: readonly IndexMetadata[];
  /** The index section as stored, so that a commit that leaves it alone carries it byte for byte. */
  readonly indexSection: Uint8Array | undefined;
  /** The transaction kept inside the manifest, where it was read along. Not decoded, since readers seldom ask. */
  readonly transaction: Uint8Array | undefined;
  /** Where it lies, length prefix and all, in a manifest so large that it was not. */
  readonly transactionSpan?: ByteSpan | undefined;
}

/**
 * Reads one manifest: usually one read of 64 KiB; in a large one, another for the rest of it and one for its indexes.
 * A transaction of up to 20 MiB beside them is left where it is until it is asked for.
 *
 * @returns `undefined` when the path does not exist
 * @throws CORRUPT, UNSUPPORTED (feature flags), IO, ABORTED
 */
export async function readManifest(
  store: ReadableStore,
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<ManifestFile | undefined> {
  const tail = await store.get(path, { suffix: MANIFEST_TAIL_BYTES }, options);
  return tail === undefined ? undefined : readManifestFromTail(store, path, tail, options);
}

/** As {@link readManifest}, when the last bytes of the file are at hand. */
export async function readManifestFromTail(
  store: ReadableStore,
  path: string,
  tail: GetResult,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<ManifestFile> {
  const fileBytes = tail.totalBytes;
  if (fileBytes < TRAILER_BYTES + 4 || tail.bytes.length < TRAILER_BYTES || tail.bytes.length > fileBytes) {
    throw corrupt(path, `it has ${fileBytes} bytes, fewer than the smallest manifest`);
  }
  const end = viewOf(tail.bytes);
  const trailerAt = tail.bytes.length - TRAILER_BYTES;
  if (end.getUint32(trailerAt + 12, true) !== MAGIC) throw corrupt(path, 'it does not end in "LANC"');
  const major = end.getUint16(trailerAt + 8, true);
  if (major !== 0) {
    throw new LanceError("UNSUPPORTED", `${path} has manifest version ${major}.x, this reader knows 0.x`, { path });
  }
  const manifestAt = toOffset(end.getBigUint64(trailerAt, true), fileBytes - TRAILER_BYTES - 4, path, "manifest");
  const manifestEnd = fileBytes - TRAILER_BYTES;
  const body = await widen(store, path, tail, manifestAt, options);
  const manifestBytes = readSection(body, manifestAt, manifestEnd, path, "manifest");
  if (manifestAt + 4 + manifestBytes.length !== manifestEnd) {
    throw corrupt(
      path,
      `its manifest has ${manifestBytes.length} bytes where the trailer leaves ${manifestEnd - manifestAt - 4}`,
    );
  }
  const manifest = decode(path, "manifest", () => fromBinary(ManifestSchema, manifestBytes));
  checkReaderFlags(manifest);

  // Offset 0 is legal and usual: it is presence that counts.
  const indexAt = toOptionalOffset(manifest.indexSection, manifestAt, path, "index section");
  const transactionAt = toOptionalOffset(
    manifest.transactionSection ?? manifest.transactionSectionLegacy,
    manifestAt,
    path,
    "transaction section",
  );
  const endOf = (at: number, next: number | undefined) => (next !== undefined && next > at ? next : manifestAt);
  let indexSection: Uint8Array | undefined;
  if (indexAt !== undefined) {
    const span = { start: indexAt, end: endOf(indexAt, transactionAt) };
    const window = await bring(store, path, body, span, options);
    indexSection = readSection(window, indexAt, span.end, path, "index section").slice();
  }
  let transaction: Uint8Array | undefined;
  let transactionSpan: ByteSpan | undefined;
  if (transactionAt !== undefined) {
    const span = { start: transactionAt, end: endOf(transactionAt, indexAt) };
    if (transactionAt < fileBytes - body.bytes.length) transactionSpan = span;
    else transaction = readSection(body, transactionAt, span.end, path, "transaction section").slice();
  }
  const indices =
    indexSection === undefined
      ? []
      : decode(path, "index section", () => fromBinary(IndexSectionSchema, indexSection)).indices;
  return { path, sizeBytes: fileBytes, manifest, indices, indexSection, transaction, transactionSpan };
}

/**
 * The bytes of the transaction kept inside a manifest: at hand, or with one read in a large manifest.
 *
 * @returns `undefined` when there is none inside, or the manifest is gone
 * @throws CORRUPT, IO, ABORTED
 */
export async function readInlineTransaction(
  store: ReadableStore,
  file: ManifestFile,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Uint8Array | undefined> {
  const { path, transaction, transactionSpan: span } = file;
  if (transaction !== undefined || span === undefined) return transaction;
  const window = await fetchSpan(store, path, { ...span, fileBytes: file.sizeBytes }, options);
  return window && readSection(window, span.start, span.end, path, "transaction section");
}

/**
 * The transaction that made a version: from inside the manifest, else from its file.
 *
 * @returns `undefined` when neither is there
 * @throws CORRUPT
 */
export async function readTransactionOf(
  store: ReadableStore,
  file: ManifestFile,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Transaction | undefined> {
  let bytes = await readInlineTransaction(store, file, options);
  let path = file.path;
  if (bytes === undefined && file.manifest.transactionFile !== "") {
    path = `_transactions/${file.manifest.transactionFile}`;
    bytes = (await store.get(path, {}, options))?.bytes;
  }
  if (bytes === undefined) return undefined;
  const found = bytes;
  return decode(path, "transaction", () => fromBinary(TransactionSchema, found));
}

/** Makes sure the bytes at hand reach back to `from`, with one more read where they do not. */
async function widen(
  store: ReadableStore,
  path: string,
  tail: GetResult,
  from: number,
  options: { signal?: AbortSignal | undefined },
): Promise<GetResult> {
  const start = tail.totalBytes - tail.bytes.length;
  if (from >= start) return tail;
  const head = await fetchSpan(store, path, { start: from, end: start, fileBytes: tail.totalBytes }, options);
  if (head === undefined) throw corrupt(path, "it changed while it was read");
  const bytes = new Uint8Array(tail.totalBytes - from);
  bytes.set(head.bytes);
  bytes.set(tail.bytes, head.bytes.length);
  return { bytes, totalBytes: tail.totalBytes };
}

/** Bytes that hold a span: those at hand, alone what is not, or both where it begins before them. */
async function bring(
  store: ReadableStore,
  path: string,
  held: GetResult,
  span: ByteSpan,
  options: { signal?: AbortSignal | undefined },
): Promise<GetResult> {
  if (span.end > held.totalBytes - held.bytes.length) return widen(store, path, held, span.start, options);
  const window = await fetchSpan(store, path, { ...span, fileBytes: held.totalBytes }, options);
  if (window === undefined) throw corrupt(path, "it changed while it was read");
  return window;
}

/** Part of a file, as the end of one of `span.end` bytes. @returns `undefined` when the file is gone */
async function fetchSpan(
  store: ReadableStore,
  path: string,
  { start, end, fileBytes }: ByteSpan & { readonly fileBytes: number },
  options: { signal?: AbortSignal | undefined },
): Promise<GetResult | undefined> {
  const length = end - start;
  if (length > MAX_MANIFEST_BYTES) throw corrupt(path, `its manifest would take ${length} bytes`);
  const found = await store.get(path, { offset: start, length }, options);
  if (found === undefined) return undefined;
  if (found.bytes.length !== length || found.totalBytes !== fileBytes) {
    throw corrupt(path, "it changed while it was read");
  }
  return { bytes: found.bytes, totalBytes: end };
}

/** A section's payload: `u32 length` at `at`, then that many bytes, all before `limit`. */
function readSection(file: GetResult, at: number, limit: number, path: string, what: string): Uint8Array {
  const start = at - (file.totalBytes - file.bytes.length);
  if (at + 4 > limit) throw corrupt(path, `its ${what} at ${at} has no room`);
  const length = viewOf(file.bytes).getUint32(start, true);
  if (at + 4 + length > limit) {
    throw corrupt(path, `its ${what} at ${at} claims ${length} bytes where ${Math.max(0, limit - at - 4)} are left`);
  }
  return file.bytes.subarray(start + 4, start + 4 + length);
}

function toOptionalOffset(
  offset: bigint | undefined,
  manifestAt: number,
  path: string,
  what: string,
): number | undefined {
  return offset === undefined ? undefined : toOffset(offset, manifestAt - 4, path, what);
}

function toOffset(offset: bigint, last: number, path: string, what: string): number {
  if (last < 0 || offset > BigInt(last)) throw corrupt(path, `its ${what} is said to start at byte ${offset}`);
  return Number(offset);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decode<T>(path: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new LanceError("CORRUPT", `${path}: the ${what} is not a valid message`, { path, what }, { cause });
  }
}

function corrupt(path: string, reason: string): LanceError {
  return new LanceError("CORRUPT", `${path} is not a Lance manifest: ${reason}`, { path });
}
