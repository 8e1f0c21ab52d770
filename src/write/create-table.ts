import { LanceError } from "../errors.ts";
import { fromArrowSchema } from "../format/from-arrow-schema.ts";
import type { LanceFileVersion } from "../format/write/file-writer.ts";
import { planColumns } from "../format/write/leaf-column.ts";
import type { Store } from "../store/store.ts";
import { commitFiles } from "../table/commit-files.ts";
import { createDatasetManifest, DEFAULT_STORAGE_VERSION } from "../table/create-dataset.ts";
import { findLatestManifest } from "../table/find-version.ts";
import { requireWritable } from "../table/publish.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { checkColumnNames } from "./check-column-names.ts";
import type { BatchSource } from "./input.ts";
import { toPlainSchema } from "./plain-schema.ts";
import { listDataFiles, type WriteFragmentsOptions, writeFragments } from "./write-fragments.ts";

/** How a table is made. */
export interface CreateTableOptions extends Omit<WriteFragmentsOptions, "schema" | "version"> {
  readonly uri: string;
  /** Version of its data files: `2.1` (default, read by Lance since 2.1 came) or `2.2`. */
  readonly storageVersion?: string | undefined;
  readonly stableRowIds?: boolean | undefined;
  readonly config?: Readonly<Record<string, string>> | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
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
  const schema = fromArrowSchema(toPlainSchema(source.schema));
  checkColumnNames(schema.fields);
  planColumns(schema);
  const standing = await findLatestManifest(store, { signal });
  if (standing) {
    throw new LanceError(
      "ALREADY_EXISTS",
      `there is a Lance table at ${uri} (version ${standing.version}); append to it, or choose another place`,
      { uri, version: standing.version },
    );
  }
  const fragments = await writeFragments(store, source.batches, { ...options, schema, version });
  return commitFiles(store, listDataFiles(fragments), () =>
    createDatasetManifest(store, {
      uri,
      schema,
      fragments,
      storageVersion: version,
      ...(signal ? { signal } : {}),
      ...(stableRowIds === undefined ? {} : { stableRowIds }),
      ...(config ? { config } : {}),
      ...(properties ? { properties } : {}),
    }),
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
