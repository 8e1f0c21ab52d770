import { assignBits, KMeans as WasmKMeans } from "../../wasm/pkg/build/build.js";
import { LanceError } from "../errors.ts";
import { type Training, wrapTraining } from "./k-means.ts";
import { callKernel, copyUint32, type KernelExports, type KernelMemory, withBuffers } from "./memory.ts";
import { countVectors } from "./metric.ts";

/** What a training over bits learns from. */
export interface BitKMeansOptions {
  /** `n × width` bytes, copied in. */
  readonly rows: Uint8Array;
  /** Bytes of a row. */
  readonly width: number;
  /** Centroids to find. Above the number of distinct rows, some repeat. */
  readonly k: number;
  /** The same seed and rows give the same centroids on every host. */
  readonly seed: number;
  /** Whole passes at most. Default 50. */
  readonly iterations?: number;
  /** Ends when the loss changes by less than this share. Default 1e-4. */
  readonly tolerance?: number;
}

/** Rows of bits to place, and where they may go. */
export interface AssignBitsOptions {
  /** `n × width` bytes. */
  readonly rows: Uint8Array;
  readonly width: number;
  /** `k × width` bytes. */
  readonly centroids: Uint8Array;
}

/**
 * Starts a k-means over bits (k-modes): rows go where the fewest bits differ, a bit of a centroid is what most of its
 * rows have. An empty cluster starts anew at a row far from its centroid. Some 8 ns a pair of 48 bytes. Holds the rows
 * once in WASM memory, plus 33 bytes × k × width.
 *
 * @throws INVALID_ARGUMENT, QUOTA_EXCEEDED
 */
export function createBitKMeans(
  exports: KernelExports,
  memory: KernelMemory,
  options: BitKMeansOptions,
): Training<Uint8Array<ArrayBuffer>> {
  const { rows, width, k, seed, iterations = 50, tolerance = 1e-4 } = options;
  const numRows = countVectors(rows, width);
  if (!Number.isInteger(k) || k < 1 || k > 0xffffffff || numRows < 1 || !Number.isFinite(seed) || !(iterations >= 0)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `k-means needs k ≥ 1, at least one row, a finite seed and iterations ≥ 0; received k ${k}, ${numRows} rows, seed ${seed}, iterations ${iterations}`,
      { k, numRows, seed, iterations },
    );
  }
  const details = { numRows, width, k };
  const maxIterations = Math.min(Math.floor(iterations), 0xffffffff);
  const inner = callKernel(() => WasmKMeans.ofBits(numRows, width, k, seed, maxIterations, tolerance), details);
  const pointer = inner.inputPointer();
  new Uint8Array(exports.memory.buffer, pointer, rows.length).set(rows);
  return wrapTraining(inner, details, () =>
    withBuffers(memory, ({ allocate }) => {
      const output = allocate(k * width);
      callKernel(() => inner.centroidsInto(output.pointer));
      return output.bytes().slice();
    }),
  );
}

/** The centroid in the fewest bits apart from each row (ties: the lowest). Copies rows and centroids in. */
export function placeBits(memory: KernelMemory, options: AssignBitsOptions): Uint32Array<ArrayBuffer> {
  const { rows, width, centroids } = options;
  const numRows = countVectors(rows, width);
  const k = countVectors(centroids, width);
  return withBuffers(memory, ({ allocate, copyIn }) => {
    const [from, to, output] = [copyIn(rows), copyIn(centroids), allocate(numRows * 4)];
    callKernel(() => assignBits(from.pointer, numRows, width, to.pointer, k, output.pointer), { numRows, width, k });
    return copyUint32(output, numRows);
  });
}
