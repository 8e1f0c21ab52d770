import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { checkParamNames, type IndexParams, readIntegerParam } from "../params.ts";
import { type Metric, parseMetric } from "./metric.ts";
import { getDimension } from "./vectors.ts";

/** How an IVF_FLAT segment is trained and built. */
export interface IvfParams {
  readonly metric: Metric;
  readonly numPartitions: number;
  /** Sampled rows per partition. */
  readonly sampleRate: number;
  readonly maxIterations: number;
  readonly seed: number;
}

// Native's defaults (index page, section 4): flat partitions of 4096 rows, at most 4096 of them.
const TARGET_PARTITION_SIZE = 4096;
const MAX_DEFAULT_PARTITIONS = 4096;
const MAX_PARTITIONS = 1 << 20;
const NAMES = ["metric", "numPartitions", "targetPartitionSize", "sampleRate", "maxIterations", "seed"];

/** @throws INVALID_ARGUMENT, SCHEMA_MISMATCH */
export function resolveIvfParams(field: LanceField, params: IndexParams, numRows: number): IvfParams {
  getDimension(field);
  checkParamNames("IVF_FLAT", params, NAMES);
  if (params.numPartitions !== undefined && params.targetPartitionSize !== undefined) {
    throw new LanceError("INVALID_ARGUMENT", "give numPartitions or targetPartitionSize, not both");
  }
  const size = { min: 1, max: 2 ** 31, fallback: TARGET_PARTITION_SIZE };
  const target = readIntegerParam(params, "targetPartitionSize", size);
  const recommended = Math.min(MAX_DEFAULT_PARTITIONS, Math.max(1, Math.floor(numRows / target)));
  return {
    metric: parseMetric(params.metric ?? "l2"),
    numPartitions: readIntegerParam(params, "numPartitions", { min: 1, max: MAX_PARTITIONS, fallback: recommended }),
    sampleRate: readIntegerParam(params, "sampleRate", { min: 1, max: 65536, fallback: 256 }),
    maxIterations: readIntegerParam(params, "maxIterations", { min: 1, max: 1000, fallback: 50 }),
    seed: readIntegerParam(params, "seed", { min: 0, max: 2 ** 32 - 1, fallback: 42 }),
  };
}
