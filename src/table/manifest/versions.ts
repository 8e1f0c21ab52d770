import { isLanceError, throwIfAborted } from "../../errors.ts";
import type { Manifest } from "../../proto/gen/lance/table_pb.ts";
import type { Transaction } from "../../proto/gen/lance/transaction_pb.ts";
import type { ReadableStore, Store, StoreCallOptions } from "../../store/store.ts";
import { canList, findLatestManifest, listManifestNames, noTable } from "./find-version.ts";
import { type ProbedManifest, probeVersion } from "./probe-version.ts";
import { readManifestFromTail, readTransactionOf } from "./read-manifest.ts";

/** One version of a table. */
export interface VersionInfo {
  readonly version: number;
  /** When it was committed, milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly tag: string | null;
  readonly numFragments: number;
  /** Rows less deleted ones. */
  readonly numRows: number;
  readonly numDataFiles: number;
  readonly numDeletionFiles: number;
  /** Bytes of the data files that say their size. */
  readonly dataFileBytes: number;
  /** What the commit did: `append`, `delete`, `createIndex`, …; `null` where the version does not say. */
  readonly operation: string | null;
  /** What the commit's writer noted with it. */
  readonly properties: Readonly<Record<string, string>>;
}

/** Manifests read at once. */
const CONCURRENCY = 8;
/** Where nothing can be listed: this many missing versions in a row, going back, end the search. */
const MAX_GAP = 16;

/**
 * Every version there is, ascending. Reads one manifest each, and one file more for what a version of an older writer
 * did.
 *
 * @throws NOT_FOUND when there is no table, CORRUPT, IO, ABORTED
 */
export async function listVersions(store: ReadableStore, options: StoreCallOptions = {}): Promise<VersionInfo[]> {
  const infos = canList(store) ? await readListed(store, options) : await probeBack(store, options);
  if (infos.length === 0) throw noTable(store);
  return infos.sort((a, b) => a.version - b.version);
}

async function readListed(store: Store, options: StoreCallOptions): Promise<VersionInfo[]> {
  const names = await listManifestNames(store, options);
  const infos: VersionInfo[] = [];
  for (let from = 0; from < names.length; from += CONCURRENCY) {
    throwIfAborted(options.signal);
    const settled = await Promise.allSettled(
      names.slice(from, from + CONCURRENCY).map(async ({ version, naming }) => {
        const found = await probeVersion(store, version, { ...options, naming });
        // Absent: cleaned up since the listing.
        if (found !== undefined) infos.push(await describeProbed(store, found, options));
      }),
    );
    for (const one of settled) if (one.status === "rejected") throw one.reason;
  }
  return infos;
}

async function probeBack(store: ReadableStore, options: StoreCallOptions): Promise<VersionInfo[]> {
  const newest = await findLatestManifest(store, options);
  if (newest === undefined) return [];
  const infos = [await describeProbed(store, newest, options)];
  for (let version = newest.version - 1, missing = 0; version >= 1 && missing < MAX_GAP; version--) {
    throwIfAborted(options.signal);
    const found = await probeVersion(store, version, { ...options, naming: newest.naming });
    missing = found === undefined ? missing + 1 : 0;
    if (found !== undefined) infos.push(await describeProbed(store, found, options));
  }
  return infos;
}

async function describeProbed(
  store: ReadableStore,
  probed: ProbedManifest,
  options: StoreCallOptions,
): Promise<VersionInfo> {
  const file = await readManifestFromTail(store, probed.path, probed.tail, options);
  const transaction = await readTransactionOf(store, file, options).catch((error) => {
    // A version is listed whatever its note of the commit looks like.
    if (isLanceError(error, "CORRUPT")) return undefined;
    throw error;
  });
  return describeVersion(file.manifest, transaction);
}

function describeVersion(manifest: Manifest, transaction: Transaction | undefined): VersionInfo {
  const { timestamp, fragments } = manifest;
  let rows = 0n;
  let dataFiles = 0;
  let dataFileBytes = 0;
  let deletionFiles = 0;
  for (const fragment of fragments) {
    rows += fragment.physicalRows - (fragment.deletionFile?.numDeletedRows ?? 0n);
    dataFiles += fragment.files.length;
    for (const file of fragment.files) dataFileBytes += Number(file.fileSizeBytes);
    if (fragment.deletionFile) deletionFiles++;
  }
  return {
    version: Number(manifest.version),
    timestampMs: timestamp ? Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1e6) : 0,
    tag: manifest.tag === "" ? null : manifest.tag,
    numFragments: fragments.length,
    numRows: Number(rows),
    numDataFiles: dataFiles,
    numDeletionFiles: deletionFiles,
    dataFileBytes,
    operation: transaction?.operation.case ?? null,
    properties: { ...transaction?.transactionProperties },
  };
}
