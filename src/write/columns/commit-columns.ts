import { create } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { checkPrimaryKey } from "../../format/primary-key.ts";
import { type LanceField, writeFields } from "../../format/schema.ts";
import type { DataFragment } from "../../proto/gen/lance/table_pb.ts";
import { Transaction_MergeSchema, Transaction_ProjectSchema } from "../../proto/gen/lance/transaction_pb.ts";
import { commit } from "../../table/commit/commit.ts";
import type { Snapshot } from "../../table/snapshot.ts";

/** How a change of the schema is committed. */
export interface SchemaCommitOptions {
  /** Whether data written for the old schema holds no null where the new one forbids it. */
  readonly preservesNullability: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

/** Commits a schema with new columns, and the fragments that hold them. @throws COMMIT_CONFLICT, IO, ABORTED */
export function commitMerge(
  snapshot: Snapshot,
  change: { readonly fields: readonly LanceField[]; readonly fragments: readonly DataFragment[] },
  options: SchemaCommitOptions,
): Promise<Snapshot> {
  checkPrimaryKey(change.fields);
  const { metadata } = snapshot.schema;
  const value = create(Transaction_MergeSchema, {
    fragments: [...change.fragments],
    schema: writeFields({ fields: change.fields, metadata }),
    schemaMetadata: { ...metadata },
    preservesNullability: options.preservesNullability,
  });
  return commit(snapshot, { case: "merge", value }, options);
}

/** Commits a schema that needs no new data: fewer columns, other names. @throws COMMIT_CONFLICT, IO, ABORTED */
export function commitProject(
  snapshot: Snapshot,
  fields: readonly LanceField[],
  options: SchemaCommitOptions,
): Promise<Snapshot> {
  if (fields.length === 0) {
    throw new LanceError("INVALID_ARGUMENT", "a table keeps at least one column; drop fewer, or delete the table", {
      columns: snapshot.schema.fields.map((field) => field.name),
    });
  }
  checkPrimaryKey(fields);
  const value = create(Transaction_ProjectSchema, {
    schema: writeFields({ fields, metadata: snapshot.schema.metadata }),
    preservesNullability: options.preservesNullability,
  });
  return commit(snapshot, { case: "project", value }, options);
}
