import { loadBuildKernels } from "../../kernels/build.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import type { ColumnSource, FamilyContext } from "../segment.ts";
import type { VectorType } from "../vector-type.ts";
import { getPartitionMetric } from "./metric.ts";
import type { IvfParams } from "./params.ts";
import { type ComparedVectors, createVectorCollector, encodeCentroids, getCompared } from "./vectors.ts";

/** What a training of partitions found. */
export interface TrainedCentroids {
  /** As files hold them, in the column's element type. */
  readonly tensor: Uint8Array;
  /** Of the last whole iteration; `null` where none ran. */
  readonly loss: number | null;
}

/** Centroids of vectors, by k-means; of bytes, by their bits. Gives way. @throws ABORTED */
export async function trainCentroids(
  vectors: ComparedVectors,
  params: IvfParams,
  { type, context }: { readonly type: VectorType; readonly context: FamilyContext },
): Promise<TrainedCentroids> {
  const { numPartitions: k, maxIterations: iterations, seed } = params;
  const { dimension } = type;
  const kernels = await loadBuildKernels();
  const giveWay = createGiveWay(context.signal);
  const metric = getPartitionMetric(params.metric);
  const training =
    vectors instanceof Uint8Array
      ? kernels.createBitKMeans({ rows: vectors, width: dimension, k, seed, iterations })
      : kernels.createKMeans({ vectors, dimension, k, metric, seed, iterations });
  try {
    let loss = Number.POSITIVE_INFINITY;
    while (!training.done) {
      const progress = training.step();
      loss = progress.loss;
      context.reportProgress?.({ phase: "train", done: progress.iteration, total: iterations, unit: "iterations" });
      await giveWay();
    }
    const centroids = training.centroids();
    const tensor = centroids instanceof Uint8Array ? centroids : encodeCentroids(centroids, type.element);
    return { tensor, loss: Number.isFinite(loss) ? loss : null };
  } finally {
    training.free();
  }
}

/** Some rows of a column, as partitions compare them: held once, and a batch beside. */
export async function sampleVectors(
  source: ColumnSource,
  numRows: number,
  options: { readonly type: VectorType; readonly params: IvfParams; readonly context: FamilyContext },
): Promise<ComparedVectors> {
  const { type, params, context } = options;
  const vectors = createVectors(type.element === "u8", numRows * type.dimension);
  let position = 0;
  if (numRows > 0) {
    const collect = createVectorCollector(type, params.metric);
    for await (const batch of source.sample(numRows, { seed: params.seed, signal: context.signal })) {
      const part = getCompared(collect(batch));
      vectors.set(part, position);
      position += part.length;
    }
  }
  return vectors.subarray(0, position);
}

/** At most `numRows` of the rows, evenly spread. The vectors themselves where all are few enough. */
export function thinRows(vectors: ComparedVectors, dimension: number, numRows: number): ComparedVectors {
  const total = vectors.length / dimension;
  if (total <= numRows) return vectors;
  const thinned = createVectors(vectors instanceof Uint8Array, numRows * dimension);
  for (let i = 0; i < numRows; i++) {
    const row = Math.floor((i * total) / numRows);
    thinned.set(vectors.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  }
  return thinned;
}

function createVectors(areBytes: boolean, length: number): ComparedVectors {
  return areBytes ? new Uint8Array(length) : new Float32Array(length);
}
