import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { elementBytes } from "../../kernels/element.ts";
import { checkParamNames, type IndexParams, readIntegerParam } from "../params.ts";
import type { FamilyContext } from "../segment.ts";
import { checkMetric, getDefaultMetric, getVectorType, type VectorType } from "../vector-type.ts";
import type { IvfKind } from "./kind.ts";
import { type Metric, parseMetric } from "./metric.ts";

/** How a segment is trained and built; beside these, the parameters of its storage. */
export interface IvfParams {
  readonly metric: Metric;
  readonly numPartitions: number;
  /** Whether it was asked for, or follows from the rows. */
  readonly fixesPartitions: boolean;
  /** Rows a partition should have, where that was asked for. */
  readonly targetPartitionSize: number | null;
  /** Sampled rows per partition. */
  readonly sampleRate: number;
  readonly maxIterations: number;
  readonly seed: number;
}

// Native's default (index page, section 4).
const MAX_DEFAULT_PARTITIONS = 4096;
const MAX_PARTITIONS = 1 << 20;
const NAMES = ["metric", "numPartitions", "targetPartitionSize", "sampleRate", "maxIterations", "seed"];

/** @throws INVALID_ARGUMENT, SCHEMA_MISMATCH */
export function resolveIvfParams(
  kind: IvfKind,
  field: LanceField,
  options: { readonly params: IndexParams; readonly numRows: number },
): IvfParams {
  const { params, numRows } = options;
  const { indexType, subIndex, storage } = kind;
  const type = getVectorType(field, `an ${indexType} index`);
  // Centroids are taken out before: here they are listed, and refused where something still holds them.
  const given = params.ivfCentroids === undefined ? ["ivfCentroids"] : [];
  checkParamNames(indexType, params, [...NAMES, ...given, ...subIndex.paramNames, ...storage.paramNames]);
  const metric = params.metric === undefined ? getDefaultMetric(type) : parseMetric(params.metric);
  const own = storage.resolveParams(params, { type, metric });
  checkMetric(metric, field, type);
  if (params.numPartitions !== undefined && params.targetPartitionSize !== undefined) {
    throw new LanceError("INVALID_ARGUMENT", "give numPartitions or targetPartitionSize, not both");
  }
  const size = { min: 1, max: 2 ** 31, fallback: subIndex.targetPartitionSize ?? storage.targetPartitionSize };
  const target = readIntegerParam(params, "targetPartitionSize", size);
  const recommended = Math.min(MAX_DEFAULT_PARTITIONS, Math.max(1, Math.floor(numRows / target)));
  return {
    metric,
    fixesPartitions: params.numPartitions !== undefined,
    targetPartitionSize: params.targetPartitionSize === undefined ? null : target,
    numPartitions: readIntegerParam(params, "numPartitions", { min: 1, max: MAX_PARTITIONS, fallback: recommended }),
    sampleRate: readIntegerParam(params, "sampleRate", { min: 1, max: 65536, fallback: 256 }),
    maxIterations: readIntegerParam(params, "maxIterations", { min: 1, max: 1000, fallback: 50 }),
    seed: readIntegerParam(params, "seed", { min: 0, max: 2 ** 32 - 1, fallback: 42 }),
    ...subIndex.resolveParams(params),
    ...own,
  };
}

/** Of the budget, building over one partition may take this share: partitions differ in size. */
const PARTITION_SHARE = 0.5;

/** As many partitions as a budget needs to build over each, where it was left open how many. */
export function fitPartitions(
  { subIndex }: IvfKind,
  params: IvfParams,
  options: { readonly type: VectorType; readonly numRows: number; readonly context: FamilyContext },
): IvfParams {
  const { type, numRows, context } = options;
  const buildBytes = subIndex.countBuildBytes({ ...params });
  if (buildBytes === 0 || params.fixesPartitions || params.targetPartitionSize !== null) return params;
  // A row is held as it is stored and as it is compared.
  const rowBytes = 8 + type.dimension * 2 * elementBytes(type.element) + buildBytes;
  const needed = Math.ceil((numRows * rowBytes) / Math.max(1, context.memoryBudgetBytes * PARTITION_SHARE));
  const numPartitions = Math.min(MAX_DEFAULT_PARTITIONS, Math.max(params.numPartitions, needed));
  return { ...params, numPartitions: Math.max(1, Math.min(numPartitions, numRows)) };
}
