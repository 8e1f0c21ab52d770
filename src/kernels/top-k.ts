import type { TopK as WasmTopK } from "../../wasm/pkg/core/core.js";
import { LanceError } from "../errors.ts";
import {
  checkQueryType,
  elementBytes,
  encodeElement,
  listMetrics,
  type QueryVector,
  type VectorElement,
} from "./element.ts";
import { callKernel, copyFloat32, type KernelMemory, type WasmBuffer, withBuffers } from "./memory.ts";
import { checkQuery, encodeMetric, type Metric } from "./metric.ts";

/** Rows in WASM memory, and which of them count. */
export interface RowScan {
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

/** One scan of vectors that lie in WASM memory. */
export interface FlatScan extends RowScan {
  readonly metric: Metric;
  /** Default f32. */
  readonly element?: VectorElement | undefined;
  /** `dimension` values, as `toQueryVector` gives them. */
  readonly query: QueryVector;
  /** `numRows × dimension` values of `element`. */
  readonly vectors: WasmBuffer;
}

/** One scan of 8-bit scalar codes that lie in WASM memory. */
export interface ScalarCodeScan extends RowScan {
  /** Codes of the query for l2; its values for dot. */
  readonly query: Uint8Array | Float32Array;
  /** `numRows × dimension` u8. */
  readonly codes: WasmBuffer;
  /** l2: the distance is Σ(Δcode)² × scale. dot: it is offset − scale × Σ code·q. */
  readonly scale: number;
  readonly offset: number;
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
  /** As `scanFlat`, over scalar codes, in whole numbers for l2. */
  scanScalarCodes(scan: ScalarCodeScan): void;
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
      const { element = "f32", vectors, dimension } = scan;
      checkQueryType(scan.query, element);
      const metric = encodeMetric(scan.metric, listMetrics(element));
      runScan(memory, scan, { name: "vectors", rows: vectors, rowBytes: dimension * elementBytes(element) }, (at) =>
        inner.scanFlat(encodeElement(element), metric, at.query, ...at.rest),
      );
    },
    scanScalarCodes(scan) {
      check();
      const metric = encodeMetric(scan.query instanceof Uint8Array ? "l2" : "dot");
      runScan(memory, scan, { name: "codes", rows: scan.codes, rowBytes: scan.dimension }, (at) =>
        inner.scanScalarCodes(metric, at.query, scan.scale, scan.offset, ...at.rest),
      );
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

type ScanTail = [
  rows: number,
  rowIds: number,
  numRows: number,
  dimension: number,
  mask: number,
  lower: number,
  upper: number,
];

/** Checks what is given, copies the query and the mask in, and calls. */
function runScan(
  memory: KernelMemory,
  scan: RowScan & { readonly query: QueryVector },
  source: { readonly name: string; readonly rows: WasmBuffer; readonly rowBytes: number },
  call: (at: { readonly query: number; readonly rest: ScanTail }) => void,
): void {
  const { numRows, dimension } = scan;
  checkQuery(scan.query, dimension);
  checkLengths(scan, source);
  // Views of freed buffers are refused here, before the module reads them.
  source.rows.bytes();
  scan.rowIds.bytes();
  withBuffers(memory, ({ copyIn }) => {
    const query = copyIn(scan.query).pointer;
    const mask = scan.mask ? copyIn(scan.mask).pointer : 0;
    const { lower = Number.NaN, upper = Number.NaN } = scan;
    const rest: ScanTail = [source.rows.pointer, scan.rowIds.pointer, numRows, dimension, mask, lower, upper];
    callKernel(() => call({ query, rest }), { numRows, dimension });
  });
}

function checkLengths(scan: RowScan, source: { name: string; rows: WasmBuffer; rowBytes: number }): void {
  const { numRows } = scan;
  if (!Number.isInteger(numRows) || numRows < 0) {
    throw new LanceError("INVALID_ARGUMENT", `numRows must be a whole number from 0; received ${numRows}`, { numRows });
  }
  const needed: readonly (readonly [name: string, have: number, need: number])[] = [
    [source.name, source.rows.byteLength, numRows * source.rowBytes],
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
