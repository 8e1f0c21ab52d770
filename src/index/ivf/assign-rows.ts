import type { BuildKernels } from "../../kernels/build.ts";
import type { GiveWay } from "../../tasks/give-way.ts";
import { getPartitionMetric } from "./metric.ts";
import type { PlacedShape } from "./storage/storage.ts";
import { getCompareDimension } from "./vectors.ts";

/** Multiply-adds of one kernel call: about 10 ms. */
const CALL_OPERATIONS = 4e7;
/** Below this many rows a call costs more to make than to run. */
const MIN_CALL_ROWS = 32;

/**
 * The partition of each vector, the nearest by its centroid. Gives way.
 * @param vectors in compare space
 */
export async function assignRows(
  vectors: Float32Array,
  { type, metric, centroids }: PlacedShape,
  { kernels, giveWay }: { readonly kernels: BuildKernels; readonly giveWay: GiveWay },
): Promise<Uint32Array> {
  const dimension = getCompareDimension(type);
  const partitions = new Uint32Array(vectors.length / dimension);
  const step = Math.max(MIN_CALL_ROWS, Math.floor(CALL_OPERATIONS / centroids.length));
  for (let row = 0; row < partitions.length; row += step) {
    const piece = vectors.subarray(row * dimension, (row + step) * dimension);
    const options = { vectors: piece, dimension, centroids, metric: getPartitionMetric(metric) };
    partitions.set(kernels.assignPartitions(options).partitions, row);
    await giveWay();
  }
  return partitions;
}
