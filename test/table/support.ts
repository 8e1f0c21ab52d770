import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import type { LanceSchema } from "../../src/format/schema.ts";
import {
  type DataFragment,
  DataFragmentSchema,
  type IndexMetadata,
  IndexMetadataSchema,
  type Manifest,
  ManifestSchema,
} from "../../src/proto/gen/lance/table_pb.ts";
import { Transaction_DeleteSchema, TransactionSchema } from "../../src/proto/gen/lance/transaction_pb.ts";
import type { ReadableStore, Store } from "../../src/store/store.ts";
import { finishManifest } from "../../src/table/commit/build-manifest.ts";
import { createDatasetManifest } from "../../src/table/commit/create-dataset.ts";
import type { Operation, OperationOf, RebasableOperation } from "../../src/table/commit/operation.ts";
import { createTransaction, formatTransactionName, publishVersion } from "../../src/table/commit/publish.ts";
import { writeDeletionFile } from "../../src/table/deletions/deletion-file.ts";
import { encodeFragmentBitmap } from "../../src/table/fragment-bitmap.ts";
import { findLatestManifest, noTable } from "../../src/table/manifest/find-version.ts";
import { expandRowIds, readRowIdPieces } from "../../src/table/row-ids/row-id-pieces.ts";
import { openVersion, type Snapshot } from "../../src/table/snapshot.ts";

/** Two int32 columns: `a` (field 0) and `b` (field 1). */
export const SCHEMA: LanceSchema = {
  fields: ["a", "b"].map((name, id) => ({
    id,
    parentId: -1,
    name,
    logicalType: "int32",
    nullable: true,
    metadata: {},
    children: [],
  })),
  metadata: {},
};

type Init = NonNullable<MessageInitShape<typeof TransactionSchema>["operation"]>;

/** An operation of ours; what is not given has its default. */
export function operation<Case extends RebasableOperation["case"]>(
  name: Case,
  value: Extract<Init, { case: Case }>["value"],
): OperationOf<Case> {
  return create(TransactionSchema, { operation: { case: name, value } as Init }).operation as OperationOf<Case>;
}

/** Stable row ids of a fragment, in physical order. */
export const decodeRowIds = (bytes: Uint8Array, numRows: number): BigUint64Array =>
  expandRowIds(readRowIdPieces(bytes, numRows));

/** Number of the newest version. */
export async function findLatestVersion(store: ReadableStore, signal?: AbortSignal): Promise<number> {
  const found = await findLatestManifest(store, { signal });
  if (found === undefined) throw noTable(store);
  return found.version;
}

let files = 0;

/** A fragment whose data file is only named: a commit never opens it. */
export function stageFragment(rows = 100): DataFragment {
  return create(DataFragmentSchema, {
    physicalRows: BigInt(rows),
    files: [
      {
        path: `file-${files++}.lance`,
        fields: [0, 1],
        columnIndices: [0, 1],
        fileMajorVersion: 2,
        fileMinorVersion: 1,
        fileSizeBytes: 1000n,
      },
    ],
  });
}

/** A table of `fragments` fragments of 100 rows, at version 1. */
export function createTable(store: Store, fragments = 3, options: { stableRowIds?: boolean } = {}): Promise<Snapshot> {
  const staged = Array.from({ length: fragments }, () => stageFragment());
  return createDatasetManifest(store, { uri: "memory://t", schema: SCHEMA, fragments: staged, ...options });
}

export function appendOf(...fragments: DataFragment[]): Extract<Operation, { case: "append" }> {
  return { case: "append", value: { $typeName: "lance.table.Transaction.Append", fragments } };
}

/** A delete of some rows computed at `snapshot`, its deletion files written. */
export async function stageDelete(
  snapshot: Snapshot,
  rows: Readonly<Record<number, readonly number[]>>,
  deletedFragmentIds: readonly number[] = [],
): Promise<Extract<Operation, { case: "delete" }>> {
  const updatedFragments: DataFragment[] = [];
  for (const [id, offsets] of Object.entries(rows)) {
    const fragment = snapshot.fragments.find((candidate) => candidate.id === Number(id))!;
    const deletionFile = await writeDeletionFile(snapshot.store as Store, {
      fragmentId: fragment.id,
      readVersion: snapshot.version,
      offsets: Uint32Array.from(offsets),
    });
    updatedFragments.push({ ...clone(DataFragmentSchema, fragment.proto), deletionFile });
  }
  const value = create(Transaction_DeleteSchema, {
    updatedFragments,
    deletedFragmentIds: deletedFragmentIds.map(BigInt),
    predicate: "test",
  });
  return { case: "delete", value };
}

/** A segment of an index over field `a`. */
export async function stageIndex(name: string, fragmentIds: readonly number[], field = 0): Promise<IndexMetadata> {
  return create(IndexMetadataSchema, {
    uuid: { uuid: crypto.getRandomValues(new Uint8Array(16)) },
    name,
    fields: [field],
    fragmentBitmap: await encodeFragmentBitmap(fragmentIds),
  });
}

export function createIndexOf(
  newIndices: IndexMetadata[],
  removedIndices: IndexMetadata[] = [],
): Extract<Operation, { case: "createIndex" }> {
  return {
    case: "createIndex",
    value: { $typeName: "lance.table.Transaction.CreateIndex", newIndices, removedIndices },
  };
}

/** What another program may do to a table: any operation, with its effect on the manifest told in full. */
export async function commitForeign(
  snapshot: Snapshot,
  operation: Operation,
  options: { change?: (manifest: Manifest) => unknown } = {},
): Promise<Snapshot> {
  const latest = await openVersion(snapshot);
  const manifest = clone(ManifestSchema, latest.manifest);
  manifest.version += 1n;
  options.change?.(manifest);
  const transaction = createTransaction(operation, { readVersion: latest.version, uuid: crypto.randomUUID() });
  const published = await publishVersion(latest.store as Store, {
    manifest: finishManifest(manifest, formatTransactionName(transaction)),
    indices: latest.indices,
    indexSection: latest.source.indexSection,
    transaction,
    naming: latest.naming,
  });
  if (published === undefined) throw new Error("the foreign commit lost a race");
  return openVersion(latest);
}
