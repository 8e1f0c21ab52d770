import type { Data } from "apache-arrow";
import { LanceError, throwIfAborted } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { createRandom } from "../../random.ts";
import { readDeletions } from "../deletions/deletions.ts";
import { listLiveOffsets } from "../deletions/live-offsets.ts";
import type { Fragment } from "../fragment.ts";
import { addressesOf } from "../row-ids/row-addresses.ts";
import { readFragmentPieces } from "../row-ids/row-id-index.ts";
import { pickRowIds } from "../row-ids/row-id-pieces.ts";
import { getFragment, type Snapshot } from "../snapshot.ts";
import { findFixedList } from "./fixed-list.ts";
import { gatherData } from "./gather-data.ts";
import { type PickedRows, pickColumn } from "./pick-column.ts";
import { DEFAULT_BATCH_ROWS, type ScanOptions, scanFragment } from "./scan-fragment.ts";
import { streamColumn } from "./stream-column.ts";

/** Of rows that must be decoded, what is read for a batch of a sample: those between them are read too. */
const SPAN_BYTES = 8 << 20;
/** Fewer rows in a batch of a sample are not worth a batch. */
const LEAST_SAMPLE_ROWS = 256;

/** A batch of one column's live rows, with their addresses or stable row ids. */
export interface ColumnBatch {
  readonly values: Data;
  readonly rowIds: BigUint64Array;
}

/** Rows of some fragments of one column at a fixed version, deleted rows left out. */
export interface ColumnSource {
  readonly field: LanceField;
  /** Ascending. */
  readonly fragmentIds: readonly number[];
  readonly numRows: number;
  /**
   * With `borrow`, values may be views of bytes that others read too, and are valid until the next batch is asked for:
   * not to be written to, transferred or kept.
   */
  batches(options?: {
    batchRows?: number;
    borrow?: boolean;
    signal?: AbortSignal | undefined;
  }): AsyncIterable<ColumnBatch>;
  /**
   * `numRows` rows, or all, spread evenly over the fragments, the same ones for the same `seed`. Values are valid until
   * the next batch is asked for.
   */
  sample(numRows: number, options?: { seed?: number; signal?: AbortSignal | undefined }): AsyncIterable<ColumnBatch>;
}

/**
 * What an index is built from: a column of some fragments.
 *
 * @param column a top-level column
 * @param options.rowIdDomain `stableRowId` gives row ids where the table has them; default addresses
 * @throws INVALID_ARGUMENT naming the columns there are, NOT_FOUND naming the fragments, UNSUPPORTED
 */
export function createColumnSource(
  snapshot: Snapshot,
  column: string,
  fragmentIds: readonly number[],
  options: { rowIdDomain?: "address" | "stableRowId" } = {},
): ColumnSource {
  const field = snapshot.schema.fields.find((candidate) => candidate.name === column);
  if (field === undefined) {
    const known = snapshot.schema.fields.map((candidate) => candidate.name);
    throw new LanceError("INVALID_ARGUMENT", `no column "${column}"; the table has ${known.join(", ")}`, {
      column,
      known,
    });
  }
  const fragments = [...new Set(fragmentIds)].sort((a, b) => a - b).map((id) => getFragment(snapshot, id));
  const stable = options.rowIdDomain === "stableRowId" && snapshot.stableRowIds;
  const identify = (fragment: Fragment) => createIdentifier(fragment, stable);
  return {
    field,
    fragmentIds: fragments.map((fragment) => fragment.id),
    numRows: fragments.reduce((total, fragment) => total + fragment.numRows, 0),
    async *batches({ batchRows = DEFAULT_BATCH_ROWS, borrow, signal } = {}) {
      for (const fragment of fragments) {
        const deleted = await readDeletions(snapshot, fragment, signal);
        const identifyRows = identify(fragment);
        const options = { batchRows, signal };
        const parts =
          (borrow && (await streamColumn(snapshot, fragment, { ...options, field }))) ||
          scanColumn(snapshot, fragment, { ...options, field, borrow });
        let first = 0;
        for await (const values of parts) {
          const rows = listLiveOffsets(deleted, { start: first, end: first + values.length });
          if (rows.length > 0) {
            const isWhole = rows.length === values.length;
            yield {
              values: isWhole ? values : gatherData([values], { rows: rows.map((offset) => offset - first) }),
              rowIds: identifyRows(rows),
            };
          }
          first += values.length;
        }
      }
    },
    async *sample(numRows, { seed = 0, signal } = {}) {
      const total = fragments.reduce((sum, fragment) => sum + fragment.numRows, 0);
      const wanted = Math.min(numRows, total);
      const random = createRandom(seed);
      let before = 0;
      for (const fragment of fragments) {
        throwIfAborted(signal);
        // The share of this fragment, rounded so that the shares of all add up.
        const from = Math.round((before * wanted) / total);
        before += fragment.numRows;
        const share = Math.round((before * wanted) / total) - from;
        if (share === 0) continue;
        const deleted = await readDeletions(snapshot, fragment, signal);
        const live = listLiveOffsets(deleted, { start: 0, end: fragment.physicalRows });
        // One row out of each of `share` strata, whole rows wide, so that none comes twice.
        const edge = (i: number) => Math.floor((i * live.length) / share);
        const offsets = Uint32Array.from(
          { length: share },
          (_, i) => live[edge(i) + Math.floor(random() * (edge(i + 1) - edge(i)))]!,
        );
        const identifyRows = identify(fragment);
        const picked =
          (await pickColumn(snapshot, fragment, { field, offsets, signal })) ??
          scanOffsets(snapshot, fragment, { field, offsets, signal });
        for await (const { values, first } of picked) {
          yield { values, rowIds: identifyRows(offsets.slice(first, first + values.length)) };
        }
      }
    },
  };
}

/** Some rows of a fragment, ascending, in batches that are read within a bound. */
async function* scanOffsets(
  snapshot: Snapshot,
  fragment: Fragment,
  options: { readonly field: LanceField; readonly offsets: Uint32Array; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<PickedRows> {
  const { field, offsets, signal } = options;
  const rowBytes = findFixedList(field)?.rowBytes ?? 1;
  const spanRows = (SPAN_BYTES / rowBytes) * (offsets.length / fragment.physicalRows);
  const batchRows = Math.min(DEFAULT_BATCH_ROWS, Math.max(LEAST_SAMPLE_ROWS, Math.floor(spanRows)));
  const rows = { kind: "indices", indices: offsets } as const;
  let first = 0;
  for await (const batch of scanFragment(snapshot, fragment, [field], rows, { batchRows, signal })) {
    yield { values: batch.data.children[0]!, first };
    first += batch.numRows;
  }
}

async function* scanColumn(
  snapshot: Snapshot,
  fragment: Fragment,
  { field, ...options }: ScanOptions & { readonly field: LanceField },
): AsyncGenerator<Data> {
  for await (const batch of scanFragment(snapshot, fragment, [field], { kind: "all" }, options)) {
    yield batch.data.children[0]!;
  }
}

function createIdentifier(fragment: Fragment, stable: boolean): (offsets: Uint32Array) => BigUint64Array {
  if (!stable) return (offsets) => addressesOf(fragment.id, offsets);
  const ids = readFragmentPieces(fragment);
  return (offsets) => pickRowIds(ids, offsets);
}
