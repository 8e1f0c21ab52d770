import { clone, create, toBinary } from "@bufbuild/protobuf";
import { LanceError, throwIfAborted } from "../../errors.ts";
import { IndexMetadataSchema, IndexSectionSchema, ManifestSchema } from "../../proto/gen/lance/table_pb.ts";
import { onAbort } from "../../store/on-abort.ts";
import type { ReadableStore, Store } from "../../store/store.ts";
import { announceVersion } from "../../table/commit/announce.ts";
import { FLAG_BASE_PATHS } from "../../table/manifest/feature-flags.ts";
import { VERSION_HINT_PATH } from "../../table/manifest/manifest-path.ts";
import { readInlineTransaction } from "../../table/manifest/read-manifest.ts";
import { encodeManifestFile } from "../../table/manifest/write-manifest.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { callGuarded } from "../../tasks/guard-callback.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { listTableFiles, readSize, type TableFile } from "./copy-files.ts";

/** Bytes of one read of a copy. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Files copied at once: so many chunks are in memory. */
const CONCURRENCY = 4;

/** How far a copy is. Totals are known from the first report on. */
export interface CopyProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Files that stand in the target; with the manifest. */
  readonly doneFiles: number;
  readonly totalFiles: number;
  /** The file that moved on. */
  readonly path: string;
}

/** How a copy runs. */
export interface CopyOptions {
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies one version of a table whole: data with blob sidecars, deletions, index segments, its transaction, then the
 * manifest, with which the table becomes visible in `target`. Files of other bases are copied into the table, and the
 * manifest is written without them. A copy that stopped goes on where it was when called again: files that stand there
 * with their full length are kept; a file is never visible in part. What is read passes by the caches.
 *
 * @throws ALREADY_EXISTS when `target` holds this version of another table, UNSUPPORTED, NOT_FOUND, CORRUPT for a file
 *   of another length than recorded, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function copyTable(snapshot: Snapshot, target: Store, options: CopyOptions = {}): Promise<void> {
  const { signal, onProgress } = options;
  const files = await listTableFiles(snapshot, { signal });
  const manifest = await readManifestBytes(snapshot, signal);
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, manifest.length);
  const totalFiles = files.length + 1;
  let doneBytes = 0;
  let doneFiles = 0;
  const report = (path: string, bytes: number, isDone: boolean) => {
    doneBytes += bytes;
    if (isDone) doneFiles++;
    const details = doneFiles === totalFiles ? { committed: true } : {};
    callGuarded("onProgress", onProgress, { doneBytes, totalBytes, doneFiles, totalFiles, path }, details);
  };
  await refuseOther(snapshot, target, manifest, signal);
  await withFirstFailure(signal, (one) =>
    mapBounded(files, CONCURRENCY, (file) => one((stop) => copyFile(snapshot.store, target, file, report, stop))),
  );
  throwIfAborted(signal);
  const { path } = snapshot.source;
  if (!(await target.get(path, {}, { signal }))) await target.put(path, manifest, { mode: "create", signal });
  const hint = new TextEncoder().encode(JSON.stringify({ version: snapshot.version }));
  await target.put(VERSION_HINT_PATH, hint, { mode: "overwrite", signal });
  announceVersion(target, snapshot.version);
  report(path, manifest.length, true);
}

async function copyFile(
  source: ReadableStore,
  target: Store,
  file: TableFile,
  report: (path: string, bytes: number, isDone: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  const { from, to, sizeBytes } = file;
  throwIfAborted(signal);
  if ((await readSize(target, to, signal)) === sizeBytes) return report(to, sizeBytes, true);
  const writer = await target.createWriter(to, { signal });
  try {
    for (let at = 0; at < sizeBytes; ) {
      throwIfAborted(signal);
      const range = { offset: at, length: Math.min(CHUNK_BYTES, sizeBytes - at) };
      const chunk = await source.get(from, range, { signal, transient: true });
      if (!chunk) {
        throw new LanceError("NOT_FOUND", `cannot copy ${from}: the manifest names it, but it is not there`, {
          path: from,
        });
      }
      const received = at + chunk.bytes.length;
      if (chunk.bytes.length !== range.length || (!chunk.totalBytesIsLowerBound && chunk.totalBytes !== sizeBytes)) {
        const found = chunk.totalBytesIsLowerBound ? received : chunk.totalBytes;
        throw new LanceError("CORRUPT", `${from}: expected ${sizeBytes} bytes, received ${found}`, {
          path: from,
          expected: sizeBytes,
          received: found,
        });
      }
      await writer.write(chunk.bytes);
      at = received;
      report(to, range.length, false);
    }
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  report(to, 0, true);
}

/** The manifest as the copy has it: as stored, or without the bases whose files now lie in the table. */
async function readManifestBytes(snapshot: Snapshot, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const { source, manifest, indices } = snapshot;
  if (manifest.basePaths.length === 0 && !manifest.branch) {
    const stored = await snapshot.store.get(source.path, {}, { signal, transient: true });
    if (!stored) throw new LanceError("NOT_FOUND", `${source.path} is no longer there`, { path: source.path });
    return stored.bytes;
  }
  const whole = clone(ManifestSchema, manifest);
  whole.basePaths = [];
  delete whole.branch;
  whole.readerFeatureFlags &= ~FLAG_BASE_PATHS;
  whole.writerFeatureFlags &= ~FLAG_BASE_PATHS;
  for (const fragment of whole.fragments) {
    for (const file of fragment.files) delete file.baseId;
    if (fragment.deletionFile) delete fragment.deletionFile.baseId;
  }
  let { indexSection } = source;
  if (indices.some((index) => index.baseId !== undefined)) {
    const inside = indices.map((index) => clone(IndexMetadataSchema, index));
    for (const index of inside) delete index.baseId;
    indexSection = toBinary(IndexSectionSchema, create(IndexSectionSchema, { indices: inside }));
  }
  const transaction = await readInlineTransaction(snapshot.store, source, { signal });
  return encodeManifestFile(whole, { indexSection, transaction });
}

/** @throws ALREADY_EXISTS before a byte is copied */
async function refuseOther(
  snapshot: Snapshot,
  target: Store,
  manifest: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { path } = snapshot.source;
  const there = await target.get(path, {}, { signal });
  if (!there || (there.bytes.length === manifest.length && there.bytes.every((byte, i) => byte === manifest[i])))
    return;
  throw new LanceError("ALREADY_EXISTS", `the target already holds version ${snapshot.version} of another table`, {
    path,
    version: snapshot.version,
  });
}

/** Work in several pieces that stops with the first failure, which is what is thrown. */
async function withFirstFailure(
  signal: AbortSignal | undefined,
  run: (one: (work: (stop: AbortSignal) => Promise<void>) => Promise<void>) => Promise<unknown>,
): Promise<void> {
  const stop = new AbortController();
  let failure: { readonly error: unknown } | undefined;
  const unlisten = onAbort(signal, () => stop.abort(signal?.reason));
  if (signal?.aborted) stop.abort(signal.reason);
  try {
    await run(async (work) => {
      try {
        await work(stop.signal);
      } catch (error) {
        failure ??= { error };
        stop.abort();
        throw error;
      }
    });
  } catch (error) {
    throw failure?.error ?? error;
  } finally {
    unlisten();
  }
}
