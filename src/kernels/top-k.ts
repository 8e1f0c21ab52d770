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
import { type GraphWalk, openWalk } from "./graph-search.ts";
import { callKernel, copyFloat32, type KernelMemory, type WasmBuffer, withBuffers } from "./memory.ts";
import { checkQuery, encodeMetric, type Metric } from "./metric.ts";
import { type ProductCodeScan, scanProductCodes, searchProductCodes } from "./product-codes.ts";
import { type RabitScan, scanRabit } from "./rabit-scan.ts";
import { type RowScan, runScan, type ScanTail } from "./row-scan.ts";

/** One scan of vectors that lie in WASM memory. */
export interface FlatScan extends RowScan {
  readonly metric: Metric;
  readonly dimension: number;
  /** Default f32. */
  readonly element?: VectorElement | undefined;
  /** `dimension` values, as `toQueryVector` gives them. */
  readonly query: QueryVector;
  /** `numRows × dimension` values of `element`. */
  readonly vectors: WasmBuffer;
}

/** One scan of 8-bit scalar codes that lie in WASM memory. */
export interface ScalarCodeScan extends RowScan {
  readonly dimension: number;
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
  /**
   * As `scanFlat`, over product codes. A query that was not asked last is prepared first: its table costs some
   * 3 × 2^bits × dimension operations. 4-bit codes are compared 16 rows at once, and only those that may be among the
   * best exactly.
   */
  scanProductCodes(scan: ProductCodeScan): void;
  /** As `scanFlat`, over RaBitQ codes in blocks: by tables 32 rows at once, exactly only those that may be among the best. */
  scanRabit(scan: RabitScan): void;
  /**
   * As `scanFlat`, but only the `ef` rows that a walk over their graph finds. Rows that the mask leaves out are walked
   * over. Some 20 distances for each of `ef` on vectors of hundreds of dimensions.
   * @returns distances computed; 0 where fewer than `needed` rows were found: then none is offered
   */
  searchFlat(scan: FlatScan & GraphWalk): number;
  /** As `searchFlat`, over scalar codes. */
  searchScalarCodes(scan: ScalarCodeScan & GraphWalk): number;
  /** As `searchFlat`, over product codes, row by row. */
  searchProductCodes(scan: ProductCodeScan & GraphWalk): number;
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
      runFlat(memory, scan, (head, tail) => inner.scanFlat(...head, scan.numRows, scan.dimension, ...tail));
    },
    searchFlat(scan) {
      check();
      const walk = openWalk(scan, scan.numRows);
      return runFlat(memory, scan, (head, tail) => inner.searchFlat(...walk, ...head, scan.dimension, ...tail));
    },
    scanScalarCodes(scan) {
      check();
      runCodes(memory, scan, (head, tail) => inner.scanScalarCodes(...head, scan.numRows, scan.dimension, ...tail));
    },
    searchScalarCodes(scan) {
      check();
      const walk = openWalk(scan, scan.numRows);
      return runCodes(memory, scan, (head, tail) => inner.searchScalarCodes(...walk, ...head, scan.dimension, ...tail));
    },
    searchProductCodes(scan) {
      check();
      return searchProductCodes(memory, inner, scan);
    },
    scanProductCodes(scan) {
      check();
      scanProductCodes(memory, inner, scan);
    },
    scanRabit(scan) {
      check();
      scanRabit(memory, inner, scan);
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

type FlatHead = readonly [element: number, metric: number, query: number, vectors: number, rowIds: number];

function runFlat<T>(memory: KernelMemory, scan: FlatScan, call: (head: FlatHead, tail: ScanTail) => T): T {
  const { element = "f32", vectors, dimension, query, rowIds } = scan;
  checkQueryType(query, element);
  const metric = encodeMetric(scan.metric, listMetrics(element));
  checkQuery(query, dimension);
  const source = { name: "vectors", rows: vectors, rowBytes: dimension * elementBytes(element) };
  return withBuffers(memory, ({ copyIn }) => {
    const from = copyIn(query).pointer;
    const head = [encodeElement(element), metric, from, vectors.pointer, rowIds.pointer] as const;
    return runScan(memory, scan, source, (tail) => call(head, tail));
  });
}

type CodesHead = readonly [metric: number, query: number, scale: number, offset: number, codes: number, rowIds: number];

function runCodes<T>(memory: KernelMemory, scan: ScalarCodeScan, call: (head: CodesHead, tail: ScanTail) => T): T {
  const { query, codes, rowIds, dimension, scale, offset } = scan;
  const metric = encodeMetric(query instanceof Uint8Array ? "l2" : "dot");
  checkQuery(query, dimension);
  return withBuffers(memory, ({ copyIn }) => {
    const head = [metric, copyIn(query).pointer, scale, offset, codes.pointer, rowIds.pointer] as const;
    return runScan(memory, scan, { name: "codes", rows: codes, rowBytes: dimension }, (tail) => call(head, tail));
  });
}
