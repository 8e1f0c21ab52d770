import type { CoreKernels } from "../../kernels/core.ts";
import { halvesOf } from "../../table/row-ids/row-addresses.ts";
import type { CachedPart, Parts } from "../part-cache.ts";
import { getPartitionMetric } from "./metric.ts";
import type { IvfModel } from "./model.ts";
import type { StoredSlice } from "./storage/storage.ts";
import { getCompareDimension } from "./vectors.ts";

/** Partitions by distance of their centroids to a query, nearest first; equal ones by number. */
export interface RankedPartitions {
  readonly partitions: Uint32Array;
  readonly distances: Float32Array;
}

type CentroidPart = CachedPart & Pick<StoredSlice, "values" | "rowIds">;

/**
 * Ranks partitions for queries. Centroids lie in WASM memory between queries, as a part among those of `parts`.
 * @param key of that part
 */
export function createRanking(
  core: CoreKernels,
  { type, metric, centroids, numPartitions }: IvfModel,
  { parts, key }: { readonly parts: Parts; readonly key: string },
): (compare: Float32Array) => Promise<RankedPartitions> {
  const dimension = getCompareDimension(type);
  const load = async (): Promise<CentroidPart> => {
    const values = core.allocate(centroids.byteLength);
    const rowIds = core.allocate(numPartitions * 8);
    values.bytes().set(new Uint8Array(centroids.buffer, centroids.byteOffset, centroids.byteLength));
    const { buffer, byteOffset } = rowIds.bytes();
    const halves = new Uint32Array(buffer, byteOffset, numPartitions * 2);
    for (let i = 0; i < numPartitions; i++) halves[2 * i] = i;
    const free = () => {
      values.free();
      rowIds.free();
    };
    return { values, rowIds, byteLength: values.byteLength + rowIds.byteLength, free };
  };
  return async (query) => {
    const lease = await parts.lease(key, load);
    const topK = core.createTopK(numPartitions);
    try {
      const { values: vectors, rowIds } = lease.part;
      topK.scanFlat({ metric: getPartitionMetric(metric), query, vectors, rowIds, numRows: numPartitions, dimension });
      return complete(topK.finish(), numPartitions);
    } finally {
      topK.free();
      lease.release();
    }
  };
}

/** Partitions without a distance, whose centroids are not finite, come last. */
function complete(
  found: { readonly rowIds: BigUint64Array; readonly distances: Float32Array },
  numPartitions: number,
): RankedPartitions {
  const count = found.distances.length;
  const halves = halvesOf(found.rowIds);
  const partitions = Uint32Array.from({ length: numPartitions }, (_, i) => i);
  const distances = new Float32Array(numPartitions).fill(Number.NaN);
  distances.set(found.distances);
  for (let i = 0; i < count; i++) partitions[i] = halves[2 * i]!;
  if (count < numPartitions) {
    const ranked = new Set(partitions.subarray(0, count));
    let at = count;
    for (let i = 0; i < numPartitions; i++) if (!ranked.has(i)) partitions[at++] = i;
  }
  return { partitions, distances };
}
