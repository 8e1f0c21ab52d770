import { encodeRabit, rotateVectors } from "../../wasm/pkg/build/build.js";
import { LanceError } from "../errors.ts";
import { callKernel, copyFloat32, type KernelMemory, type WasmBuffer, withBuffers } from "./memory.ts";
import { countVectors, encodeMetric } from "./metric.ts";
import { getRotationBytes, measureRabitRow, type RabitRotation } from "./rabit-layout.ts";

/** Vectors to code, and what by. */
export interface RabitEncodeOptions {
  /** For cosine give vectors of unit length and l2. */
  readonly metric: "l2" | "dot";
  readonly numBits: number;
  readonly rotation: RabitRotation;
  /** `k × dimension`. */
  readonly centroids: Float32Array;
  /** The same, rotated by `rotateVectors`. */
  readonly rotatedCentroids: Float32Array;
  readonly dimension: number;
}

/** What vectors are coded by, in WASM memory until it is freed. */
export interface RabitCoding {
  /**
   * Vectors as rows of `measureRabitRow`, with error factors: the same bytes on every host. One bit costs twice
   * the rotation, others some 25 µs more for 384 values.
   * @param partitions of each vector, as places of `centroids`
   * @throws INVALID_ARGUMENT, QUOTA_EXCEEDED
   */
  encode(vectors: Float32Array, partitions: Uint32Array): Uint8Array<ArrayBuffer>;
  /** Gives the memory back. Calling it again does nothing. */
  free(): void;
}

/** RaBitQ codes of the build module. */
export interface RabitEncoder {
  /** Each vector, rotated: 1.3 µs for 384 values by the fast rotation, 30 µs by a matrix. @throws INVALID_ARGUMENT */
  rotateVectors(vectors: Float32Array, dimension: number, rotation: RabitRotation): Float32Array<ArrayBuffer>;
  /** Copies centroids and rotation in. @throws INVALID_ARGUMENT, QUOTA_EXCEEDED */
  createRabitCoding(options: RabitEncodeOptions): RabitCoding;
}

/** Over the memory of the build module. */
export function createRabitEncoder(memory: KernelMemory): RabitEncoder {
  return {
    rotateVectors(vectors, dimension, rotation) {
      const numRows = countVectors(vectors, dimension);
      return withBuffers(memory, ({ allocate, copyIn }) => {
        const [turn, rows] = [copyIn(getRotationBytes(rotation, dimension)), copyIn(vectors)];
        const output = allocate(vectors.byteLength);
        const isDense = rotation.kind === "matrix";
        callKernel(() => rotateVectors(isDense, turn.pointer, dimension, rows.pointer, numRows, output.pointer));
        return copyFloat32(output, vectors.length);
      });
    },
    createRabitCoding: (options) => createCoding(memory, options),
  };
}

function createCoding(memory: KernelMemory, options: RabitEncodeOptions): RabitCoding {
  const { numBits, rotation, centroids, rotatedCentroids, dimension } = options;
  const isDot = encodeMetric(options.metric, ["l2", "dot"]) !== encodeMetric("l2");
  const isDense = rotation.kind === "matrix";
  const { rowBytes } = measureRabitRow({ dimension, numBits, hasErrors: true });
  const numPartitions = countVectors(centroids, dimension);
  if (rotatedCentroids.length !== centroids.length) {
    throw refuseCounts("every centroid is needed rotated too", centroids.length, rotatedCentroids.length);
  }
  const held: WasmBuffer[] = [];
  const free = () => {
    for (const buffer of held.splice(0)) buffer.free();
  };
  try {
    for (const part of [getRotationBytes(rotation, dimension), centroids, rotatedCentroids]) {
      held.push(memory.copyIn(part));
    }
  } catch (error) {
    free();
    throw error;
  }
  return {
    encode(vectors, partitions) {
      const [turn, targets, rotated] = held;
      if (!turn || !targets || !rotated) throw new LanceError("INVALID_ARGUMENT", "a coding was used after free()");
      const numRows = countVectors(vectors, dimension);
      if (partitions.length !== numRows) {
        throw refuseCounts("a partition for every vector is needed", numRows, partitions.length);
      }
      return withBuffers(memory, ({ allocate, copyIn }) => {
        const [rows, places] = [copyIn(vectors).pointer, copyIn(partitions).pointer];
        const output = allocate(numRows * rowBytes);
        callKernel(
          () =>
            encodeRabit(
              isDot,
              isDense,
              turn.pointer,
              dimension,
              numBits,
              rows,
              numRows,
              places,
              targets.pointer,
              rotated.pointer,
              numPartitions,
              output.pointer,
            ),
          { numRows, dimension, numBits },
        );
        return output.bytes().slice();
      });
    },
    free,
  };
}

function refuseCounts(message: string, expected: number, received: number): LanceError {
  return new LanceError("INVALID_ARGUMENT", `${message}: expected ${expected}, received ${received}`, {
    expected,
    received,
  });
}
