import { LanceError, throwIfAborted } from "../errors.ts";
import type { ReadableStore, Store } from "../store/store.ts";
import { formatUuid } from "../store/uuid.ts";
import { formatDeletionName } from "../table/deletion-file.ts";
import { VERSION_HINT_PATH } from "../table/manifest-path.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { callGuarded } from "../tasks/guard-callback.ts";

/** Bytes of one read of a copy: what is held in memory at a time. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** How far a copy is. Totals count sizes the manifest records; files without one add theirs when they are read. */
export interface CopyProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly path: string;
}

interface CopiedFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Copies one version of a table whole: data, deletions, index segments, its transaction, then the manifest. A copy that
 * stopped goes on where it was when called again: files already there with their full size are kept.
 * The table becomes visible in `target` with the last write.
 *
 * @throws ALREADY_EXISTS when `target` holds this version of another table, UNSUPPORTED for files outside of the
 *   table's own folder or segments whose files are not recorded, NOT_FOUND, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function copyTable(
  snapshot: Snapshot,
  target: Store,
  options: { onProgress?: ((progress: CopyProgress) => void) | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { signal, onProgress } = options;
  const files = listFiles(snapshot);
  let totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  let doneBytes = 0;
  for (const file of files) {
    throwIfAborted(signal);
    const before = doneBytes;
    const sizeBytes = await copyFile(snapshot.store, target, file, signal, (bytes) => {
      callGuarded("onProgress", onProgress, {
        doneBytes: before + bytes,
        totalBytes: Math.max(totalBytes, before + bytes),
        path: file.path,
      });
    });
    doneBytes += sizeBytes;
    totalBytes += sizeBytes - file.sizeBytes;
    callGuarded("onProgress", onProgress, { doneBytes, totalBytes, path: file.path });
  }
  await publishManifest(snapshot, target, signal);
}

function listFiles(snapshot: Snapshot): CopiedFile[] {
  const files: CopiedFile[] = [];
  const outside = (baseId: number | undefined, path: string) => {
    if (baseId === undefined) return;
    throw new LanceError("UNSUPPORTED", `cannot copy ${path}: it lies in base path ${baseId}, outside of the table`, {
      path,
      baseId,
    });
  };
  for (const { id, proto } of snapshot.fragments) {
    for (const file of proto.files) {
      outside(file.baseId, file.path);
      files.push({ path: `data/${file.path}`, sizeBytes: Number(file.fileSizeBytes) });
    }
    if (proto.deletionFile) {
      const name = formatDeletionName(id, proto.deletionFile);
      outside(proto.deletionFile.baseId, name);
      files.push({ path: `_deletions/${name}`, sizeBytes: 0 });
    }
  }
  for (const index of snapshot.indices) {
    const uuid = formatUuid(index.uuid?.uuid ?? new Uint8Array());
    outside(index.baseId, `index ${index.name}`);
    if (index.files.length === 0 && index.fragmentBitmap.length > 0) {
      throw new LanceError(
        "UNSUPPORTED",
        `cannot copy segment ${uuid} of index "${index.name}": its files are not recorded`,
        {
          indexName: index.name,
          uuid,
        },
      );
    }
    for (const file of index.files) {
      files.push({ path: `_indices/${uuid}/${file.path}`, sizeBytes: Number(file.sizeBytes) });
    }
  }
  if (snapshot.manifest.transactionFile !== "") {
    files.push({ path: `_transactions/${snapshot.manifest.transactionFile}`, sizeBytes: 0 });
  }
  return files;
}

async function copyFile(
  source: ReadableStore,
  target: Store,
  file: CopiedFile,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<number> {
  if (file.sizeBytes > 0 && (await sizeOf(target, file.path, signal)) === file.sizeBytes) return file.sizeBytes;
  const writer = await target.createWriter(file.path, { signal });
  try {
    let at = 0;
    for (;;) {
      throwIfAborted(signal);
      const chunk = await source.get(file.path, { offset: at, length: CHUNK_BYTES }, { signal });
      if (!chunk) {
        throw new LanceError("NOT_FOUND", `cannot copy ${file.path}: the manifest names it, but it is not there`, {
          path: file.path,
        });
      }
      if (chunk.bytes.length > 0) await writer.write(chunk.bytes);
      at += chunk.bytes.length;
      onBytes(at);
      if (at >= chunk.totalBytes || chunk.bytes.length === 0) break;
    }
    if (file.sizeBytes > 0 && at !== file.sizeBytes) {
      throw new LanceError("CORRUPT", `${file.path}: expected ${file.sizeBytes} bytes, received ${at}`, {
        path: file.path,
        expected: file.sizeBytes,
        received: at,
      });
    }
    return await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function sizeOf(store: Store, path: string, signal: AbortSignal | undefined): Promise<number | undefined> {
  return (await store.get(path, { suffix: 1 }, { signal }))?.totalBytes;
}

async function publishManifest(snapshot: Snapshot, target: Store, signal: AbortSignal | undefined): Promise<void> {
  const { path } = snapshot.source;
  const manifest = await snapshot.store.get(path, {}, { signal });
  if (!manifest) throw new LanceError("NOT_FOUND", `${path} is no longer there`, { path });
  const there = await target.get(path, {}, { signal });
  if (!there) await target.put(path, manifest.bytes, { mode: "create", signal });
  else if (there.bytes.length !== manifest.bytes.length || there.bytes.some((byte, i) => byte !== manifest.bytes[i])) {
    throw new LanceError("ALREADY_EXISTS", `the target already holds version ${snapshot.version} of another table`, {
      path,
      version: snapshot.version,
    });
  }
  const hint = new TextEncoder().encode(JSON.stringify({ version: snapshot.version }));
  await target.put(VERSION_HINT_PATH, hint, { mode: "overwrite", signal });
}
