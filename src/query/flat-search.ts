import type { Data, FixedSizeList, RecordBatch } from "apache-arrow";
import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import { type CoreKernels, loadCoreKernels } from "../kernels/core.ts";
import type { WasmBuffer } from "../kernels/memory.ts";
import type { TopK } from "../kernels/top-k.ts";
import { halvesOf } from "../table/row-addresses.ts";
import type { RowSet } from "../table/row-set.ts";
import { scanFragment } from "../table/scan-fragment.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import type { Metric } from "./scan-options.ts";
import { selectRows } from "./select-rows.ts";

/** What a flat search compares with. */
export interface FlatQuery {
  readonly field: LanceField;
  readonly dimension: number;
  readonly q: Float32Array;
  readonly k: number;
  readonly metric: Metric;
  readonly distanceRange: readonly [number | null, number | null];
  readonly fragmentIds: readonly number[];
}

/** Nearest rows: addresses, ascending by distance, then address. */
export interface NearestRows {
  readonly rowIds: BigUint64Array;
  readonly distances: Float32Array;
}

/** Bytes of vectors scanned by one kernel call: a few milliseconds. */
const SCAN_BYTES = 4 * 1024 * 1024;

/**
 * Compares a query with every one of `rows`, a batch at a time. Null vectors and NaN distances are never returned.
 * Memory is one batch; when `rows` are few, only their vectors are read.
 */
export async function searchFlat(
  snapshot: Snapshot,
  query: FlatQuery,
  rows: RowSet,
  options: { readonly signal?: AbortSignal | undefined; readonly onRows?: (fragmentId: number, rows: number) => void },
): Promise<NearestRows> {
  const kernels = await loadCoreKernels();
  const batchRows = Math.max(32, Math.floor(SCAN_BYTES / (query.dimension * 4)) & ~31);
  const buffers = new ScanBuffers(kernels, batchRows, query.dimension);
  const topK = kernels.createTopK(query.k);
  try {
    for (const id of query.fragmentIds) {
      const fragment = getFragment(snapshot, id);
      const selection = selectRows(fragment, rows);
      const offsets = selection.kind === "indices" ? selection.indices : null;
      if (offsets?.length === 0) continue;
      let start = 0;
      for await (const batch of scanFragment(snapshot, fragment, [query.field], selection, {
        batchRows,
        signal: options.signal,
      })) {
        scanBatch(topK, buffers, query, batch, (row) => (offsets ? offsets[start + row]! : start + row), id);
        start += batch.numRows;
      }
      options.onRows?.(id, start);
    }
    return topK.finish();
  } finally {
    topK.free();
    buffers.free();
  }
}

function scanBatch(
  topK: TopK,
  buffers: ScanBuffers,
  query: FlatQuery,
  batch: RecordBatch,
  offsetOf: (row: number) => number,
  fragmentId: number,
): void {
  const { dimension, metric, q, distanceRange } = query;
  const numRows = batch.numRows;
  const data = batch.data.children[0]!;
  new Float32Array(buffers.vectors.bytes().buffer, buffers.vectors.pointer, numRows * dimension).set(
    readVectors(data, dimension, query.field),
  );
  const ids = new BigUint64Array(numRows);
  const halves = halvesOf(ids);
  for (let row = 0; row < numRows; row++) {
    halves[2 * row] = offsetOf(row);
    halves[2 * row + 1] = fragmentId;
  }
  buffers.rowIds.bytes().set(new Uint8Array(ids.buffer));
  topK.scanFlat({
    metric,
    query: q,
    vectors: buffers.vectors,
    rowIds: buffers.rowIds,
    numRows,
    dimension,
    mask: readValidity(data),
    lower: distanceRange[0] ?? undefined,
    upper: distanceRange[1] ?? undefined,
  });
}

/** The values of a fixed-size list of float32, as one array of `rows × dimension`. No copy. */
export function readVectors(data: Data, dimension: number, field: LanceField): Float32Array {
  const child = data.children[0];
  if (!(child?.values instanceof Float32Array) || (data.type as FixedSizeList).listSize !== dimension) {
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `column "${field.name}": expected ${dimension} float32 a row, received ${data.type}`,
      {
        column: field.name,
      },
    );
  }
  // apache-arrow cuts a child's values to its slice, and keeps the parent's offset as rows of the parent
  return child.values.subarray(0, data.length * dimension);
}

/** Bit i set: row i is not null. `undefined`: no row is. */
function readValidity(data: Data): Uint8Array | undefined {
  if (data.nullCount === 0 || data.nullBitmap === undefined || data.nullBitmap.length === 0) return undefined;
  const bits = new Uint8Array((data.length + 7) >>> 3);
  for (let row = 0; row < data.length; row++) {
    const at = data.offset + row;
    if (data.nullBitmap[at >>> 3]! & (1 << (at & 7))) bits[row >>> 3]! |= 1 << (row & 7);
  }
  return bits;
}

/** Room in WASM memory for the vectors and row ids of one batch. */
class ScanBuffers {
  readonly vectors: WasmBuffer;
  readonly rowIds: WasmBuffer;

  constructor(kernels: CoreKernels, rows: number, dimension: number) {
    this.vectors = kernels.allocate(rows * dimension * 4);
    this.rowIds = kernels.allocate(rows * 8);
  }

  free(): void {
    this.vectors.free();
    this.rowIds.free();
  }
}
