import { isLanceError, LanceError } from "../../errors.ts";
import { loadBuildKernels } from "../../kernels/build.ts";
import { elementBytes, listMetrics, type VectorElement } from "../../kernels/element.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { decodeBase64, encodeBase64 } from "../base64.ts";
import type { ColumnSource, FamilyContext } from "../segment.ts";
import type { VectorType } from "../vector-type.ts";
import type { GivenModel } from "./given-model.ts";
import { getPartitionMetric, type Metric, parseMetric } from "./metric.ts";
import type { IvfParams } from "./params.ts";
import type { StorageKind, StorageModel } from "./storage/storage.ts";
import { collectVectors, decodeCentroids, encodeCentroids, getCompareDimension } from "./vectors.ts";

/** What the segments of one build share: the centroids of the partitions, and what their storage learned. */
export interface IvfModel {
  readonly metric: Metric;
  readonly type: VectorType;
  readonly numPartitions: number;
  /** In compare space: `numPartitions` × `getCompareDimension(type)`. */
  readonly centroids: Float32Array;
  /** The same as files hold them: `numPartitions` × `dimension` values of the column's element type. */
  readonly tensor: Uint8Array;
  /** Of the training's last step; `null` where none ran. */
  readonly loss: number | null;
  readonly storage: StorageModel;
}

const MAX_PARTITIONS = 1 << 20;
const ELEMENTS: readonly VectorElement[] = ["f16", "f32", "f64", "u8"];
const FORMAT = "lancelet.ivf.1";
/** Of the budget, the sample may hold this share; the kernel copies it once. */
const SAMPLE_SHARE = 0.25;

/**
 * Trains centroids by k-means over a bounded sample (256 rows per partition by default).
 * The same source, parameters and seed give the same bytes on every machine.
 * @param options.given what need not be trained
 * @throws INVALID_ARGUMENT when there are fewer vectors than partitions asked for; ABORTED
 */
export async function trainIvf(
  source: ColumnSource,
  params: IvfParams,
  options: {
    readonly type: VectorType;
    readonly storage: StorageKind;
    readonly given?: GivenModel | undefined;
    readonly context: FamilyContext;
  },
): Promise<IvfModel> {
  const { type, storage: kind, given, context } = options;
  const { metric } = params;
  const dimension = getCompareDimension(type);
  const maxRows = Math.max(1, Math.floor((context.memoryBudgetBytes * SAMPLE_SHARE) / (4 * dimension)));
  const partitionRows = given ? 0 : params.numPartitions * params.sampleRate;
  const sampleRows = Math.min(source.numRows, maxRows, Math.max(partitionRows, kind.countSampleRows({ ...params })));
  const sample = await sampleVectors(source, sampleRows, { type, params, context });
  const learn = async (): Promise<{ tensor: Uint8Array; loss: number | null }> => {
    const vectors = thinRows(sample, dimension, partitionRows);
    if (vectors.length > 0) checkVectorCount(vectors.length / dimension, params.numPartitions, maxRows);
    const { centroids, loss } =
      // Nothing to learn from (an empty or all-NULL column): one partition takes whatever comes later.
      vectors.length === 0
        ? { centroids: new Float32Array(dimension), loss: null }
        : await trainCentroids(vectors, params, { dimension, context });
    return { tensor: encodeCentroids(centroids, type.element), loss };
  };
  const { tensor, loss } = given ? { tensor: given.tensor, loss: null } : await learn();
  const centroids = decodeCentroids(tensor, type);
  const shape = { type, metric, centroids };
  const wanted = { ...params, ...(given?.codebook ? { pqCodebook: given.codebook } : {}) };
  const storage = await kind.train(sample, wanted, { shape, context });
  return { ...shape, numPartitions: centroids.length / dimension, tensor, loss, storage };
}

function checkVectorCount(numVectors: number, numPartitions: number, maxRows: number): void {
  if (numVectors >= numPartitions) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `cannot train ${numPartitions} partitions with ${numVectors} vectors: ask for at most ${numVectors}` +
      (maxRows < numPartitions ? ", or give a larger memoryBudgetBytes" : ""),
    { numPartitions, numVectors },
  );
}

async function trainCentroids(
  vectors: Float32Array,
  params: IvfParams,
  options: { readonly dimension: number; readonly context: FamilyContext },
): Promise<{ centroids: Float32Array; loss: number | null }> {
  const { dimension, context } = options;
  const { numPartitions: k, maxIterations: iterations, seed } = params;
  const kernels = await loadBuildKernels();
  const giveWay = createGiveWay(context.signal);
  const metric = getPartitionMetric(params.metric);
  const training = kernels.createKMeans({ vectors, dimension, k, metric, seed, iterations });
  try {
    let loss = Number.POSITIVE_INFINITY;
    while (!training.done) {
      const progress = training.step();
      loss = progress.loss;
      context.reportProgress?.({ phase: "train", done: progress.iteration, total: iterations, unit: "iterations" });
      await giveWay();
    }
    return { centroids: training.centroids(), loss: Number.isFinite(loss) ? loss : null };
  } finally {
    training.free();
  }
}

/** A model as the bytes of its file: JSON, so that the same model has the same hash everywhere. */
export function encodeModel(model: IvfModel): Uint8Array {
  const { metric, type, numPartitions, tensor, loss, storage } = model;
  const { element, dimension } = type;
  const data = {
    format: FORMAT,
    metric,
    // Absent: 32-bit floats, and a storage that learned nothing.
    ...(element === "f32" ? {} : { element }),
    dimension,
    numPartitions,
    loss,
    centroids: encodeBase64(tensor),
    ...(storage === null ? {} : { storage }),
  };
  return new TextEncoder().encode(JSON.stringify(data));
}

/** The inverse of {@link encodeModel}. @throws CORRUPT */
export function decodeModel(bytes: Uint8Array): IvfModel {
  try {
    const data = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Record<string, unknown>;
    const { dimension, numPartitions, loss, element, storage } = {
      element: "f32",
      storage: null,
      ...data,
    } as unknown as {
      dimension: number;
      numPartitions: number;
      loss: number | null;
      element: VectorElement;
      storage: StorageModel;
    };
    const metric = parseMetric(data.metric);
    const tensor = decodeBase64(String(data.centroids), "the centroids of the model");
    const valid =
      data.format === FORMAT &&
      Number.isInteger(numPartitions) &&
      numPartitions > 0 &&
      numPartitions <= MAX_PARTITIONS &&
      Number.isInteger(dimension) &&
      (ELEMENTS as readonly string[]).includes(element) &&
      typeof storage === "object" &&
      listMetrics(element).includes(metric) &&
      tensor.length === numPartitions * dimension * elementBytes(element) &&
      (loss === null || typeof loss === "number");
    if (!valid) throw new Error("unexpected fields");
    const type = { element, dimension };
    const centroids = decodeCentroids(tensor, type);
    return { metric, type, numPartitions, centroids, tensor, loss, storage };
  } catch (cause) {
    if (isLanceError(cause, "CORRUPT")) throw cause;
    throw new LanceError("CORRUPT", `the trained model is no ${FORMAT} file`, { expected: FORMAT }, { cause });
  }
}

async function sampleVectors(
  source: ColumnSource,
  numRows: number,
  options: { readonly type: VectorType; readonly params: IvfParams; readonly context: FamilyContext },
): Promise<Float32Array> {
  const { type, params, context } = options;
  if (numRows === 0) return new Float32Array(0);
  const batches = await source.sample(numRows, { seed: params.seed, signal: context.signal });
  const parts = batches.map((batch) => collectVectors(batch, type, params.metric).vectors);
  const vectors = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    vectors.set(part, position);
    position += part.length;
  }
  return vectors;
}

/** At most `numRows` of the rows, evenly spread. A view where all are few enough. */
function thinRows(vectors: Float32Array, dimension: number, numRows: number): Float32Array {
  const total = vectors.length / dimension;
  if (total <= numRows) return vectors;
  const thinned = new Float32Array(numRows * dimension);
  for (let i = 0; i < numRows; i++) {
    const row = Math.floor((i * total) / numRows);
    thinned.set(vectors.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  }
  return thinned;
}
