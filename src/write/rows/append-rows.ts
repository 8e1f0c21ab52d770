import { create } from "@bufbuild/protobuf";
import { planColumns } from "../../format/write/leaf-column.ts";
import { Transaction_AppendSchema } from "../../proto/gen/lance/transaction_pb.ts";
import { commit } from "../../table/commit/commit.ts";
import { commitFiles } from "../../table/commit/commit-files.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { checkWriterFlags } from "../../table/manifest/feature-flags.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { checkStorageVersion } from "../create-table.ts";
import { type TabularData, toRecordBatches } from "../input/input.ts";
import { toInputSchema } from "../input/input-schema.ts";
import { listDataFiles, type WriteFragmentsOptions, writeFragments } from "../write-fragments.ts";

/** How rows are appended. */
export interface AppendRowsOptions extends Omit<WriteFragmentsOptions, "schema" | "version"> {
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

/**
 * Appends rows as new fragments, in files of the table's own version. Columns are matched by name; nullable ones may
 * be missing. Objects are converted to the table's types; Arrow data must have them. No rows make no version.
 *
 * @returns the version committed, or `snapshot` itself
 * @throws SCHEMA_MISMATCH, DIMENSION_MISMATCH, UNSUPPORTED (a table of version 2.0, or with types not yet written),
 * COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED; nothing of the rows is then left
 */
export async function appendRows(
  snapshot: Snapshot,
  data: TabularData,
  options: AppendRowsOptions = {},
): Promise<Snapshot> {
  const { schema, uri } = snapshot;
  const { signal, properties } = options;
  const version = checkStorageVersion(snapshot.storageVersion);
  checkWriterFlags(snapshot.manifest);
  const store = requireWritable(snapshot.store, uri);
  planColumns(schema, version);
  const source = await toRecordBatches(data, { schema: toInputSchema(schema.fields), signal });
  const fragments = await writeFragments(store, source.batches, { ...options, schema, version });
  if (fragments.length === 0) return snapshot;
  const value = create(Transaction_AppendSchema, { fragments });
  return commitFiles(store, listDataFiles(fragments), () =>
    commit(snapshot, { case: "append", value }, { signal, properties }),
  );
}
