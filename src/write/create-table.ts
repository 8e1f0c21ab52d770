import { create } from "@bufbuild/protobuf";
import { isLanceError, LanceError } from "../errors.ts";
import { fromArrowSchema } from "../format/from-arrow-schema.ts";
import { checkPrimaryKey } from "../format/primary-key.ts";
import type { LanceField } from "../format/schema.ts";
import type { LanceFileVersion } from "../format/write/file-writer.ts";
import { planColumns } from "../format/write/leaf-column.ts";
import { Transaction_AppendSchema } from "../proto/gen/lance/transaction_pb.ts";
import type { Store } from "../store/store.ts";
import { commit } from "../table/commit/commit.ts";
import { commitFiles } from "../table/commit/commit-files.ts";
import { createDatasetManifest, DEFAULT_STORAGE_VERSION } from "../table/commit/create-dataset.ts";
import { requireWritable } from "../table/commit/publish.ts";
import { findLatestManifest } from "../table/manifest/find-version.ts";
import { openSnapshot, type Snapshot } from "../table/snapshot.ts";
import type { BatchSource } from "./input/input.ts";
import { toPlainSchema } from "./input/plain-schema.ts";
import { checkColumnNames } from "./schema/check-column-names.ts";
import { listDataFiles, type WriteFragmentsOptions, writeFragments } from "./write-fragments.ts";

/** How a table is made. */
export interface CreateTableOptions extends Omit<WriteFragmentsOptions, "schema" | "version"> {
  readonly uri: string;
  /** Version of its data files: `2.1` (default, read by Lance since 2.1 came) or `2.2`. */
  readonly storageVersion?: string | undefined;
  readonly stableRowIds?: boolean | undefined;
  readonly config?: Readonly<Record<string, string>> | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** Where another writer made the table meanwhile, with the same columns, the rows are appended to it. */
  readonly appendToExisting?: boolean | undefined;
}

/**
 * Makes a table of the rows of `source`: data files, then version 1. Field ids count from 0; dictionary columns are
 * stored as their values. When it fails, no table and no file is left.
 *
 * @throws INVALID_ARGUMENT (a column name native Lance refuses), ALREADY_EXISTS, SCHEMA_MISMATCH, UNSUPPORTED (a type,
 *   or a storage version), QUOTA_EXCEEDED, IO, ABORTED
 */
export async function createTable(store: Store, source: BatchSource, options: CreateTableOptions): Promise<Snapshot> {
  const { uri, signal, stableRowIds, config, properties } = options;
  const version = checkStorageVersion(options.storageVersion ?? DEFAULT_STORAGE_VERSION);
  requireWritable(store, uri);
  const schema = fromArrowSchema(toPlainSchema(source.schema), { promoteBlobs: version === "2.2" });
  checkColumnNames(schema.fields);
  checkPrimaryKey(schema.fields);
  planColumns(schema, version);
  const standing = await findLatestManifest(store, { signal });
  if (standing && !options.appendToExisting) {
    throw new LanceError(
      "ALREADY_EXISTS",
      `there is a Lance table at ${uri} (version ${standing.version}); append to it, or choose another place`,
      { uri, version: standing.version },
    );
  }
  const fragments = await writeFragments(store, source.batches, { ...options, schema, version });
  return commitFiles(store, listDataFiles(fragments), async () => {
    try {
      return await createDatasetManifest(store, {
        uri,
        schema,
        fragments,
        storageVersion: version,
        ...(signal ? { signal } : {}),
        ...(stableRowIds === undefined ? {} : { stableRowIds }),
        ...(config ? { config } : {}),
        ...(properties ? { properties } : {}),
      });
    } catch (error) {
      if (!options.appendToExisting || !isLanceError(error, "ALREADY_EXISTS")) throw error;
      const existing = await openSnapshot(store, { uri, signal });
      checkSameFiles(existing, schema.fields, version, error);
      if (fragments.length === 0) return existing;
      const value = create(Transaction_AppendSchema, { fragments });
      return commit(existing, { case: "append", value }, { signal, properties });
    }
  });
}

/** Data files name columns by field id: they fit another table only where the ids stand for the same columns. */
function checkSameFiles(existing: Snapshot, fields: readonly LanceField[], version: string, cause: LanceError): void {
  if (existing.storageVersion === version && hasSameFields(existing.schema.fields, fields)) return;
  throw new LanceError(
    "COMMIT_CONFLICT",
    `another writer made ${existing.uri} in the same moment, with other columns: ${existing.schema.fields.map(({ name }) => name).join(", ")}; call again to append to it`,
    { retryable: true, uri: existing.uri },
    { cause },
  );
}

function hasSameFields(left: readonly LanceField[], right: readonly LanceField[]): boolean {
  return (
    left.length === right.length &&
    left.every((field, i) => {
      const other = right[i]!;
      return (
        field.id === other.id &&
        field.name === other.name &&
        field.logicalType === other.logicalType &&
        field.nullable === other.nullable &&
        hasSameFields(field.children, other.children)
      );
    })
  );
}

/** @throws UNSUPPORTED for versions this library reads but does not write */
export function checkStorageVersion(version: string): LanceFileVersion {
  if (version === "2.1" || version === "2.2") return version;
  throw new LanceError(
    "UNSUPPORTED",
    `cannot write data files of version ${version}: expected 2.1 or 2.2; rewrite the table with a current Lance to write to it here`,
    { version, expected: ["2.1", "2.2"] },
  );
}
