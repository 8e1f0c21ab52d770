import { encodeRabit, rotateVectors } from "../../wasm/pkg/build/build.js";
import { LanceError } from "../errors.ts";
import { callKernel, copyFloat32, type KernelMemory, withBuffers } from "./memory.ts";
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

/** RaBitQ codes of the build module. */
export interface RabitEncoder {
  /** Each vector, rotated: some 5 µs for 384 values by the fast rotation, 30 µs by a matrix. @throws INVALID_ARGUMENT */
  rotateVectors(vectors: Float32Array, dimension: number, rotation: RabitRotation): Float32Array<ArrayBuffer>;
  /**
   * Vectors as rows of `measureRabitRow`, with error factors: the same bytes on every host. One bit costs little more
   * than the rotation, others some 15 µs more for 384 values.
   * @param partitions of each vector, as places of `centroids`
   * @throws INVALID_ARGUMENT, QUOTA_EXCEEDED
   */
  encodeRabit(vectors: Float32Array, partitions: Uint32Array, options: RabitEncodeOptions): Uint8Array<ArrayBuffer>;
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
    encodeRabit(vectors, partitions, options) {
      const { numBits, rotation, centroids, rotatedCentroids, dimension } = options;
      const isDot = encodeMetric(options.metric, ["l2", "dot"]) !== encodeMetric("l2");
      const numRows = countVectors(vectors, dimension);
      const { rowBytes } = measureRabitRow({ dimension, numBits, hasErrors: true });
      const numPartitions = countVectors(centroids, dimension);
      if (partitions.length !== numRows || rotatedCentroids.length !== centroids.length) {
        throw new LanceError(
          "INVALID_ARGUMENT",
          "a partition for every vector, and every centroid rotated, is needed",
          {
            expected: [numRows, centroids.length],
            received: [partitions.length, rotatedCentroids.length],
          },
        );
      }
      return withBuffers(memory, ({ allocate, copyIn }) => {
        const turn = copyIn(getRotationBytes(rotation, dimension)).pointer;
        const [rows, places] = [copyIn(vectors).pointer, copyIn(partitions).pointer];
        const [targets, rotated] = [copyIn(centroids).pointer, copyIn(rotatedCentroids).pointer];
        const output = allocate(numRows * rowBytes);
        const isDense = rotation.kind === "matrix";
        callKernel(
          () =>
            encodeRabit(
              isDot,
              isDense,
              turn,
              dimension,
              numBits,
              rows,
              numRows,
              places,
              targets,
              rotated,
              numPartitions,
              output.pointer,
            ),
          { numRows, dimension, numBits },
        );
        return output.bytes().slice();
      });
    },
  };
}
