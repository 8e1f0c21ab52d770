import type { TopK as WasmTopK } from "../../wasm/pkg/core/core.js";
import { LanceError } from "../errors.ts";
import { callKernel, copyFloat32, type KernelMemory, type WasmBuffer, withBuffers } from "./memory.ts";
import { checkQuery, encodeMetric, type Metric } from "./metric.ts";

/** One scan of vectors that lie in WASM memory. */
export interface FlatScan {
  readonly metric: Metric;
  /** `dimension` values. */
  readonly query: Float32Array;
  /** `numRows × dimension` f32. */
  readonly vectors: WasmBuffer;
  /** `numRows` u64. */
  readonly rowIds: WasmBuffer;
  readonly numRows: number;
  readonly dimension: number;
  /** Bit i, LSB first, set: row i may be returned. Absent: all may. */
  readonly mask?: Uint8Array | undefined;
  /** Least distance that counts. */
  readonly lower?: number | undefined;
  /** Distances from here on do not count. */
  readonly upper?: number | undefined;
}

/** The best k rows over any number of scans: ascending by distance, then by row id. */
export interface TopK {
  /**
   * Offers rows. Rows whose distance is NaN are never kept.
   *
   * Runs at the speed of memory: 16 MB of vectors take some 4 ms, so slice scans to at most 32 MB a call to stay
   * under 20 ms on slow devices. Masked rows cost nothing. Copies the query and the mask in.
   *
   * @throws DIMENSION_MISMATCH for the query, INVALID_ARGUMENT for buffers too short, QUOTA_EXCEEDED
   */
  scanFlat(scan: FlatScan): void;
  /** The k-th best distance so far; Infinity while there are fewer than k rows. */
  threshold(): number;
  /** The rows kept, best first. Also frees: no other call may follow. */
  finish(): { rowIds: BigUint64Array<ArrayBuffer>; distances: Float32Array<ArrayBuffer> };
  /** Gives the memory back without a result. Calling it again, or after `finish`, does nothing. */
  free(): void;
}

/** Wraps a best-k of the core module. */
export function wrapTopK(memory: KernelMemory, inner: WasmTopK): TopK {
  let live = true;
  const check = () => {
    if (!live) throw new LanceError("INVALID_ARGUMENT", "a top-k was used after finish() or free()");
  };
  const free = () => {
    if (live) inner.free();
    live = false;
  };
  return {
    scanFlat(scan) {
      check();
      checkQuery(scan.query, scan.dimension);
      checkLengths(scan);
      const metric = encodeMetric(scan.metric);
      // Views of freed buffers are refused here, before the module reads them.
      scan.vectors.bytes();
      scan.rowIds.bytes();
      withBuffers(memory, ({ copyIn }) => {
        const query = copyIn(scan.query);
        const mask = scan.mask ? copyIn(scan.mask) : undefined;
        callKernel(
          () =>
            inner.scanFlat(
              metric,
              query.pointer,
              scan.vectors.pointer,
              scan.rowIds.pointer,
              scan.numRows,
              scan.dimension,
              mask?.pointer ?? 0,
              scan.lower ?? Number.NaN,
              scan.upper ?? Number.NaN,
            ),
          { numRows: scan.numRows, dimension: scan.dimension },
        );
      });
    },
    threshold() {
      check();
      return inner.threshold();
    },
    finish() {
      check();
      try {
        const count = inner.count();
        return withBuffers(memory, ({ allocate }) => {
          const rowIds = allocate(count * 8);
          const distances = allocate(count * 4);
          callKernel(() => inner.finishInto(rowIds.pointer, distances.pointer));
          const ids = rowIds.bytes();
          return {
            rowIds: new BigUint64Array(ids.buffer, ids.byteOffset, count).slice() as BigUint64Array<ArrayBuffer>,
            distances: copyFloat32(distances, count),
          };
        });
      } finally {
        free();
      }
    },
    free,
  };
}

function checkLengths(scan: FlatScan): void {
  const { numRows, dimension } = scan;
  if (!Number.isInteger(numRows) || numRows < 0) {
    throw new LanceError("INVALID_ARGUMENT", `numRows must be a whole number from 0; received ${numRows}`, { numRows });
  }
  const needed: readonly (readonly [name: string, have: number, need: number])[] = [
    ["vectors", scan.vectors.byteLength, numRows * dimension * 4],
    ["rowIds", scan.rowIds.byteLength, numRows * 8],
    ["mask", scan.mask?.byteLength ?? Number.POSITIVE_INFINITY, Math.ceil(numRows / 8)],
  ];
  for (const [name, have, need] of needed) {
    if (have < need) {
      throw new LanceError("INVALID_ARGUMENT", `${name} holds ${have} bytes; ${numRows} rows need ${need}`, {
        name,
        expected: need,
        received: have,
      });
    }
  }
}
