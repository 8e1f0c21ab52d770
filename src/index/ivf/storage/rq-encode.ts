import { getBuildKernels } from "../../../kernels/build.ts";
import { measureRabitRow } from "../../../kernels/rabit-layout.ts";
import { createGiveWay, type GiveWay } from "../../../tasks/give-way.ts";
import { getPartitionMetric } from "../metric.ts";
import type { RabitModel } from "./rq-model.ts";
import type { PlacedShape } from "./storage.ts";

/** Longest call of the kernel. */
const CALL_MICROSECONDS = 8000;
/** Of one row: a value by the fast rotation; a value by its bits beyond the sign; a product with a matrix. */
const COSTS = { rotate: 0.012, moreBits: 0.09, multiply: 0.0002 };

/** Codes vectors against the centroids of their partitions. Gives way. */
export type RabitRowEncoder = (
  vectors: Float32Array,
  partitions: Uint32Array,
  signal?: AbortSignal,
) => Promise<Uint8Array>;

/** Rows whose coding takes one call's time. */
export function countCallRows(
  { numBits, rotation }: Pick<RabitModel, "numBits" | "rotation">,
  dimension: number,
): number {
  const rotate = rotation.kind === "matrix" ? COSTS.multiply * dimension ** 2 : COSTS.rotate * dimension;
  return Math.max(1, Math.floor(CALL_MICROSECONDS / (rotate + (numBits > 1 ? COSTS.moreBits * dimension : 0))));
}

/** Rotates the centroids when first asked. */
export function createRabitRowEncoder(model: RabitModel, shape: PlacedShape): RabitRowEncoder {
  const { numBits, rotation } = model;
  const { centroids, type } = shape;
  const { dimension } = type;
  const metric = getPartitionMetric(shape.metric);
  const step = countCallRows(model, dimension);
  let rotated: Float32Array | undefined;
  const finish = (rows: Uint8Array, vectors: Float32Array, partitions: Uint32Array): Uint8Array => {
    if (model.hasErrors && model.estimator === "raw_query") return rows;
    return model.estimator === "residual_query"
      ? toResidualRows(rows, vectors, { partitions, shape, hasErrors: model.hasErrors })
      : dropErrors(rows, partitions.length, model, dimension);
  };
  return async (vectors, partitions, signal) => {
    const giveWay = createGiveWay(signal);
    const kernels = getBuildKernels();
    rotated ??= await rotateCentroids(centroids, model, { dimension, giveWay });
    const { rowBytes } = measureRabitRow({ dimension, numBits, hasErrors: model.hasErrors });
    const coded = new Uint8Array(partitions.length * rowBytes);
    const coding = kernels.createRabitCoding({
      metric,
      numBits,
      rotation,
      centroids,
      rotatedCentroids: rotated,
      dimension,
    });
    try {
      for (let row = 0; row < partitions.length; row += step) {
        const places = partitions.subarray(row, row + step);
        const piece = vectors.subarray(row * dimension, (row + step) * dimension);
        coded.set(finish(coding.encode(piece, places), piece, places), row * rowBytes);
        await giveWay();
      }
      return coded;
    } finally {
      coding.free();
    }
  };
}

async function rotateCentroids(
  centroids: Float32Array,
  { rotation }: RabitModel,
  { dimension, giveWay }: { readonly dimension: number; readonly giveWay: GiveWay },
): Promise<Float32Array> {
  const kernels = getBuildKernels();
  const rotated = new Float32Array(centroids.length);
  const step = countCallRows({ numBits: 1, rotation }, dimension) * dimension;
  for (let at = 0; at < centroids.length; at += step) {
    rotated.set(kernels.rotateVectors(centroids.subarray(at, at + step), dimension, rotation), at);
    await giveWay();
  }
  return rotated;
}

/** Rows as segments without error factors have them. */
function dropErrors(rows: Uint8Array, numRows: number, { numBits }: RabitModel, dimension: number): Uint8Array {
  const { rowBytes, codeBytes } = measureRabitRow({ dimension, numBits, hasErrors: true });
  const kept = codeBytes + 8;
  const left = new Uint8Array(numRows * (rowBytes - 4));
  for (let row = 0; row < numRows; row++) {
    const from = row * rowBytes;
    left.set(rows.subarray(from, from + kept), row * (rowBytes - 4));
    left.set(rows.subarray(from + kept + 4, from + rowBytes), row * (rowBytes - 4) + kept);
  }
  return left;
}

/** One-bit rows with the factors of old releases: those of a query less the centroid. */
function toResidualRows(
  rows: Uint8Array,
  vectors: Float32Array,
  options: { readonly partitions: Uint32Array; readonly shape: PlacedShape; readonly hasErrors: boolean },
): Uint8Array {
  const { partitions, shape, hasErrors } = options;
  const { dimension } = shape.type;
  const { rowBytes, codeBytes } = measureRabitRow({ dimension, numBits: 1, hasErrors: true });
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const isDot = shape.metric === "dot";
  partitions.forEach((partition, row) => {
    let [add, centroidNorm] = [0, 0];
    for (let i = 0; i < dimension; i++) {
      const [v, c] = [vectors[row * dimension + i]!, shape.centroids[partition * dimension + i]!];
      add += isDot ? -v * c : (v - c) ** 2;
      centroidNorm += c * c;
    }
    const at = row * rowBytes + codeBytes;
    view.setFloat32(at, isDot ? 1 + add + centroidNorm : add, true);
    view.setFloat32(at + 4, (view.getFloat32(at + 4, true) * Math.sqrt(dimension)) / 2, true);
  });
  return hasErrors ? rows : dropErrors(rows, partitions.length, { numBits: 1 } as RabitModel, dimension);
}
