import { isLanceError, LanceError } from "../../errors.ts";
import { elementBytes, listMetrics, type VectorElement } from "../../kernels/element.ts";
import { decodeBase64, encodeBase64 } from "../base64.ts";
import type { ColumnSource, FamilyContext } from "../segment.ts";
import type { VectorType } from "../vector-type.ts";
import type { GivenModel } from "./given-model.ts";
import { type Metric, parseMetric } from "./metric.ts";
import type { IvfParams } from "./params.ts";
import type { StorageKind, StorageModel } from "./storage/storage.ts";
import { sampleVectors, type TrainedCentroids, thinRows, trainCentroids } from "./train-centroids.ts";
import { decodeCentroids, getComparedBytes } from "./vectors.ts";

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
  const maxRows = Math.max(1, Math.floor((context.memoryBudgetBytes * SAMPLE_SHARE) / getComparedBytes(type)));
  const partitionRows = given ? 0 : params.numPartitions * params.sampleRate;
  const sampleRows = Math.min(source.numRows, maxRows, Math.max(partitionRows, kind.countSampleRows({ ...params })));
  const sample = await sampleVectors(source, sampleRows, { type, params, context });
  const learn = async (): Promise<TrainedCentroids> => {
    const vectors = thinRows(sample, type.dimension, partitionRows);
    // Nothing to learn from (an empty or all-NULL column): one partition takes whatever comes later.
    if (vectors.length === 0) return { tensor: new Uint8Array(getTensorBytes(type)), loss: null };
    checkVectorCount(vectors.length / type.dimension, params.numPartitions, maxRows);
    return trainCentroids(vectors, params, { type, context });
  };
  const { tensor, loss } = given ? { tensor: given.tensor, loss: null } : await learn();
  const centroids = decodeCentroids(tensor, type);
  const shape = { type, metric, centroids };
  const wanted = { ...params, ...(given?.codebook ? { pqCodebook: given.codebook } : {}) };
  // Storages of bytes learn nothing.
  const learned = sample instanceof Float32Array ? sample : new Float32Array(0);
  const storage = await kind.train(learned, wanted, { shape, context });
  return { ...shape, numPartitions: tensor.length / getTensorBytes(type), tensor, loss, storage };
}

/** Bytes of one centroid in a tensor. */
function getTensorBytes({ element, dimension }: VectorType): number {
  return dimension * elementBytes(element);
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
