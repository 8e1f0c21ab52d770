import { POOL_OPTIONS, type PoolOptions } from "../index/build.ts";
import type { CreateIndexOptions as InnerOptions } from "../index/create-index.ts";
import { checkIsOptions, type GivenVectors } from "../index/params.ts";
import type { PlanTasksOptions } from "../index/plan-tasks.ts";
import type { TrainedModel } from "../index/segment.ts";

/** Parameters of an index type, beside what every build takes. Which there are depends on the type. */
interface IndexParameters {
  /** Vectors: `l2` (default), `cosine` or `dot`; of bytes `hamming`. */
  readonly metric?: string | undefined;
  /** Vectors: partitions of the IVF. Default: one per 4,096 rows; 8,192 of SQ and PQ; 1,048,576 of HNSW. */
  readonly numPartitions?: number | undefined;
  /** Vectors: rows a partition should have, instead of `numPartitions`. */
  readonly targetPartitionSize?: number | undefined;
  /** Vectors: rows sampled per partition to train on. Default 256. */
  readonly sampleRate?: number | undefined;
  /** Vectors: k-means iterations at most. Default 50. */
  readonly maxIterations?: number | undefined;
  /** Vectors: seed of the training sample and the first centroids. Default 42. */
  readonly seed?: number | undefined;
  /** Bits of a code: 8 of SQ; 8 or 4 of PQ; 1 to 9 of RQ. */
  readonly numBits?: number | undefined;
  /** PQ: parts a vector is coded in, each by itself. Default: one for every 16 values, or for every 8. */
  readonly numSubVectors?: number | undefined;
  /** HNSW: neighbours of a row; twice as many on the lowest level. Default 20. */
  readonly m?: number | undefined;
  /** HNSW: rows kept in view while neighbours are looked for. Default 150. */
  readonly efConstruction?: number | undefined;
  /** HNSW: levels of a graph at most. Default 7. */
  readonly maxLevel?: number | undefined;
  /** RQ: how vectors are rotated before they are coded: `fast` (default) or `matrix`. */
  readonly rotationType?: string | undefined;
  /** RQ: a rotation of native's `build_rq_model`, as its JSON. Default: the seed decides. */
  readonly rabitqModel?: string | undefined;
  /**
   * Vectors: centroids of the partitions, which are then not trained: an array of vectors, an Arrow vector of fixed-size
   * lists, or a typed array of all their values. For cosine of unit length. Not for tasks: those take a model.
   */
  readonly ivfCentroids?: GivenVectors | undefined;
  /**
   * PQ, beside `ivfCentroids`: the codewords of the first part, then of the second, and so on; each of as many values as
   * a part has. As `ivfCentroids`, or as an array for each part.
   */
  readonly pqCodebook?: GivenVectors | readonly GivenVectors[] | undefined;
  /** B-tree: rows of one page. Default 4,096. */
  readonly zoneSize?: number | undefined;
}

/** How `createIndex` and `createScalarIndex` make an index. */
export interface CreateIndexOptions extends Omit<InnerOptions, "params">, IndexParameters {}

/** How one segment is built, uncommitted. */
export interface CreateIndexUncommittedOptions extends PoolOptions, IndexParameters {
  /** Name the segment is meant for. Default `{column}_idx`. */
  readonly name?: string | undefined;
  /** Fragments whose rows it holds. */
  readonly fragmentIds: readonly number[];
  /** What the segments share, from `trainIndexModel`; absent: this one learns for itself. */
  readonly model?: TrainedModel | null | undefined;
}

/** How a distributed build is planned. */
export interface PlanIndexBuildOptions extends Omit<PlanTasksOptions, "params">, IndexParameters {}

const POOL: readonly string[] = ["name", "fragmentIds", ...POOL_OPTIONS];

/** Names that are not parameters of the index type, by call. Every other one is, and the type refuses those it lacks. */
const CONTROL = {
  createIndex: new Set([...POOL, "replace", "train", "numWorkers", "maxAttempts"]),
  planIndexBuild: new Set(["name", "fragmentIds", "memoryBudgetBytes", "model", "numWorkers"]),
  trainIndexModel: new Set(POOL),
  createIndexUncommitted: new Set([...POOL, "model"]),
} as const;

/**
 * Splits one flat object into what the call takes and the parameters of the index type.
 * @throws INVALID_ARGUMENT for what is no object
 */
export function splitIndexOptions<T extends object>(
  options: T,
  call: keyof typeof CONTROL,
): { readonly control: T; readonly params: Readonly<Record<string, unknown>> } {
  checkIsOptions(call, options);
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return {
    control: Object.fromEntries(entries.filter(([key]) => CONTROL[call].has(key))) as T,
    params: Object.fromEntries(entries.filter(([key]) => !CONTROL[call].has(key))),
  };
}
