import { clone, create, toBinary } from "@bufbuild/protobuf";
import { LanceError } from "../errors.ts";
import {
  type DataFragment,
  DataFragmentSchema,
  type IndexMetadata,
  IndexSectionSchema,
  type Manifest,
  ManifestSchema,
  TimestampSchema,
  WriterVersionSchema,
} from "../proto/gen/lance/table_pb.ts";
import { type RebasableOperation, uuidOf } from "./conflicts.ts";
import {
  FLAG_DELETION_FILES,
  FLAG_MIXED_FILE_VERSIONS,
  FLAG_STABLE_ROW_IDS,
  FLAG_TABLE_CONFIG,
} from "./feature-flags.ts";
import { MAX_U32 } from "./fragment.ts";
import { encodeRowIdRange, encodeUniformVersions } from "./row-id-sequence.ts";
import type { Snapshot } from "./snapshot.ts";
import { WRITER_LIBRARY, WRITER_VERSION } from "./writer-version.ts";

const MEM_WAL_INDEX = "__lance_mem_wal";

/** The next version, before its sections are placed. */
export interface NextVersion {
  readonly manifest: Manifest;
  readonly indices: readonly IndexMetadata[];
  readonly indexSection: Uint8Array | undefined;
}

/**
 * Applies an operation to the newest version. What the operation leaves alone — config, metadata, base paths, unknown
 * fields, and the index section unless indexes change — is carried over as it is.
 *
 * @throws INVALID_ARGUMENT when the operation does not fit the table
 */
export function buildNextVersion(
  latest: Snapshot,
  operation: RebasableOperation,
  transactionFile: string,
): NextVersion {
  const manifest = clone(ManifestSchema, latest.manifest);
  manifest.version = latest.manifest.version + 1n;
  let { indices } = latest;
  let { indexSection } = latest.source;
  switch (operation.case) {
    case "append":
      appendFragments(manifest, operation.value.fragments);
      break;
    case "delete":
      deleteRows(manifest, operation.value.updatedFragments, operation.value.deletedFragmentIds);
      break;
    case "createIndex":
      indices = replaceIndices(latest, operation.value.newIndices, operation.value.removedIndices);
      indexSection =
        indices.length === 0
          ? undefined
          : toBinary(IndexSectionSchema, create(IndexSectionSchema, { indices: [...indices] }));
      break;
  }
  return { manifest: finishManifest(manifest, transactionFile), indices, indexSection };
}

/** Stamps what every commit renews: time, writer, transaction, flags, highest fragment id. */
export function finishManifest(manifest: Manifest, transactionFile: string): Manifest {
  const now = Date.now();
  manifest.timestamp = create(TimestampSchema, {
    seconds: BigInt(Math.floor(now / 1000)),
    nanos: (now % 1000) * 1_000_000,
  });
  manifest.writerVersion = create(WriterVersionSchema, { library: WRITER_LIBRARY, version: WRITER_VERSION });
  manifest.tag = "";
  manifest.transactionFile = transactionFile;
  const highest = highestFragmentId(manifest);
  if (highest !== undefined) manifest.maxFragmentId = highest;
  const deletions = manifest.fragments.some((fragment) => fragment.deletionFile !== undefined);
  const set = (flags: bigint, bit: bigint, on: boolean) => (on ? flags | bit : flags & ~bit);
  manifest.readerFeatureFlags = set(manifest.readerFeatureFlags, FLAG_DELETION_FILES, deletions);
  manifest.writerFeatureFlags = set(
    set(manifest.writerFeatureFlags, FLAG_DELETION_FILES, deletions),
    FLAG_TABLE_CONFIG,
    Object.keys(manifest.config).length > 0,
  );
  return manifest;
}

/**
 * Gives new fragments their ids, and their row ids where the table keeps stable ones.
 *
 * @throws INVALID_ARGUMENT naming the file that does not fit
 */
export function appendFragments(manifest: Manifest, fragments: readonly DataFragment[]): void {
  const fieldIds = new Set(manifest.fields.map((field) => field.id));
  const stableRowIds = (manifest.readerFeatureFlags & FLAG_STABLE_ROW_IDS) !== 0n;
  let id = (highestFragmentId(manifest) ?? -1) + 1;
  for (const staged of fragments) {
    checkStaged(staged, manifest, fieldIds);
    if (id > MAX_U32) throw new LanceError("UNSUPPORTED", "the table has used up its 2^32 fragment ids", {});
    const fragment = clone(DataFragmentSchema, staged);
    fragment.id = BigInt(id++);
    if (stableRowIds) {
      const numRows = Number(fragment.physicalRows);
      fragment.inlineRowIds = encodeRowIdRange(manifest.nextRowId, numRows);
      fragment.inlineCreatedAtVersions = encodeUniformVersions(manifest.version, numRows);
      fragment.inlineLastUpdatedAtVersions = fragment.inlineCreatedAtVersions;
      manifest.nextRowId += fragment.physicalRows;
    }
    manifest.fragments.push(fragment);
  }
}

function checkStaged(fragment: DataFragment, manifest: Manifest, fieldIds: ReadonlySet<number>): void {
  if (fragment.files.length === 0 || fragment.physicalRows < 1n || fragment.physicalRows > BigInt(MAX_U32)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `a new fragment has ${fragment.files.length} files and ${fragment.physicalRows} rows; it needs at least one file and one row`,
      { rows: fragment.physicalRows.toString() },
    );
  }
  const mixed = (manifest.writerFeatureFlags & FLAG_MIXED_FILE_VERSIONS) !== 0n;
  for (const file of fragment.files) {
    const version = `${file.fileMajorVersion}.${file.fileMinorVersion}`;
    if (!mixed && manifest.dataFormat?.version !== version) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `${file.path} is a Lance ${version} file; the table stores ${manifest.dataFormat?.version}. Write its new files in that version`,
        { path: file.path, version, expected: manifest.dataFormat?.version },
      );
    }
    const unknown = file.fields.filter((field) => field >= 0 && !fieldIds.has(field));
    if (unknown.length > 0 || file.fields.length !== file.columnIndices.length) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `${file.path} maps field ids ${file.fields.join(", ")} to ${file.columnIndices.length} columns; the table's schema lacks ${unknown.join(", ") || "none of them"}`,
        { path: file.path, unknown },
      );
    }
  }
}

function deleteRows(manifest: Manifest, updated: readonly DataFragment[], deletedIds: readonly bigint[]): void {
  const deleted = new Set(deletedIds);
  const byId = new Map(updated.map((fragment) => [fragment.id, fragment]));
  const known = new Set(manifest.fragments.map((fragment) => fragment.id));
  const missing = [...deleted, ...byId.keys()].filter((id) => !known.has(id));
  if (missing.length > 0) {
    throw new LanceError("INVALID_ARGUMENT", `a delete names fragment ${missing.join(", ")}, which the table lacks`, {
      fragmentIds: missing.map(Number),
    });
  }
  manifest.fragments = manifest.fragments.filter((fragment) => !deleted.has(fragment.id));
  for (const fragment of manifest.fragments) {
    // Only the deletion file is news: the rest of the fragment may have moved on since the delete was computed.
    const deletionFile = byId.get(fragment.id)?.deletionFile;
    if (deletionFile !== undefined) fragment.deletionFile = deletionFile;
  }
}

function replaceIndices(
  latest: Snapshot,
  added: readonly IndexMetadata[],
  removed: readonly IndexMetadata[],
): readonly IndexMetadata[] {
  if (latest.indices.some((index) => index.name === MEM_WAL_INDEX)) {
    throw new LanceError(
      "UNSUPPORTED",
      `the table keeps a write-ahead log (${MEM_WAL_INDEX}), which has to be told of every index change; change its indexes with native Lance`,
      {},
    );
  }
  const fieldIds = new Set(latest.manifest.fields.map((field) => field.id));
  for (const index of added) {
    const unknown = index.fields.filter((field) => !fieldIds.has(field));
    if (unknown.length > 0 || index.fields.length === 0 || index.uuid?.uuid.length !== 16) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `index "${index.name}" needs a uuid and fields of the table; it names field ids ${index.fields.join(", ") || "none"}`,
        { index: index.name, unknown },
      );
    }
  }
  const dropped = new Set([...added, ...removed].map(uuidOf));
  return [...latest.indices.filter((index) => !dropped.has(uuidOf(index))), ...added];
}

function highestFragmentId(manifest: Manifest): number | undefined {
  let highest = manifest.maxFragmentId;
  for (const { id } of manifest.fragments) {
    if (highest === undefined || id > BigInt(highest)) highest = Number(id);
  }
  return highest;
}
