import { ProductCodebook as WasmCodebook, type TopK as WasmTopK } from "../../wasm/pkg/core/core.js";
import { LanceError } from "../errors.ts";
import { type GraphWalk, openWalk } from "./graph-search.ts";
import { callKernel, type KernelMemory, type WasmBuffer, withBuffers } from "./memory.ts";
import { checkQuery, encodeMetric } from "./metric.ts";
import { type RowScan, runScan } from "./row-scan.ts";

/** How vectors are cut up into sub-vectors, and how many bits number the codewords of each. */
export interface ProductShape {
  readonly dimension: number;
  /** A divisor of the dimension; of 4-bit codes an even one. */
  readonly numSubVectors: number;
  readonly numBits: 4 | 8;
}

/** The codewords that product codes stand for. Scans keep a copy in WASM memory for as long as the object lives. */
export interface ProductCodebook extends ProductShape {
  /** l2: a distance is Σ (q − codeword)². dot: it is 1 − Σ q · codeword. */
  readonly metric: "l2" | "dot";
  /** `numSubVectors × 2^numBits × (dimension / numSubVectors)`. */
  readonly values: Float32Array;
}

/** One scan of product codes that lie in WASM memory. */
export interface ProductCodeScan extends RowScan {
  readonly codebook: ProductCodebook;
  /** `dimension` values; not changed after the first scan with it. */
  readonly query: Float32Array;
  /** {@link countCodeBytes} a row: the sub-vectors in order, of 4-bit codes the even ones in the low halves. */
  readonly codes: WasmBuffer;
}

/** Bytes of a row. @throws INVALID_ARGUMENT for a shape that is none */
export function countCodeBytes({ dimension, numSubVectors, numBits }: ProductShape): number {
  const isWhole = Number.isInteger(dimension) && Number.isInteger(numSubVectors) && numSubVectors > 0;
  const bytes = (numSubVectors * numBits) / 8;
  if (!isWhole || dimension < 1 || dimension % numSubVectors !== 0 || ![4, 8].includes(numBits) || bytes % 1 !== 0) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `product codes need 8 bits and a divisor of the dimension ${dimension}, or 4 and an even one; received ${numBits} bits and ${numSubVectors} sub-vectors`,
      { dimension, numSubVectors, numBits },
    );
  }
  return bytes;
}

/** @throws INVALID_ARGUMENT unless there is a codeword of every sub-vector for every code */
export function checkCodebookLength(values: Float32Array, shape: ProductShape): void {
  countCodeBytes(shape);
  const expected = 2 ** shape.numBits * shape.dimension;
  if (values.length === expected) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `a codebook of ${shape.numBits} bits for ${shape.dimension} dimensions has ${expected} values; received ${values.length}`,
    { expected, received: values.length },
  );
}

/** A codebook in the module, which holds the table of one query. */
interface Loaded {
  readonly inner: WasmCodebook;
  query: Float32Array | undefined;
}

// What the module holds for a codebook goes when the codebook does: the glue frees what is collected.
const loaded = new WeakMap<ProductCodebook, Loaded>();

/**
 * The codebook in the core module, prepared for a query until the next one is; for kernels that compare product codes.
 * @throws DIMENSION_MISMATCH, INVALID_ARGUMENT, QUOTA_EXCEEDED
 */
export function prepareProductCodes(
  memory: KernelMemory,
  codebook: ProductCodebook,
  query: Float32Array,
): WasmCodebook {
  const { dimension } = codebook;
  checkQuery(query, dimension);
  const entry = loaded.get(codebook) ?? { inner: load(memory, codebook), query: undefined };
  loaded.set(codebook, entry);
  if (entry.query !== query) {
    entry.query = undefined;
    withBuffers(memory, ({ copyIn }) => {
      const from = copyIn(query);
      callKernel(() => entry.inner.prepare(from.pointer), { dimension });
    });
    entry.query = query;
  }
  return entry.inner;
}

/** The `scanProductCodes` of a top-k. */
export function scanProductCodes(memory: KernelMemory, topK: WasmTopK, scan: ProductCodeScan): void {
  const { codebook, query, codes, rowIds, numRows } = scan;
  const prepared = prepareProductCodes(memory, codebook, query);
  runScan(memory, scan, { name: "codes", rows: codes, rowBytes: countCodeBytes(codebook) }, (tail) =>
    topK.scanProductCodes(prepared, codes.pointer, rowIds.pointer, numRows, ...tail),
  );
}

/** The `searchProductCodes` of a top-k. */
export function searchProductCodes(memory: KernelMemory, topK: WasmTopK, scan: ProductCodeScan & GraphWalk): number {
  const { codebook, query, codes, rowIds } = scan;
  const prepared = prepareProductCodes(memory, codebook, query);
  const walk = openWalk(scan, scan.numRows);
  return runScan(memory, scan, { name: "codes", rows: codes, rowBytes: countCodeBytes(codebook) }, (tail) =>
    topK.searchProductCodes(...walk, prepared, codes.pointer, rowIds.pointer, ...tail),
  );
}

function load(memory: KernelMemory, codebook: ProductCodebook): WasmCodebook {
  const { metric, dimension, numSubVectors, numBits, values } = codebook;
  checkCodebookLength(values, codebook);
  const code = encodeMetric(metric, ["l2", "dot"]);
  return withBuffers(memory, ({ copyIn }) => {
    const from = copyIn(values);
    return callKernel(() => new WasmCodebook(code, dimension, numSubVectors, numBits, from.pointer), { dimension });
  });
}
