import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import {
  type IndexMetadata,
  IndexSectionSchema,
  type Manifest,
  ManifestSchema,
  TimestampSchema,
  WriterVersionSchema,
} from "../../proto/gen/lance/table_pb.ts";
import { MAX_U32 } from "../fragment.ts";
import { decodeFragmentBitmap } from "../fragment-bitmap.ts";
import { FLAG_DELETION_FILES, FLAG_TABLE_CONFIG } from "../manifest/feature-flags.ts";
import { checkNewFieldIds, raiseFieldIdMark } from "../manifest/field-ids.ts";
import { WRITER_LIBRARY, WRITER_VERSION } from "../manifest/writer-version.ts";
import { listCurrentIndices } from "../row-ids/frag-reuse.ts";
import { hasStableRowIds } from "../row-ids/row-lineage.ts";
import type { Snapshot } from "../snapshot.ts";
import { applyConfigChanges } from "./apply-config.ts";
import {
  coverMovedRows,
  followRewrite,
  type Indices,
  type RowAddressRule,
  retainRelevantIndices,
  withdrawRewrittenFields,
} from "./index-coverage.ts";
import { isMemWal, isSystemIndex, MEM_WAL_INDEX, uuidOf } from "./index-identity.ts";
import { mergeFragments, rewriteFragments } from "./merge-fragments.ts";
import {
  addFragments,
  deleteRows,
  dropDeadFiles,
  dropTombstonedFiles,
  fieldIdsOf,
  highestFragmentId,
  REWRITE_COLUMNS,
  updateFragments,
} from "./next-fragments.ts";
import type { OperationOf, RebasableOperation } from "./operation.ts";
import { overwriteTable } from "./overwrite-table.ts";
import { updateRestored } from "./restored-manifest.ts";

/** The next version, before its sections are placed. */
export interface NextVersion {
  readonly manifest: Manifest;
  readonly indices: Indices;
  readonly indexSection: Uint8Array | undefined;
}

/** What building needs beside the operation. */
export interface BuildOptions {
  readonly transactionFile: string;
  /** The version the operation was computed at, when it is older than the one it is applied to. */
  readonly read?: Snapshot | undefined;
  /** The version a restore goes back to. */
  readonly restored?: Snapshot | undefined;
  /** The fragment reuse index a rewrite leaves, where it does not remap indexes. */
  readonly fragmentReuse?: IndexMetadata | undefined;
  /** Which indexes answer with row addresses and cannot follow rows that move; default: all do. */
  readonly holdsRowAddresses?: RowAddressRule | undefined;
  /** Version of the data files from an overwrite on; default that of its files, or the table's. */
  readonly storageVersion?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Applies an operation to the newest version. What the operation leaves alone — config, metadata, base paths, unknown
 * fields, and the index section unless indexes change — is carried over as it is.
 *
 * @throws INVALID_ARGUMENT when the operation does not fit the table, UNSUPPORTED
 */
export async function buildNextVersion(
  latest: Snapshot,
  operation: RebasableOperation,
  options: BuildOptions,
): Promise<NextVersion> {
  const { transactionFile } = options;
  if (operation.case === "restore") return restoreVersion(latest, options);
  const manifest = clone(ManifestSchema, latest.manifest);
  manifest.version = latest.manifest.version + 1n;
  const indices = await applyOperation(manifest, latest, operation, options);
  if (operation.case !== "append") manifest.fragments.sort((a, b) => (a.id < b.id ? -1 : 1));
  dropTombstonedFiles(manifest);
  const indexSection = indices === latest.indices ? latest.source.indexSection : encodeIndices(latest, indices);
  finishManifest(manifest, transactionFile);
  if (operation.case === "reserveFragments") {
    const last = (manifest.maxFragmentId ?? 0) + operation.value.numFragments;
    if (last > MAX_U32) throw new LanceError("UNSUPPORTED", "the table has used up its 2^32 fragment ids", {});
    manifest.maxFragmentId = last;
  }
  return { manifest, indices, indexSection };
}

/** Operations that look at no index's coverage: the section stays as it is. */
const KEEPS_COVERAGE: ReadonlySet<RebasableOperation["case"]> = new Set([
  "append",
  "createIndex",
  "overwrite",
  "updateConfig",
  "reserveFragments",
]);

async function applyOperation(
  manifest: Manifest,
  latest: Snapshot,
  operation: Exclude<RebasableOperation, { case: "restore" }>,
  options: BuildOptions,
): Promise<Indices> {
  const indices = KEEPS_COVERAGE.has(operation.case) ? latest.indices : await listCurrentIndices(latest);
  // Files staged before another writer dropped a column still name it.
  const fieldIds = new Set([...fieldIdsOf(manifest), ...(options.read ? fieldIdsOf(options.read.manifest) : [])]);
  switch (operation.case) {
    case "append":
      addFragments(manifest, operation.value.fragments, { fieldIds });
      return indices;
    case "delete":
      deleteRows(manifest, {
        updated: operation.value.updatedFragments,
        removed: operation.value.deletedFragmentIds,
      });
      return retain(manifest, indices);
    case "createIndex":
      return replaceIndices(latest, operation.value.newIndices, operation.value.removedIndices);
    case "overwrite":
      overwriteTable(manifest, operation.value, options);
      return [];
    case "update":
      return updateIndices(manifest, indices, operation.value, { ...options, fieldIds });
    case "rewrite": {
      const { fragmentReuse, holdsRowAddresses = () => true } = options;
      const groups = rewriteFragments(manifest, operation.value, fieldIds);
      const rewritten = operation.value.rewrittenIndices;
      const stableRowIds = hasStableRowIds(manifest);
      return followRewrite(indices, { groups, rewritten, stableRowIds, fragmentReuse, holdsRowAddresses });
    }
    case "merge": {
      checkNewFieldIds(latest.manifest, operation.value.schema);
      manifest.fields = operation.value.schema;
      manifest.schemaMetadata = operation.value.schemaMetadata;
      const rewrites = mergeFragments(manifest, operation.value.fragments);
      return retain(manifest, await withdrawRewrittenFields(indices, rewrites));
    }
    case "project":
      checkNewFieldIds(latest.manifest, operation.value.schema);
      manifest.fields = operation.value.schema;
      manifest.fragments = manifest.fragments.map((fragment) => dropDeadFiles(manifest, fragment));
      return retain(manifest, indices);
    case "updateConfig":
      applyConfigChanges(manifest, operation.value);
      return indices;
    case "reserveFragments":
      return indices;
  }
}

async function updateIndices(
  manifest: Manifest,
  indices: Indices,
  value: OperationOf<"update">["value"],
  options: BuildOptions & { readonly fieldIds: ReadonlySet<number> },
): Promise<Indices> {
  const offsets = await readUpdatedOffsets(value);
  const touched = [...value.removedFragmentIds, ...value.updatedFragments.map(({ id }) => id)];
  const { moved } = await updateFragments(manifest, value, { ...options, offsets });
  const changed = withChildren(manifest, value.fieldsModified);
  const rewrites = new Map(value.updatedFragments.map(({ id }): [bigint, ReadonlySet<number>] => [id, changed]));
  const withdrawn = await withdrawRewrittenFields(indices, changed.size === 0 ? new Map() : rewrites);
  if (value.updateMode === REWRITE_COLUMNS) return retain(manifest, withdrawn);
  const changedFields = withChildren(manifest, value.fieldsForPreservingFragBitmap);
  const { holdsRowAddresses = () => true } = options;
  const rows = { from: touched, to: moved, changedFields, holdsRowAddresses };
  return retain(manifest, await coverMovedRows(withdrawn, rows));
}

/** Rows written anew in place, by fragment; older writers listed them, newer ones store bitmaps. */
async function readUpdatedOffsets(value: OperationOf<"update">["value"]): Promise<Map<bigint, Uint32Array>> {
  const offsets = new Map<bigint, Uint32Array>();
  for (const [id, bitmap] of Object.entries(value.updatedFragmentOffsetBitmaps)) {
    if (bitmap.length > 0) offsets.set(BigInt(id), await decodeFragmentBitmap(bitmap));
  }
  if (offsets.size > 0) return offsets;
  for (const [id, list] of Object.entries(value.updatedFragmentOffsets)) {
    offsets.set(BigInt(id), Uint32Array.from(list.values));
  }
  return offsets;
}

/** Fields and all below them: an index may be on a child of a struct that was written anew whole. */
function withChildren(manifest: Manifest, ids: readonly number[]): Set<number> {
  const all = new Set(ids);
  for (const field of manifest.fields) if (all.has(field.parentId)) all.add(field.id);
  return all;
}

function retain(manifest: Manifest, indices: Indices): Promise<Indices> {
  return retainRelevantIndices(indices, fieldIdsOf(manifest), manifest.fragments);
}

function restoreVersion(latest: Snapshot, { restored, transactionFile }: BuildOptions): NextVersion {
  if (restored === undefined)
    throw new LanceError("INVALID_ARGUMENT", "a restore needs the version it goes back to", {});
  const manifest = updateRestored(latest.manifest, restored.manifest);
  return {
    manifest: finishManifest(manifest, transactionFile),
    indices: restored.indices,
    indexSection: restored.source.indexSection,
  };
}

/** Stamps what every commit renews: time, writer, transaction, flags, highest fragment and field ids. */
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
  raiseFieldIdMark(manifest);
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

/** The section's bytes with another list; what it holds beside the list stays. */
function encodeIndices(latest: Snapshot, indices: Indices): Uint8Array | undefined {
  if (latest.indices.some(isMemWal)) {
    throw new LanceError(
      "UNSUPPORTED",
      `the table keeps a write-ahead log (${MEM_WAL_INDEX}), which has to be told of every index change; make this change with native Lance`,
      {},
    );
  }
  if (indices.length === 0) return undefined;
  const section = latest.source.indexSection
    ? fromBinary(IndexSectionSchema, latest.source.indexSection)
    : create(IndexSectionSchema);
  section.indices = [...indices];
  return toBinary(IndexSectionSchema, section);
}

function replaceIndices(latest: Snapshot, added: readonly IndexMetadata[], removed: readonly IndexMetadata[]): Indices {
  const fieldIds = fieldIdsOf(latest.manifest);
  for (const index of added) {
    const unknown = index.fields.filter((field) => !fieldIds.has(field));
    if (unknown.length > 0 || (index.fields.length === 0 && !isSystemIndex(index)) || index.uuid?.uuid.length !== 16) {
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
