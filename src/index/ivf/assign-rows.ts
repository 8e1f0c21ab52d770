import type { BuildKernels } from "../../kernels/build.ts";
import type { GiveWay } from "../../tasks/give-way.ts";
import { getPartitionMetric } from "./metric.ts";
import type { PlacedShape } from "./storage/storage.ts";
import { type ComparedVectors, encodeCentroids } from "./vectors.ts";

/** Multiply-adds of one kernel call: about 5 ms. */
const CALL_OPERATIONS = 4e7;
/** Below this many rows a call costs more to make than to run. */
const MIN_CALL_ROWS = 32;

/**
 * The partition of each vector, the nearest by its centroid. Gives way.
 * @param vectors as `getCompared` gives them
 */
export async function assignRows(
  vectors: ComparedVectors,
  { type, metric, centroids }: PlacedShape,
  { kernels, giveWay }: { readonly kernels: BuildKernels; readonly giveWay: GiveWay },
): Promise<Uint32Array> {
  const { dimension } = type;
  const partitions = new Uint32Array(vectors.length / dimension);
  const step = Math.max(MIN_CALL_ROWS, Math.floor(CALL_OPERATIONS / centroids.length));
  const bits = vectors instanceof Uint8Array ? encodeCentroids(centroids, "u8") : undefined;
  for (let row = 0; row < partitions.length; row += step) {
    const piece = vectors.subarray(row * dimension, (row + step) * dimension);
    const found =
      piece instanceof Uint8Array
        ? kernels.assignBits({ rows: piece, width: dimension, centroids: bits! })
        : kernels.assignPartitions({ vectors: piece, dimension, centroids, metric: getPartitionMetric(metric) })
            .partitions;
    partitions.set(found, row);
    await giveWay();
  }
  return partitions;
}
