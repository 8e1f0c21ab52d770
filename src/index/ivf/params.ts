import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { checkParamNames, type IndexParams, readIntegerParam } from "../params.ts";
import { checkMetric, getDefaultMetric, getVectorType } from "../vector-type.ts";
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
  const { indexType, storage } = kind;
  const type = getVectorType(field, `an ${indexType} index`);
  checkParamNames(indexType, params, [...NAMES, ...storage.paramNames]);
  const metric = params.metric === undefined ? getDefaultMetric(type) : parseMetric(params.metric);
  const own = storage.resolveParams(params, { type, metric });
  checkMetric(metric, field, type);
  if (params.numPartitions !== undefined && params.targetPartitionSize !== undefined) {
    throw new LanceError("INVALID_ARGUMENT", "give numPartitions or targetPartitionSize, not both");
  }
  const size = { min: 1, max: 2 ** 31, fallback: storage.targetPartitionSize };
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
    ...own,
  };
}
