import { create } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type LanceSchema, writeFields } from "../../format/schema.ts";
import { type DataFragment, DataStorageFormatSchema, ManifestSchema } from "../../proto/gen/lance/table_pb.ts";
import { Transaction_OverwriteSchema } from "../../proto/gen/lance/transaction_pb.ts";
import type { Store, StoreCallOptions } from "../../store/store.ts";
import { drawUuid } from "../../store/uuid.ts";
import { withBases } from "../../store/with-bases.ts";
import { FLAG_STABLE_ROW_IDS } from "../manifest/feature-flags.ts";
import { findLatestManifest } from "../manifest/find-version.ts";
import { createSnapshot, type Snapshot } from "../snapshot.ts";
import { finishManifest } from "./build-manifest.ts";
import { addFragments } from "./next-fragments.ts";
import { createTransaction, formatTransactionName, publishVersion, requireWritable } from "./publish.ts";

/** File version of new tables: the widest read (format page section 3). */
export const DEFAULT_STORAGE_VERSION = "2.1";

/** A table to be made. */
export interface NewDataset extends StoreCallOptions {
  readonly uri: string;
  readonly schema: LanceSchema;
  /** Written before; ids are given here. May be empty. */
  readonly fragments: readonly DataFragment[];
  readonly storageVersion?: string;
  /** Row ids that survive compaction and update. */
  readonly stableRowIds?: boolean;
  readonly config?: Readonly<Record<string, string>>;
  readonly properties?: Readonly<Record<string, string>>;
}

/**
 * Makes a table: version 1, by an `Overwrite` of nothing. Its data files must be durable before.
 *
 * @throws ALREADY_EXISTS when a table is there, also when another writer made it in the same moment
 */
export async function createDatasetManifest(ownStore: Store, dataset: NewDataset): Promise<Snapshot> {
  const { uri, schema, fragments, signal } = dataset;
  const store = withBases(ownStore, { uri });
  requireWritable(store, uri);
  const standing = await findLatestManifest(store, { signal });
  if (standing !== undefined) throw exists(uri, standing.version);
  const fields = writeFields(schema);
  const flags = dataset.stableRowIds === true ? FLAG_STABLE_ROW_IDS : 0n;
  const manifest = create(ManifestSchema, {
    version: 1n,
    fields,
    schemaMetadata: { ...schema.metadata },
    readerFeatureFlags: flags,
    writerFeatureFlags: flags,
    dataFormat: create(DataStorageFormatSchema, {
      fileFormat: "lance",
      version: dataset.storageVersion ?? DEFAULT_STORAGE_VERSION,
    }),
    config: { ...dataset.config },
  });
  addFragments(manifest, fragments);
  const value = create(Transaction_OverwriteSchema, {
    fragments: [...fragments],
    schema: fields,
    schemaMetadata: { ...schema.metadata },
    configUpsertValues: { ...dataset.config },
  });
  const transaction = createTransaction(
    { case: "overwrite", value },
    { readVersion: 0, uuid: drawUuid(), properties: dataset.properties },
  );
  const published = await publishVersion(
    store,
    {
      manifest: finishManifest(manifest, formatTransactionName(transaction)),
      indices: [],
      indexSection: undefined,
      transaction,
      naming: "v2",
    },
    { signal },
  );
  if (published === undefined) throw exists(uri, 1);
  return createSnapshot({ store, uri, source: published });
}

function exists(uri: string, version: number): LanceError {
  return new LanceError(
    "ALREADY_EXISTS",
    `there is a Lance table at ${uri} (version ${version}); append to it, or choose another place`,
    {
      uri,
      version,
    },
  );
}
