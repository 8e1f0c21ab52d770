import { type Data, type RecordBatch, Schema } from "apache-arrow";
import type { LanceField } from "../../format/schema.ts";
import { identifyRows } from "../../query/row-ids.ts";
import { addressesOf } from "../../table/row-ids/row-addresses.ts";
import { makeBatch } from "../../table/rows/record-batches.ts";
import { scanFragment } from "../../table/rows/scan-fragment.ts";
import { getFragment, type Snapshot } from "../../table/snapshot.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { findBlobColumns, readBlobBytes } from "../compact/blob-columns.ts";
import type { IdCollector } from "../rows/id-collector.ts";
import type { HeldSource, SourceRows } from "./held-source.ts";
import type { KeyFilter } from "./key-filter.ts";
import type { MatchedRows } from "./match-target.ts";

const BATCH_ROWS = 8192;

/** What the rows a merge writes are made of. */
export interface MergedRowsPlan {
  readonly snapshot: Snapshot;
  readonly source: HeldSource;
  readonly rows: SourceRows;
  /** The table's field of each source column. */
  readonly sourceFields: readonly LanceField[];
  readonly updates: ReadonlyMap<number, MatchedRows>;
  /** Rows of the source, ascending. */
  readonly inserts: Uint32Array;
  readonly signal: AbortSignal | undefined;
}

/**
 * The rows a merge writes: updated ones in the table's order, then inserted ones in the source's. Columns the source
 * lacks keep the old row's value, and are left out of inserted rows.
 *
 * @param collect takes the row ids of updated rows, and the keys of inserted ones
 */
export async function* makeMergedRows(
  plan: MergedRowsPlan,
  collect: {
    readonly ids: IdCollector;
    readonly keys: { readonly filter: KeyFilter; readonly columns: readonly number[] } | null;
  },
): AsyncGenerator<RecordBatch> {
  const { snapshot, updates, inserts, signal } = plan;
  const giveWay = createGiveWay(signal);
  for (const [fragmentId, { offsets, sourceRows }] of updates) {
    yield* makeUpdatedRows(plan, fragmentId, offsets, sourceRows);
    if (!snapshot.stableRowIds) continue;
    for (let from = 0; from < offsets.length; from += BATCH_ROWS) {
      await giveWay();
      collect.ids.add(identifyRows(snapshot, addressesOf(fragmentId, offsets.subarray(from, from + BATCH_ROWS))));
    }
  }
  for (let from = 0; from < inserts.length; from += BATCH_ROWS) {
    await giveWay();
    const batch = gatherSource(plan, inserts.subarray(from, from + BATCH_ROWS));
    const { filter, columns } = collect.keys ?? {};
    filter?.addRows(
      columns!.map((column) => batch.data.children[column]!),
      batch.numRows,
    );
    yield batch;
  }
}

async function* makeUpdatedRows(
  plan: MergedRowsPlan,
  fragmentId: number,
  offsets: Uint32Array,
  sourceRows: Uint32Array,
): AsyncGenerator<RecordBatch> {
  const { snapshot, sourceFields, signal } = plan;
  const kept = snapshot.schema.fields.filter((field) => !sourceFields.includes(field));
  const giveWay = createGiveWay(signal);
  if (kept.length === 0) {
    for (let from = 0; from < offsets.length; from += BATCH_ROWS) {
      await giveWay();
      yield gatherSource(plan, sourceRows.subarray(from, from + BATCH_ROWS));
    }
    return;
  }
  const fragment = getFragment(snapshot, fragmentId);
  const selection = { kind: "indices", indices: offsets } as const;
  const blobs = findBlobColumns(kept);
  let from = 0;
  for await (const old of scanFragment(snapshot, fragment, kept, selection, { signal })) {
    const part = offsets.subarray(from, from + old.numRows);
    const wholes =
      blobs.length === 0
        ? [old]
        : readBlobBytes(snapshot, { fragment, batch: old, offsets: part, fields: kept }, blobs, signal);
    for await (const whole of wholes) {
      yield gatherSource(plan, sourceRows.subarray(from, from + whole.numRows), whole);
      from += whole.numRows;
    }
  }
}

/** Rows of the source, and beside them the columns of `old`. */
function gatherSource(plan: MergedRowsPlan, sourceRows: Uint32Array, old?: RecordBatch): RecordBatch {
  const { source, rows } = plan;
  const columns: Data[] = source.columns.map((_, column) => rows.gather(column, sourceRows));
  const fields = [...source.batches[0]!.schema.fields, ...(old?.schema.fields ?? [])];
  return makeBatch(new Schema(fields), [...columns, ...(old?.data.children ?? [])], sourceRows.length);
}
