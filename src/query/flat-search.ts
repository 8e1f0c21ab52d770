import type { RecordBatch } from "apache-arrow";
import type { RowSelection } from "../format/read/row-ranges.ts";
import type { LanceField } from "../format/schema.ts";
import type { NearestRows } from "../index/search.ts";
import type { VectorType } from "../index/vector-type.ts";
import { loadCoreKernels } from "../kernels/core.ts";
import { elementBytes, type QueryVector, viewValues } from "../kernels/element.ts";
import { countBits } from "../table/bit-words.ts";
import type { Fragment } from "../table/fragment.ts";
import type { RowSet } from "../table/row-set.ts";
import { scanFragment } from "../table/rows/scan-fragment.ts";
import { streamFixedRows } from "../table/rows/stream-fixed.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import type { Metric } from "./scan-options.ts";
import { cutBits, maskVectors, readVectors, VectorScan } from "./vector-scan.ts";

/** What a flat search compares with. */
export interface FlatQuery {
  readonly field: LanceField;
  readonly type: VectorType;
  /** Compared in one pass over the rows. */
  readonly queries: readonly QueryVector[];
  readonly k: number;
  readonly metric: Metric;
  readonly distanceRange: readonly [number | null, number | null];
  readonly fragmentIds: readonly number[];
}

/** How a flat search is cancelled, and whom it tells what it compared. */
export interface FlatSearchOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onRows?: ((fragmentId: number, rows: number) => void) | undefined;
  /** From so many bytes on a column is read past the caches, see {@link streamFixedRows}. */
  readonly leastStreamBytes?: number | undefined;
}

/** Bytes of vectors in a batch. */
const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * Compares queries with every one of `rows`, a batch at a time. What is no vector (NULL, a NULL item,
 * a value that is not finite) is never returned. The
 * next batch, also of the next fragment, is read meanwhile; memory is a few batches. When `rows` are few, only their
 * vectors are read.
 *
 * @param rows `null` = all; no fragment may then have deleted rows
 * @returns the best k of each query, in their order
 */
export async function searchFlat(
  snapshot: Snapshot,
  query: FlatQuery,
  rows: RowSet | null,
  options: FlatSearchOptions = {},
): Promise<NearestRows[]> {
  const { signal, onRows, leastStreamBytes: leastBytes } = options;
  const { field, type } = query;
  const scan = new VectorScan(await loadCoreKernels(), query);
  const giveWay = createGiveWay(signal);
  const rowBytes = type.dimension * elementBytes(type.element);
  const batchRows = Math.max(32, Math.floor(BATCH_BYTES / rowBytes) & ~31);
  const reads = query.fragmentIds.flatMap((id) => planRead(getFragment(snapshot, id), rows) ?? []);
  const open = (read: FragmentRead | undefined): OpenRead | undefined => {
    if (!read) return undefined;
    const { fragment, selection } = read;
    const batches = scanFragment(snapshot, fragment, [query.field], selection, { batchRows, signal, borrow: true });
    const first = batches.next();
    first.catch(() => {});
    return { batches, first };
  };
  let current: OpenRead | undefined;
  let next: OpenRead | undefined;
  try {
    const blocks = reads.every(({ selection }) => selection.kind === "all")
      ? await streamFixedRows(
          snapshot,
          reads.map(({ fragment }) => fragment.id),
          { field, rowBytes, leastBytes, signal },
        )
      : undefined;
    if (blocks) {
      const masks = new Map(reads.map(({ fragment, mask }) => [fragment.id, mask]));
      for await (const { fragmentId, firstRow, numRows, bytes } of blocks) {
        const whole = masks.get(fragmentId);
        const mask = whole && cutBits(whole, firstRow, numRows);
        const values = viewValues(type.element, bytes);
        await scan.add({ fragmentId, values, numRows, offsets: null, firstOffset: firstRow, mask }, giveWay);
      }
      for (const { fragment, numRows } of reads) onRows?.(fragment.id, numRows);
      return scan.finish();
    }
    current = open(reads[0]);
    for (const [i, read] of reads.entries()) {
      const { batches, first } = current!;
      next = open(reads[i + 1]);
      let start = 0;
      for (let result = await first; !result.done; result = await batches.next()) {
        const { numRows, data } = result.value;
        await scan.add(
          {
            fragmentId: read.fragment.id,
            values: readVectors(data.children[0]!, type, field),
            numRows,
            offsets: read.offsets?.subarray(start, start + numRows) ?? null,
            firstOffset: start,
            mask: maskVectors(data.children[0]!, read.mask && cutBits(read.mask, start, numRows), type.dimension),
          },
          giveWay,
        );
        start += numRows;
      }
      onRows?.(read.fragment.id, read.numRows);
      current = next;
      next = undefined;
    }
    return scan.finish();
  } finally {
    await Promise.allSettled([current, next].map((one) => one?.batches.return(undefined)));
    scan.free();
  }
}

interface OpenRead {
  readonly batches: AsyncGenerator<RecordBatch>;
  readonly first: Promise<IteratorResult<RecordBatch>>;
}

/** What is read of one fragment, and which of its rows count. */
interface FragmentRead {
  readonly fragment: Fragment;
  readonly selection: RowSelection;
  /** Rows compared. */
  readonly numRows: number;
  readonly offsets: Uint32Array | null;
  readonly mask: Uint8Array | undefined;
}

function planRead(fragment: Fragment, rows: RowSet | null): FragmentRead | undefined {
  const { id, physicalRows } = fragment;
  const words = rows?.words(id);
  const numRows = rows === null ? physicalRows : words === undefined ? 0 : countBits(words);
  if (numRows === 0) return undefined;
  // Of more than half of the rows, reading the rest too costs less than picking.
  if (numRows * 2 > physicalRows) {
    const isMasked = words !== undefined && numRows < physicalRows;
    const mask = isMasked ? new Uint8Array(words.buffer, words.byteOffset, words.byteLength) : undefined;
    return { fragment, selection: { kind: "all" }, numRows, offsets: null, mask };
  }
  const offsets = rows!.offsets(id);
  return { fragment, selection: { kind: "indices", indices: offsets }, numRows, offsets, mask: undefined };
}
