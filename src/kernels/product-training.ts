import { ProductEncoder as WasmEncoder, CodebookTraining as WasmTraining } from "../../wasm/pkg/build/build.js";
import { LanceError } from "../errors.ts";
import { callKernel, copyFloat32, type KernelExports, type KernelMemory, withBuffers } from "./memory.ts";
import { countVectors } from "./metric.ts";
import { checkCodebookLength, countCodeBytes, type ProductShape } from "./product-codes.ts";

/** What a codebook learns from. */
export interface CodebookOptions extends ProductShape {
  /** `n × dimension` finite values, copied in: of l2 the residuals to the partitions' centroids. */
  readonly vectors: Float32Array;
  /** The same seed and vectors give the same codebook on every host. */
  readonly seed: number;
  /** Whole passes at most, for each sub-vector. */
  readonly iterations: number;
  /** A sub-vector's training ends when its loss changes by less than this share. Default 1e-4. */
  readonly tolerance?: number;
}

/** A training under way. */
export interface CodebookTraining {
  /**
   * 40 million multiplications, some 5 to 15 ms. Call it until `done`, giving way between calls. Nothing once done.
   * @returns sub-vectors that are trained
   */
  step(): number;
  readonly done: boolean;
  /** `numSubVectors × 2^numBits × (dimension / numSubVectors)` values: final once `done`. */
  codebook(): Float32Array<ArrayBuffer>;
  /** Gives the memory back. Calling it again does nothing. */
  free(): void;
}

/** A codebook prepared for coding vectors. */
export interface ProductEncoder {
  /**
   * The nearest codeword of each sub-vector (ties: the lowest), in rows of `countCodeBytes`. Costs n × dimension ×
   * 2^numBits multiplications at some 8 a nanosecond. Copies in and out.
   * @param vectors `n × dimension` finite values
   */
  encode(vectors: Float32Array): Uint8Array<ArrayBuffer>;
  /** Gives the memory back. Calling it again does nothing. */
  free(): void;
}

/**
 * Starts a k-means for each sub-vector, seeded with different vectors. Fewer vectors than codewords are all codewords;
 * without any, codewords are zero. Holds the vectors once in WASM memory.
 * @throws INVALID_ARGUMENT, QUOTA_EXCEEDED
 */
export function createCodebookTraining(
  exports: KernelExports,
  memory: KernelMemory,
  options: CodebookOptions,
): CodebookTraining {
  const { vectors, dimension, numSubVectors, numBits, seed, iterations, tolerance = 1e-4 } = options;
  countCodeBytes(options);
  const numRows = countVectors(vectors, dimension);
  if (!Number.isFinite(seed) || !(iterations >= 0)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `a codebook needs a finite seed and iterations ≥ 0; received seed ${seed}, iterations ${iterations}`,
      { seed, iterations },
    );
  }
  const passes = Math.min(Math.floor(iterations), 0xffffffff);
  const inner = callKernel(
    () => new WasmTraining(numRows, dimension, numSubVectors, numBits, seed, passes, tolerance),
    { numRows, dimension, numSubVectors },
  );
  const pointer = inner.vectorsPointer();
  new Float32Array(exports.memory.buffer, pointer, vectors.length).set(vectors);
  const { use, free } = guard(inner, "a codebook's training");
  return {
    step: () =>
      use(() => {
        callKernel(() => inner.step(), { numRows, dimension });
        return inner.trained;
      }),
    get done() {
      return use(() => inner.done);
    },
    codebook: () =>
      use(() =>
        withBuffers(memory, ({ allocate }) => {
          const length = 2 ** numBits * dimension;
          const output = allocate(length * 4);
          callKernel(() => inner.codebookInto(output.pointer));
          return copyFloat32(output, length);
        }),
      ),
    free,
  };
}

/** @param codebook as `CodebookTraining.codebook` gives it, copied in. @throws INVALID_ARGUMENT, QUOTA_EXCEEDED */
export function createProductEncoder(
  memory: KernelMemory,
  shape: ProductShape,
  codebook: Float32Array,
): ProductEncoder {
  const { dimension, numSubVectors, numBits } = shape;
  checkCodebookLength(codebook, shape);
  const rowBytes = countCodeBytes(shape);
  const inner = withBuffers(memory, ({ copyIn }) => {
    const from = copyIn(codebook);
    return callKernel(() => new WasmEncoder(dimension, numSubVectors, numBits, from.pointer), { dimension });
  });
  const { use, free } = guard(inner, "a product encoder");
  return {
    encode: (vectors) =>
      use(() =>
        withBuffers(memory, ({ allocate, copyIn }) => {
          const numRows = countVectors(vectors, dimension);
          const [rows, codes] = [copyIn(vectors), allocate(numRows * rowBytes)];
          callKernel(() => inner.encode(rows.pointer, numRows, codes.pointer), { numRows, dimension });
          return codes.bytes().slice();
        }),
      ),
    free,
  };
}

/** What holds memory of the module is used until it is freed, and freed once. */
function guard(inner: { free(): void }, name: string): { use<T>(body: () => T): T; free(): void } {
  let live = true;
  return {
    use(body) {
      if (!live) throw new LanceError("INVALID_ARGUMENT", `${name} was used after free()`);
      return body();
    },
    free() {
      if (live) inner.free();
      live = false;
    },
  };
}
