import {
  allocateBytes,
  computeDistances,
  decodeRoaring,
  encodeRoaring,
  freeBytes,
  initSync,
  TopK as WasmTopK,
} from "../../wasm/pkg/core/core.js";
import { LanceError } from "../errors.ts";
import { getRuntime } from "../runtime.ts";
import {
  checkQueryType,
  elementOf,
  encodeElement,
  listMetrics,
  type QueryVector,
  type VectorValues,
} from "./element.ts";
import { createGraph, type Graph, type StoredGraph } from "./graph-search.ts";
import {
  callKernel,
  copyFloat32,
  createKernelMemory,
  type KernelMemory,
  type WasmBuffer,
  withBuffers,
} from "./memory.ts";
import { checkQuery, countVectors, encodeMetric, type Metric } from "./metric.ts";
import { createRabitKernels, type RabitKernels } from "./rabit-scan.ts";
import { type TopK, wrapTopK } from "./top-k.ts";

/** Vectors and bitmaps of the core module. */
export interface VectorKernels {
  /** Bytes of WASM memory this thread holds for the module; it never shrinks. */
  memoryBytes(): number;
  /** Zeroed bytes in WASM memory, to be freed by the caller. @throws QUOTA_EXCEEDED, INVALID_ARGUMENT */
  allocate(byteLength: number): WasmBuffer;
  /**
   * A bounded best-k: ascending distance, ties by row id. Its room grows with the rows kept, not with `k`.
   *
   * @param k 0 to 2^32 − 1; 0 keeps nothing
   */
  createTopK(k: number): TopK;
  /** See {@link createGraph}. */
  createGraph(stored: StoredGraph, numRows: number): Graph;
  /**
   * Distances of `query` to every vector, in order; NaN where a value is NaN, or for the cosine of a zero vector.
   * Copies the vectors in and the distances out: at most 16 MB a call stays under 20 ms.
   *
   * Relative error against f64 at most 1e-5 × √dimension of the summed absolute terms; hamming is exact, and f64 is
   * rounded once. With relaxed SIMD the same holds, but the last bits are the host's own.
   *
   * @param query as `toQueryVector` gives it for the vectors' element type
   *
   * @throws DIMENSION_MISMATCH, INVALID_ARGUMENT, QUOTA_EXCEEDED
   */
  distances(metric: Metric, query: QueryVector, vectors: VectorValues, dimension: number): Float32Array<ArrayBuffer>;
  /**
   * Values of a portable 32-bit Roaring bitmap, ascending. Memory is bounded by what the header declares, which is
   * checked against `limit` first. About 1 ns a value.
   *
   * @param limit largest value allowed + 1, at most 2^32
   * @throws CORRUPT when malformed, or when a value reaches `limit`
   */
  decodeRoaring(bytes: Uint8Array, limit: number): Uint32Array;
  /** The portable bytes of ascending, distinct values, without run containers. @throws INVALID_ARGUMENT otherwise */
  encodeRoaring(values: Uint32Array): Uint8Array;
}

/** The kernels of the core module, on one thread. */
export type CoreKernels = VectorKernels & RabitKernels;

function createVectorKernels(memory: KernelMemory): VectorKernels {
  return {
    memoryBytes: memory.byteLength,
    allocate: memory.allocate,
    createTopK(k) {
      if (!Number.isInteger(k) || k < 0 || k > 0xffffffff) {
        throw new LanceError("INVALID_ARGUMENT", `k must be a whole number from 0 to 2^32 − 1; received ${k}`, { k });
      }
      return wrapTopK(memory, new WasmTopK(k));
    },
    createGraph: (stored, numRows) => createGraph(memory, stored, numRows),
    distances(metric, query, vectors, dimension) {
      const element = elementOf(vectors);
      const code = encodeMetric(metric, listMetrics(element));
      checkQueryType(query, element);
      const numRows = countVectors(vectors, dimension);
      checkQuery(query, dimension);
      return withBuffers(memory, ({ allocate, copyIn }) => {
        const [from, rows, output] = [copyIn(query), copyIn(vectors), allocate(numRows * 4)];
        callKernel(() =>
          computeDistances(
            encodeElement(element),
            code,
            from.pointer,
            rows.pointer,
            numRows,
            dimension,
            output.pointer,
          ),
        );
        return copyFloat32(output, numRows);
      });
    },
    decodeRoaring(bytes, limit) {
      return withBuffers(memory, ({ copyIn }) => {
        const input = copyIn(bytes);
        return callKernel(() => decodeRoaring(input.pointer, bytes.byteLength, limit), {
          byteLength: bytes.byteLength,
          limit,
        });
      });
    },
    encodeRoaring(values) {
      return withBuffers(memory, ({ copyIn }) => {
        const input = copyIn(values);
        return callKernel(() => encodeRoaring(input.pointer, values.length), { count: values.length });
      });
    },
  };
}

/**
 * The kernels over a compiled core module. The generated glue holds one instance a thread, so a second call gives
 * kernels over the same instance.
 */
export function instantiateCore(module: WebAssembly.Module): CoreKernels {
  const { memory } = initSync({ module });
  const heap = createKernelMemory({ memory, allocateBytes, freeBytes });
  loaded = { ...createVectorKernels(heap), ...createRabitKernels(heap) };
  return loaded;
}

let loaded: CoreKernels | undefined;

/** The core kernels where they are loaded already, at once. @throws INVALID_ARGUMENT before */
export function getCoreKernels(): CoreKernels {
  if (!loaded) throw new LanceError("INVALID_ARGUMENT", "the core kernels are not loaded: call loadCoreKernels first");
  return loaded;
}

let loading: Promise<CoreKernels> | undefined;

/** The core kernels of this thread; the module is asked of the runtime on the first call. @throws IO, UNSUPPORTED */
export function loadCoreKernels(): Promise<CoreKernels> {
  loading ??= getRuntime()
    .loadKernelModule("core")
    .then(instantiateCore)
    .catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
  return loading;
}
