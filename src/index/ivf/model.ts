import { isLanceError, LanceError } from "../../errors.ts";
import { loadBuildKernels } from "../../kernels/build.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { decodeBase64, encodeBase64 } from "../base64.ts";
import type { ColumnSource, FamilyContext } from "../segment.ts";
import { getPartitionMetric, type Metric, parseMetric } from "./metric.ts";
import type { IvfParams } from "./params.ts";
import { collectVectors, getDimension } from "./vectors.ts";

/** What the segments of one build share: the centroids of the partitions. */
export interface IvfModel {
  readonly metric: Metric;
  readonly dimension: number;
  readonly numPartitions: number;
  /** `numPartitions` × `dimension`. */
  readonly centroids: Float32Array;
  /** Of the training's last step; `null` where none ran. */
  readonly loss: number | null;
}

const MAX_PARTITIONS = 1 << 20;
const FORMAT = "lancelet.ivf.1";
/** Of the budget, the sample may hold this share; the kernel copies it once. */
const SAMPLE_SHARE = 0.25;

/**
 * Trains centroids by k-means over a bounded sample (256 rows per partition by default).
 * The same source, parameters and seed give the same bytes on every machine.
 * @throws INVALID_ARGUMENT when there are fewer vectors than partitions asked for; ABORTED
 */
export async function trainIvf(source: ColumnSource, params: IvfParams, context: FamilyContext): Promise<IvfModel> {
  const { metric, seed } = params;
  const dimension = getDimension(source.field);
  const maxRows = Math.max(1, Math.floor((context.memoryBudgetBytes * SAMPLE_SHARE) / (4 * dimension)));
  const sampleRows = Math.min(source.numRows, params.numPartitions * params.sampleRate, maxRows);
  const vectors = await sampleVectors(source, sampleRows, params, context);
  const numVectors = vectors.length / dimension;
  if (numVectors === 0) {
    // Nothing to learn from (an empty or all-NULL column): one partition takes whatever comes later.
    return { metric, dimension, numPartitions: 1, centroids: new Float32Array(dimension), loss: null };
  }
  if (numVectors < params.numPartitions) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `cannot train ${params.numPartitions} partitions with ${numVectors} vectors: ask for at most ${numVectors}` +
        (maxRows < params.numPartitions ? ", or give a larger memoryBudgetBytes" : ""),
      { numPartitions: params.numPartitions, numVectors },
    );
  }
  const kernels = await loadBuildKernels();
  const giveWay = createGiveWay(context.signal);
  const k = params.numPartitions;
  const training = kernels.createKMeans({
    vectors,
    dimension,
    k,
    metric: getPartitionMetric(metric),
    seed,
    iterations: params.maxIterations,
  });
  try {
    let loss = Number.POSITIVE_INFINITY;
    while (!training.done) {
      const progress = training.step();
      loss = progress.loss;
      const total = params.maxIterations;
      context.reportProgress?.({ phase: "train", done: progress.iteration, total, unit: "iterations" });
      await giveWay();
    }
    const centroids = training.centroids();
    return { metric, dimension, numPartitions: k, centroids, loss: Number.isFinite(loss) ? loss : null };
  } finally {
    training.free();
  }
}

/** A model as the bytes of its file: JSON, so that the same model has the same hash everywhere. */
export function encodeModel(model: IvfModel): Uint8Array {
  const { metric, dimension, numPartitions, centroids, loss } = model;
  const bytes = new Uint8Array(centroids.buffer, centroids.byteOffset, centroids.byteLength);
  const data = { format: FORMAT, metric, dimension, numPartitions, loss, centroids: encodeBase64(bytes) };
  return new TextEncoder().encode(JSON.stringify(data));
}

/** The inverse of {@link encodeModel}. @throws CORRUPT */
export function decodeModel(bytes: Uint8Array): IvfModel {
  try {
    const data = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Record<string, unknown>;
    const { dimension, numPartitions, loss } = data as {
      dimension: number;
      numPartitions: number;
      loss: number | null;
    };
    const raw = decodeBase64(String(data.centroids), "the centroids of the model");
    const valid =
      data.format === FORMAT &&
      Number.isInteger(numPartitions) &&
      numPartitions > 0 &&
      numPartitions <= MAX_PARTITIONS &&
      Number.isInteger(dimension) &&
      raw.length === numPartitions * dimension * 4 &&
      (loss === null || typeof loss === "number");
    if (!valid) throw new Error("unexpected fields");
    return {
      metric: parseMetric(data.metric),
      dimension,
      numPartitions,
      centroids: new Float32Array(raw.buffer),
      loss,
    };
  } catch (cause) {
    if (isLanceError(cause, "CORRUPT")) throw cause;
    throw new LanceError("CORRUPT", `the trained model is no ${FORMAT} file`, { expected: FORMAT }, { cause });
  }
}

async function sampleVectors(
  source: ColumnSource,
  numRows: number,
  params: IvfParams,
  context: FamilyContext,
): Promise<Float32Array> {
  const dimension = getDimension(source.field);
  if (numRows === 0) return new Float32Array(0);
  const batches = await source.sample(numRows, { seed: params.seed, signal: context.signal });
  const parts = batches.map((batch) => collectVectors(batch, dimension, params.metric).vectors);
  const vectors = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    vectors.set(part, position);
    position += part.length;
  }
  return vectors;
}
