import { create } from "@bufbuild/protobuf";
import { Field, type RecordBatch, Schema } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { holdsRowAddresses } from "../../index/registry.ts";
import { Transaction_UpdateSchema } from "../../proto/gen/lance/transaction_pb.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import { identifyRows } from "../../query/row-ids.ts";
import { boundReadBytes } from "../../query/scan-batches.ts";
import { type FragmentRows, scanPieces } from "../../query/scan-pieces.ts";
import { findMatches, type ScannerEnvironment } from "../../query/scanner.ts";
import { commit } from "../../table/commit/commit.ts";
import { commitFiles } from "../../table/commit/commit-files.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { readLiveRows } from "../../table/deletions/deletions.ts";
import { checkWriterFlags } from "../../table/manifest/feature-flags.ts";
import { addressesOf } from "../../table/row-ids/row-addresses.ts";
import { makeBatch } from "../../table/rows/record-batches.ts";
import { DEFAULT_BATCH_ROWS } from "../../table/rows/scan-fragment.ts";
import { getFragment, type Snapshot } from "../../table/snapshot.ts";
import { type ColumnValues, planConstant, planSqlValue } from "../column-values.ts";
import { findBlobColumns, readBlobBytes } from "../compact/blob-columns.ts";
import { CONFLICT_KEYS, type ConflictOptions, retryConflicts } from "../retry-conflicts.ts";
import { listFieldIds } from "../schema/field-ids.ts";
import type { WriteFragmentsOptions } from "../write-fragments.ts";
import { IdCollector } from "./id-collector.ts";
import { stageRows } from "./stage-rows.ts";

/** What an update changes. */
export interface UpdateSpec {
  /** Rows to change; all where it is left out. */
  readonly where?: string | undefined;
  /** New values by column, the same for every row. */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  /** SQL expressions over the old row by column: `{ price: "price * 1.1" }`. */
  readonly valuesSql?: Readonly<Record<string, string>> | undefined;
}

/** How an update runs. */
export interface UpdateRowsOptions
  extends ConflictOptions,
    Pick<WriteFragmentsOptions, "maxRowsPerFile" | "maxBytesPerFile" | "onProgress"> {
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

const SPEC_KEYS = new Set<string>(["where", "values", "valuesSql"] satisfies (keyof UpdateSpec)[]);
const OPTION_KEYS = new Set<string>([
  ...CONFLICT_KEYS,
  ...(["maxRowsPerFile", "maxBytesPerFile", "properties", "onProgress"] satisfies (keyof UpdateRowsOptions)[]),
]);

/** What an update did. */
export interface UpdateResult {
  readonly numUpdatedRows: number;
}

/**
 * Changes rows: the new rows are written to new fragments, whole, and the old ones marked deleted, in one `Update`.
 * Scalar indexes find the rows where they can. Rows keep their stable ids. Memory is the pages being filled, what is
 * read ahead, one bit a row, and eight bytes a changed row of a table with stable ids. No row to change makes no version.
 *
 * @throws INVALID_ARGUMENT (an unknown column or option, nothing to change, a value or expression that does not fit),
 * SCHEMA_MISMATCH, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED; the table is then as it was
 */
export async function updateRows(
  snapshot: Snapshot,
  spec: UpdateSpec,
  environment: ScannerEnvironment,
  options: UpdateRowsOptions = {},
): Promise<{ readonly snapshot: Snapshot; readonly result: UpdateResult }> {
  checkOptionNames(spec, SPEC_KEYS, "update");
  checkOptionNames(options, OPTION_KEYS, "update");
  return retryConflicts(snapshot, (current) => updateOnce(current, spec, environment, options), options);
}

async function updateOnce(
  snapshot: Snapshot,
  spec: UpdateSpec,
  environment: ScannerEnvironment,
  options: UpdateRowsOptions,
): Promise<{ readonly snapshot: Snapshot; readonly result: UpdateResult }> {
  const { signal, properties } = options;
  checkWriterFlags(snapshot.manifest);
  const store = requireWritable(snapshot.store, snapshot.uri);
  const changes = planChanges(snapshot, spec);
  const rows = await findRows(snapshot, spec.where, environment, signal);
  if (rows.size === 0) return { snapshot, result: { numUpdatedRows: 0 } };
  const ids = new IdCollector();
  const staged = await stageRows(
    snapshot,
    store,
    {
      batches: changeRows(snapshot, rows, changes, { ids, environment, signal }),
      deleted: rows,
      keptRowIds: () => ids.take(),
    },
    options,
  );
  const { updatedFragments, removedFragmentIds, numDeletedRows } = staged.deletions;
  const value = create(Transaction_UpdateSchema, {
    newFragments: staged.newFragments,
    updatedFragments,
    removedFragmentIds,
    fieldsForPreservingFragBitmap: [...changes.keys()].flatMap(listFieldIds),
  });
  const committed = await commitFiles(store, staged.paths, () =>
    commit(snapshot, { case: "update", value }, { signal, properties, holdsRowAddresses }),
  );
  return { snapshot: committed, result: { numUpdatedRows: numDeletedRows } };
}

function planChanges(snapshot: Snapshot, spec: UpdateSpec): Map<LanceField, ColumnValues> {
  const { values = {}, valuesSql = {} } = spec;
  const { fields } = snapshot.schema;
  const changes = new Map<LanceField, ColumnValues>();
  const find = (name: string): LanceField => {
    const field = fields.find((candidate) => candidate.name === name);
    if (field === undefined) {
      const known = fields.map((candidate) => candidate.name);
      throw new LanceError(
        "INVALID_ARGUMENT",
        `update: no column "${name}"; the table has ${known.join(", ")}. A field inside of a struct is changed by giving the whole struct`,
        { column: name, known },
      );
    }
    if (changes.has(field)) {
      throw new LanceError("INVALID_ARGUMENT", `update: column "${name}" stands in values and in valuesSql; give one`, {
        column: name,
      });
    }
    return field;
  };
  for (const [name, value] of Object.entries(values)) {
    const field = find(name);
    changes.set(field, planConstant(field, value));
  }
  for (const [name, sql] of Object.entries(valuesSql)) {
    const field = find(name);
    changes.set(field, planSqlValue(field, sql, snapshot.schema));
  }
  if (changes.size === 0) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      'update: nothing to change; expected values ({ column: value }) or valuesSql ({ column: "expression" })',
      {},
    );
  }
  return changes;
}

async function findRows(
  snapshot: Snapshot,
  where: string | undefined,
  environment: ScannerEnvironment,
  signal: AbortSignal | undefined,
): Promise<Map<number, Uint32Array>> {
  if (where !== undefined) return findMatches(snapshot, where, environment, signal);
  const live = await readLiveRows(snapshot, { signal });
  return new Map(live.highs().map((fragmentId) => [fragmentId, live.offsets(fragmentId)]));
}

/** The rows as they shall be, fragment by fragment. @param options.ids takes their row ids */
async function* changeRows(
  snapshot: Snapshot,
  rows: ReadonlyMap<number, Uint32Array>,
  changes: ReadonlyMap<LanceField, ColumnValues>,
  options: {
    readonly ids: IdCollector;
    readonly environment: ScannerEnvironment;
    readonly signal: AbortSignal | undefined;
  },
): AsyncGenerator<RecordBatch> {
  const { ids, signal } = options;
  const { fields } = snapshot.schema;
  const blobs = findBlobColumns(fields).filter((column) => !changes.has(fields[column]!));
  const maxBytes = boundReadBytes(options.environment.memoryBudgetBytes);
  const pieces = scanPieces(snapshot, listFragmentRows(snapshot, rows), fields, {
    batchRows: DEFAULT_BATCH_ROWS,
    maxBytes,
    signal,
  });
  for await (const { fragment, offsets, stored } of pieces) {
    const batch = changeBatch(stored!, fields, changes);
    if (blobs.length === 0) yield batch;
    else yield* readBlobBytes(snapshot, { fragment, batch, offsets, fields }, blobs, signal);
    if (snapshot.stableRowIds) ids.add(identifyRows(snapshot, addressesOf(fragment.id, offsets)));
  }
}

async function* listFragmentRows(
  snapshot: Snapshot,
  rows: ReadonlyMap<number, Uint32Array>,
): AsyncGenerator<FragmentRows> {
  for (const [fragmentId, indices] of rows) {
    yield { fragment: getFragment(snapshot, fragmentId), selection: { kind: "indices", indices } };
  }
}

function changeBatch(
  old: RecordBatch,
  fields: readonly LanceField[],
  changes: ReadonlyMap<LanceField, ColumnValues>,
): RecordBatch {
  const columns = fields.map((field, i) => changes.get(field)?.evaluate(old) ?? old.data.children[i]!);
  const schema = new Schema(
    old.schema.fields.map((field, i) =>
      changes.has(fields[i]!) ? new Field(field.name, columns[i]!.type, field.nullable) : field,
    ),
  );
  return makeBatch(schema, columns, old.numRows);
}
