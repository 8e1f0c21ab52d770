import { allocateBytes, assignPartitions, freeBytes, initSync } from "../../wasm/pkg/build/build.js";
import { LanceError } from "../errors.ts";
import { getRuntime } from "../runtime.ts";
import { type AssignBitsOptions, type BitKMeansOptions, createBitKMeans, placeBits } from "./bit-k-means.ts";
import { createGraphBuild, type GraphBuild, type GraphOptions } from "./graph-build.ts";
import { createKMeans, type KMeans, type KMeansOptions, type Training } from "./k-means.ts";
import { callKernel, copyFloat32, copyUint32, createKernelMemory, type KernelMemory, withBuffers } from "./memory.ts";
import { countVectors, encodeMetric } from "./metric.ts";
import type { ProductShape } from "./product-codes.ts";
import {
  type CodebookOptions,
  type CodebookTraining,
  createCodebookTraining,
  createProductEncoder,
  type ProductEncoder,
} from "./product-training.ts";
import { createRabitEncoder, type RabitEncoder } from "./rabit-encode.ts";
import { type SortInput, sortPermutation } from "./sort.ts";

/** The partition of a vector that holds NaN or infinity. */
export const UNASSIGNED_PARTITION = 0xffffffff;

/** Vectors to place, and where they may go. */
export interface AssignOptions {
  /** `n × dimension`. */
  readonly vectors: Float32Array;
  readonly dimension: number;
  /** `k × dimension`. */
  readonly centroids: Float32Array;
  /** For cosine give normalised vectors and centroids, and l2. */
  readonly metric: "l2" | "dot";
}

/** The kernels of the build module, on one thread. */
export interface BuildKernels extends RabitEncoder {
  /** Bytes of WASM memory this thread holds for the module; it never shrinks. */
  memoryBytes(): number;
  /** See {@link createKMeans}. */
  createKMeans(options: KMeansOptions): KMeans;
  /** See {@link createBitKMeans}. */
  createBitKMeans(options: BitKMeansOptions): Training<Uint8Array<ArrayBuffer>>;
  /** See {@link placeBits}. @throws INVALID_ARGUMENT, QUOTA_EXCEEDED */
  assignBits(options: AssignBitsOptions): Uint32Array<ArrayBuffer>;
  /**
   * The nearest centroid of each vector (ties: the lowest) and the distance to it. A vector that holds NaN or infinity
   * gets {@link UNASSIGNED_PARTITION} and NaN.
   *
   * Costs n × k × dimension multiplications at some 16 a nanosecond: at most 40 million a call stay under 20 ms
   * (400 vectors at k = 256, dimension 384). Copies vectors and centroids in.
   *
   * @throws INVALID_ARGUMENT, QUOTA_EXCEEDED
   */
  assignPartitions(options: AssignOptions): {
    partitions: Uint32Array<ArrayBuffer>;
    distances: Float32Array<ArrayBuffer>;
  };
  /** See {@link createCodebookTraining}. */
  createCodebookTraining(options: CodebookOptions): CodebookTraining;
  /** See {@link createProductEncoder}. */
  createProductEncoder(shape: ProductShape, codebook: Float32Array): ProductEncoder;
  /** See {@link createGraphBuild}. */
  createGraphBuild(options: GraphOptions): GraphBuild;
  /** See {@link sortPermutation}. */
  sortPermutation(input: SortInput): Uint32Array<ArrayBuffer>;
}

function assign(memory: KernelMemory, options: AssignOptions): ReturnType<BuildKernels["assignPartitions"]> {
  const { vectors, dimension, centroids } = options;
  const metric = encodeMetric(options.metric, ["l2", "dot"]);
  const numRows = countVectors(vectors, dimension);
  const k = countVectors(centroids, dimension);
  return withBuffers(memory, ({ allocate, copyIn }) => {
    const [rows, targets] = [copyIn(vectors), copyIn(centroids)];
    const [partitions, distances] = [allocate(numRows * 4), allocate(numRows * 4)];
    callKernel(
      () =>
        assignPartitions(
          metric,
          rows.pointer,
          numRows,
          dimension,
          targets.pointer,
          k,
          partitions.pointer,
          distances.pointer,
        ),
      { numRows, dimension, k },
    );
    return { partitions: copyUint32(partitions, numRows), distances: copyFloat32(distances, numRows) };
  });
}

/** The kernels over a compiled build module; one instance a thread, as for the core module. */
export function instantiateBuild(module: WebAssembly.Module): BuildKernels {
  const { memory: heap } = initSync({ module });
  const exports = { memory: heap, allocateBytes, freeBytes };
  const memory = createKernelMemory(exports);
  loaded = {
    ...createRabitEncoder(memory),
    memoryBytes: memory.byteLength,
    createKMeans: (options) => createKMeans(exports, memory, options),
    createBitKMeans: (options) => createBitKMeans(exports, memory, options),
    assignBits: (options) => placeBits(memory, options),
    assignPartitions: (options) => assign(memory, options),
    createCodebookTraining: (options) => createCodebookTraining(exports, memory, options),
    createProductEncoder: (shape, codebook) => createProductEncoder(memory, shape, codebook),
    createGraphBuild: (options) => createGraphBuild(exports, memory, options),
    sortPermutation: (input) => sortPermutation(memory, input),
  };
  return loaded;
}

let loaded: BuildKernels | undefined;

/** The build kernels where they are loaded already, at once. @throws INVALID_ARGUMENT before */
export function getBuildKernels(): BuildKernels {
  if (!loaded)
    throw new LanceError("INVALID_ARGUMENT", "the build kernels are not loaded: call loadBuildKernels first");
  return loaded;
}

let loading: Promise<BuildKernels> | undefined;

/** The build kernels of this thread; the module is asked of the runtime on the first call. @throws IO, UNSUPPORTED */
export function loadBuildKernels(): Promise<BuildKernels> {
  loading ??= getRuntime()
    .loadKernelModule("build")
    .then(instantiateBuild)
    .catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
  return loading;
}
