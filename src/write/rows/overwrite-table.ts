import { create } from "@bufbuild/protobuf";
import { fromArrowSchema } from "../../format/from-arrow-schema.ts";
import { checkPrimaryKey } from "../../format/primary-key.ts";
import { writeFields } from "../../format/schema.ts";
import { planColumns } from "../../format/write/leaf-column.ts";
import { Transaction_OverwriteSchema } from "../../proto/gen/lance/transaction_pb.ts";
import { commit } from "../../table/commit/commit.ts";
import { commitFiles } from "../../table/commit/commit-files.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { checkWriterFlags, FLAG_NON_REUSABLE_FIELD_IDS } from "../../table/manifest/feature-flags.ts";
import { nextFieldId } from "../../table/manifest/field-ids.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { checkStorageVersion } from "../create-table.ts";
import type { BatchSource } from "../input/input.ts";
import { toPlainSchema } from "../input/plain-schema.ts";
import { type ConflictOptions, retryConflicts } from "../retry-conflicts.ts";
import { checkColumnNames } from "../schema/check-column-names.ts";
import { listDataFiles, type WriteFragmentsOptions, writeFragments } from "../write-fragments.ts";

/** How a table is overwritten. */
export interface OverwriteTableOptions extends Omit<WriteFragmentsOptions, "schema" | "version">, ConflictOptions {
  /** Version of the data files from now on: `2.1` or `2.2`. Default: the table's, where it can be written. */
  readonly storageVersion?: string | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

/**
 * Replaces columns and rows of a table by those of a source, in one commit. Older versions stay readable; config, table
 * metadata and whether row ids are stable stay as they are; indexes are gone. Rows another writer adds before the commit
 * are replaced too.
 *
 * @throws INVALID_ARGUMENT (a column name), SCHEMA_MISMATCH, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED;
 * the table is then as it was
 */
export async function overwriteTable(
  snapshot: Snapshot,
  source: BatchSource,
  options: OverwriteTableOptions = {},
): Promise<Snapshot> {
  const { signal, properties } = options;
  checkWriterFlags(snapshot.manifest);
  const store = requireWritable(snapshot.store, snapshot.uri);
  const version = checkStorageVersion(options.storageVersion ?? snapshot.storageVersion);
  const neverTwice = (snapshot.manifest.writerFeatureFlags & FLAG_NON_REUSABLE_FIELD_IDS) !== 0n;
  const schema = fromArrowSchema(toPlainSchema(source.schema), {
    firstFieldId: neverTwice ? nextFieldId(snapshot.manifest) : 0,
  });
  checkColumnNames(schema.fields);
  checkPrimaryKey(schema.fields);
  planColumns(schema, version);
  const fragments = await writeFragments(store, source.batches, { ...options, schema, version });
  const value = create(Transaction_OverwriteSchema, {
    fragments,
    schema: writeFields(schema),
    schemaMetadata: { ...schema.metadata },
  });
  return commitFiles(store, listDataFiles(fragments), () =>
    retryConflicts(
      snapshot,
      (current) => commit(current, { case: "overwrite", value }, { signal, properties, storageVersion: version }),
      options,
    ),
  );
}
