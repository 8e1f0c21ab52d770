import { create } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { findPrimaryKey } from "../../format/primary-key.ts";
import type { LanceField } from "../../format/schema.ts";
import type { LanceFileVersion } from "../../format/write/file-writer.ts";
import { holdsRowAddresses } from "../../index/registry.ts";
import { Transaction_UpdateSchema } from "../../proto/gen/lance/transaction_pb.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import type { ScannerEnvironment } from "../../query/scanner.ts";
import { commit } from "../../table/commit/commit.ts";
import { commitFiles } from "../../table/commit/commit-files.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { checkWriterFlags } from "../../table/manifest/feature-flags.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { checkStorageVersion } from "../create-table.ts";
import type { TabularData } from "../input/input.ts";
import { CONFLICT_KEYS, type ConflictOptions, retryConflicts } from "../retry-conflicts.ts";
import { IdCollector } from "../rows/id-collector.ts";
import { stageRows } from "../rows/stage-rows.ts";
import { listFieldIds } from "../schema/field-ids.ts";
import type { WriteFragmentsOptions } from "../write-fragments.ts";
import { findMatchedRows, type JoinJob } from "./find-matches.ts";
import { type HeldSource, holdSource, matchSourceFields, SourceRows } from "./held-source.ts";
import { KeyFilter } from "./key-filter.ts";
import type { Matches } from "./match-target.ts";
import { checkMergeSpec, type MergeSpec, resolveKeyFields } from "./merge-spec.ts";
import { makeMergedRows } from "./merged-rows.ts";

/** How a merge runs. */
export interface MergeInsertOptions
  extends ConflictOptions,
    Pick<WriteFragmentsOptions, "maxRowsPerFile" | "maxBytesPerFile" | "onProgress"> {
  /** `false`: scan the key column, also where there is an index on it. Default true. */
  readonly useIndex?: boolean | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

const OPTION_KEYS = new Set<string>([
  ...CONFLICT_KEYS,
  ...([
    "useIndex",
    "maxRowsPerFile",
    "maxBytesPerFile",
    "properties",
    "onProgress",
  ] satisfies (keyof MergeInsertOptions)[]),
]);

/** What a merge did. */
export interface MergeInsertResult {
  readonly numInsertedRows: number;
  readonly numUpdatedRows: number;
  readonly numDeletedRows: number;
  /** Computations, the first included: more than one when other writers were first. */
  readonly numAttempts: number;
  /** Bytes and number of new data files. */
  readonly bytesWritten: number;
  readonly numFilesWritten: number;
}

/**
 * Merges a source into a table by key, in one `Update`. The source is held in memory and hashed; the table's key columns
 * stream by, or a scalar index on the key finds them. Rows with a null in their key match nothing. A source may lack
 * columns: updated rows keep theirs, inserted rows get null. When another writer was first, the join is done again on
 * the newest version. Nothing to change makes no version.
 *
 * Two merges that insert the same new key at the same time both do, unless the key is the table's primary key: then the
 * second sees the first's row and updates it.
 *
 * @throws INVALID_ARGUMENT (keys, conditions, several source rows for one row, a forbidden match), SCHEMA_MISMATCH,
 * DIMENSION_MISMATCH, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED; the table is then as it was
 */
export async function mergeInsert(
  snapshot: Snapshot,
  spec: MergeSpec,
  data: TabularData,
  environment: ScannerEnvironment,
  options: MergeInsertOptions = {},
): Promise<{ readonly snapshot: Snapshot; readonly result: MergeInsertResult }> {
  checkOptionNames(options, OPTION_KEYS, "mergeInsert");
  checkMergeSpec(spec);
  checkWriterFlags(snapshot.manifest);
  requireWritable(snapshot.store, snapshot.uri);
  resolveKeyFields(snapshot.schema, spec.on);
  const source = await holdSource(data, snapshot.schema, options.signal);
  const attempt = (current: Snapshot, attempts: number) =>
    mergeOnce(current, { spec, source, environment, options }, attempts);
  return retryConflicts(snapshot, attempt, options);
}

interface MergeJob extends JoinJob {
  readonly options: MergeInsertOptions;
}

async function mergeOnce(
  snapshot: Snapshot,
  job: MergeJob,
  attempts: number,
): Promise<{ readonly snapshot: Snapshot; readonly result: MergeInsertResult }> {
  const { spec, source, options } = job;
  const { signal, properties } = options;
  checkWriterFlags(snapshot.manifest);
  const store = requireWritable(snapshot.store, snapshot.uri);
  const keyFields = resolveKeyFields(snapshot.schema, spec.on);
  const sourceFields = matchSourceFields(source, snapshot.schema, findWriteVersion(snapshot, spec));
  checkColumns(snapshot, spec, keyFields, sourceFields);
  const rows = new SourceRows(source);
  const matches = await findMatchedRows(snapshot, job, { keyFields, sourceFields, rows });
  const updates = spec.matched?.action === "update" ? matches.pairs : new Map<number, never>();
  const inserts = spec.notMatched === "insert" ? listUnmatched(source, matches) : new Uint32Array(0);
  const deleted = uniteRows(matches);
  const counts = {
    numInsertedRows: inserts.length,
    numUpdatedRows: countRows(updates),
    numDeletedRows: countRows(matches.pairs) - countRows(updates) + countRows(matches.unmatched),
    numAttempts: attempts,
  };
  if (deleted.size === 0 && inserts.length === 0) {
    return { snapshot, result: { ...counts, bytesWritten: 0, numFilesWritten: 0 } };
  }
  const ids = new IdCollector();
  const filter = isPrimaryKey(snapshot, keyFields) ? new KeyFilter(keyFields.map((field) => field.id)) : null;
  const keyColumns = keyFields.map((field) => sourceFields.indexOf(field));
  const staged = await stageRows(
    snapshot,
    store,
    {
      batches:
        updates.size + inserts.length === 0
          ? null
          : makeMergedRows(
              { snapshot, source, rows, sourceFields, updates, inserts, signal },
              { ids, keys: filter && { filter, columns: keyColumns } },
            ),
      deleted,
      keptRowIds: () => ids.take(),
    },
    options,
  );
  const value = create(Transaction_UpdateSchema, {
    newFragments: staged.newFragments,
    updatedFragments: staged.deletions.updatedFragments,
    removedFragmentIds: staged.deletions.removedFragmentIds,
    // Whole rows are written anew, so no index may take the new fragments for covered.
    fieldsForPreservingFragBitmap: snapshot.schema.fields.flatMap(listFieldIds),
    ...(filter === null ? {} : { insertedRows: filter.toMessage() }),
  });
  const committed = await commitFiles(store, staged.paths, () =>
    commit(snapshot, { case: "update", value }, { signal, properties, holdsRowAddresses }),
  );
  const files = staged.newFragments.flatMap((fragment) => fragment.files);
  const bytesWritten = files.reduce((sum, file) => sum + Number(file.fileSizeBytes), 0);
  return { snapshot: committed, result: { ...counts, bytesWritten, numFilesWritten: files.length } };
}

/** @throws INVALID_ARGUMENT, SCHEMA_MISMATCH */
function checkColumns(
  snapshot: Snapshot,
  spec: MergeSpec,
  keyFields: readonly LanceField[],
  sourceFields: readonly LanceField[],
): void {
  const lacking = keyFields.find((field) => !sourceFields.includes(field));
  if (lacking !== undefined) {
    const received = sourceFields.map((field) => field.name);
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `mergeInsert: the source lacks the key column "${lacking.name}"; it has ${received.join(", ")}`,
      { column: lacking.name, received },
    );
  }
  if (spec.notMatched !== "insert") return;
  const required = snapshot.schema.fields.find((field) => !field.nullable && !sourceFields.includes(field));
  if (required !== undefined) {
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `mergeInsert: rows to insert need a value for "${required.name}", which may not be null and which the source lacks; add it, or leave whenNotMatchedInsertAll() out`,
      { column: required.name },
    );
  }
}

/** Where a merge only deletes, the table's files may be of a version that is not written. */
function findWriteVersion(snapshot: Snapshot, spec: MergeSpec): LanceFileVersion {
  const { storageVersion } = snapshot;
  if (spec.matched?.action === "update" || spec.notMatched === "insert") return checkStorageVersion(storageVersion);
  return storageVersion === "2.2" ? "2.2" : "2.1";
}

function isPrimaryKey(snapshot: Snapshot, keyFields: readonly LanceField[]): boolean {
  const primary = findPrimaryKey(snapshot.schema.fields);
  return (
    primary.length > 0 && primary.length === keyFields.length && primary.every((field, i) => field === keyFields[i])
  );
}

function listUnmatched(source: HeldSource, matches: Matches): Uint32Array {
  const rows = new Uint32Array(source.numRows);
  let count = 0;
  for (let row = 0; row < source.numRows; row++) if (!matches.isMatched(row)) rows[count++] = row;
  return rows.subarray(0, count);
}

/** All rows that go: those written anew, those matched to be deleted, those the source lacks. */
function uniteRows({ pairs, unmatched }: Matches): Map<number, Uint32Array> {
  const rows = new Map<number, Uint32Array>();
  for (const [fragmentId, { offsets }] of pairs) rows.set(fragmentId, offsets);
  for (const [fragmentId, offsets] of unmatched) {
    const before = rows.get(fragmentId);
    rows.set(fragmentId, before === undefined ? offsets : concatRows(before, offsets));
  }
  return rows;
}

function countRows(rows: ReadonlyMap<number, { readonly offsets: Uint32Array } | Uint32Array>): number {
  let count = 0;
  for (const part of rows.values()) count += "offsets" in part ? part.offsets.length : part.length;
  return count;
}

function concatRows(left: Uint32Array, right: Uint32Array): Uint32Array {
  const both = new Uint32Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}
