import { LanceError } from "../../errors.ts";
import type { DataFile } from "../../proto/gen/lance/table_pb.ts";
import type { ReadableStore } from "../../store/store.ts";
import { formatUuid } from "../../store/uuid.ts";
import { resolveBasePath } from "../../table/base-paths.ts";
import { formatDeletionName } from "../../table/deletions/deletion-file.ts";
import { canList } from "../../table/manifest/find-version.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { mapBounded } from "../../tasks/settle-all.ts";

/** One file of a version: where it is, and where it stands in a table that is whole by itself. */
export interface TableFile {
  readonly from: string;
  readonly to: string;
  readonly sizeBytes: number;
}

interface NamedFile extends Omit<TableFile, "sizeBytes"> {
  /** `undefined` where the manifest does not record it. */
  readonly sizeBytes: number | undefined;
  /** May be absent: what a clean-up took away, and what readers do without. */
  readonly optional?: true;
}

/** Sizes asked for at once. */
const CONCURRENCY = 8;
/** Where nothing can be listed, so many blob numbers in a row that are absent end the search. */
const MAX_BLOB_GAP = 8;

/**
 * Every file of a version but its manifest: data with blob sidecars, deletions, index segments, the transaction; those
 * of other bases too. Sizes the manifest does not record are asked for, one read of a byte each.
 *
 * @throws UNSUPPORTED for segments whose files are neither recorded nor listed, and for two files of one name in
 *   different bases; NOT_FOUND naming a file that is gone; CORRUPT, IO, ABORTED
 */
export async function listTableFiles(
  snapshot: Snapshot,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<TableFile[]> {
  const named = [
    ...nameDataFiles(snapshot),
    ...(await nameBlobs(snapshot, options.signal)),
    ...(await nameSegmentFiles(snapshot, options.signal)),
  ];
  if (snapshot.manifest.transactionFile !== "") {
    const path = `_transactions/${snapshot.manifest.transactionFile}`;
    named.push({ from: path, to: path, sizeBytes: undefined, optional: true });
  }
  const files = new Map<string, NamedFile>();
  for (const file of named) {
    const same = files.get(file.to);
    if (same && same.from !== file.from) {
      throw new LanceError("UNSUPPORTED", `cannot copy ${same.from} and ${file.from}: both would stand at ${file.to}`, {
        paths: [same.from, file.from],
      });
    }
    files.set(file.to, file);
  }
  const sized = await mapBounded([...files.values()], CONCURRENCY, async (file): Promise<TableFile | undefined> => {
    const { from, to } = file;
    const sizeBytes = file.sizeBytes ?? (await readSize(snapshot.store, from, options.signal));
    if (sizeBytes !== undefined) return { from, to, sizeBytes };
    if (file.optional) return undefined;
    throw new LanceError("NOT_FOUND", `cannot copy ${from}: the manifest names it, but it is not there`, {
      path: from,
    });
  });
  return sized.filter((file) => file !== undefined);
}

/** Bytes of an object. @returns `undefined` when it is not there */
export async function readSize(
  store: ReadableStore,
  path: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const found = await store.get(path, { offset: 0, length: 1 }, { signal, transient: true });
  if (!found?.totalBytesIsLowerBound) return found?.totalBytes;
  return (await store.get(path, { suffix: 1 }, { signal, transient: true }))?.totalBytes;
}

function* nameDataFiles(snapshot: Snapshot): Iterable<NamedFile> {
  for (const { id, proto } of snapshot.fragments) {
    for (const file of proto.files) {
      yield {
        from: resolveBasePath(snapshot, "data", file.path, file.baseId),
        to: `data/${file.path}`,
        sizeBytes: file.fileSizeBytes === 0n ? undefined : Number(file.fileSizeBytes),
      };
    }
    if (!proto.deletionFile) continue;
    const name = formatDeletionName(id, proto.deletionFile);
    yield {
      from: resolveBasePath(snapshot, "_deletions", name, proto.deletionFile.baseId),
      to: `_deletions/${name}`,
      sizeBytes: undefined,
    };
  }
}

/** Large blobs of file version 2.2 lie beside their data file, in a folder of its name; no message lists them. */
async function nameBlobs(snapshot: Snapshot, signal: AbortSignal | undefined): Promise<NamedFile[]> {
  const mayHaveBlobs = snapshot.manifest.fields.some(({ metadata, extensionName }) =>
    [extensionName, ...Object.keys(metadata), ...Object.values(metadata).map(decode)].some((text) =>
      /blob/i.test(text),
    ),
  );
  if (!mayHaveBlobs) return [];
  const files = snapshot.fragments.flatMap(({ proto }) => proto.files).filter(mayHaveSidecars);
  const { store } = snapshot;
  const found = await mapBounded(files, CONCURRENCY, async (file): Promise<NamedFile[]> => {
    const stem = file.path.replace(/\.lance$/, "");
    const folder = resolveBasePath(snapshot, "data", stem, file.baseId);
    const name = (blob: string, sizeBytes: number): NamedFile => ({
      from: `${folder}/${blob}`,
      to: `data/${stem}/${blob}`,
      sizeBytes,
    });
    const blobs: NamedFile[] = [];
    if (canList(store)) {
      for await (const { path, sizeBytes } of store.list(`${folder}/`, { signal })) {
        blobs.push(name(path.slice(folder.length + 1), sizeBytes));
      }
      return blobs;
    }
    // Numbered from 1 within their file, as written.
    for (let id = 1, missing = 0; missing < MAX_BLOB_GAP; id++) {
      const blob = `${reverseBits(id)}.blob`;
      const sizeBytes = await readSize(store, `${folder}/${blob}`, signal);
      missing = sizeBytes === undefined ? missing + 1 : 0;
      if (sizeBytes !== undefined) blobs.push(name(blob, sizeBytes));
    }
    return blobs;
  });
  return found.flat();
}

function mayHaveSidecars({ fileMajorVersion, fileMinorVersion }: DataFile): boolean {
  return fileMajorVersion === 2 && fileMinorVersion >= 2;
}

/** 32 binary digits, the lowest first. */
function reverseBits(id: number): string {
  return [...id.toString(2).padStart(32, "0")].reverse().join("");
}

async function nameSegmentFiles(snapshot: Snapshot, signal: AbortSignal | undefined): Promise<NamedFile[]> {
  const { store } = snapshot;
  const found = await mapBounded(snapshot.indices, CONCURRENCY, async (index): Promise<NamedFile[]> => {
    const uuid = formatUuid(index.uuid?.uuid ?? new Uint8Array());
    const name = (file: string, sizeBytes: number | undefined): NamedFile => ({
      from: resolveBasePath(snapshot, "_indices", `${uuid}/${file}`, index.baseId),
      to: `_indices/${uuid}/${file}`,
      sizeBytes,
    });
    if (index.files.length > 0) {
      return index.files.map(({ path, sizeBytes }) => name(path, sizeBytes === 0n ? undefined : Number(sizeBytes)));
    }
    if (canList(store)) {
      const folder = resolveBasePath(snapshot, "_indices", uuid, index.baseId);
      const files: NamedFile[] = [];
      for await (const { path, sizeBytes } of store.list(`${folder}/`, { signal })) {
        files.push(name(path.slice(folder.length + 1), sizeBytes));
      }
      return files;
    }
    // A system index may live in the manifest alone.
    if (index.fragmentBitmap.length === 0) return [];
    throw new LanceError(
      "UNSUPPORTED",
      `cannot copy segment ${uuid} of index "${index.name}": its files are not recorded, and this host cannot list them`,
      { indexName: index.name, uuid },
    );
  });
  return found.flat();
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
