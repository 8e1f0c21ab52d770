import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type VectorIndexDetails, VectorIndexDetailsSchema } from "../../proto/gen/lance/index_pb.ts";
import type { IndexParams } from "../params.ts";
import type { IvfKind } from "./kind.ts";
import { findMetric, getMetricNumber } from "./metric.ts";
import type { IvfParams } from "./params.ts";

/** Hints of a build: parameters by the names they have there. All but the last are native's. */
const HINTS = {
  sampleRate: "lance.ivf.sample_rate",
  maxIterations: "lance.ivf.max_iters",
  // Native has no place for it, and keeps hints it does not know.
  numPartitions: "lancelet.ivf.num_partitions",
} as const;

/** The message that describes an index built with some parameters, or to be built once there are rows. */
export function encodeDetails({ subIndex, storage }: IvfKind, params: IvfParams): Uint8Array {
  const { metric, targetPartitionSize, fixesPartitions } = params;
  const runtimeHints: Record<string, string> = {};
  for (const [name, hint] of Object.entries(HINTS) as [keyof typeof HINTS, string][]) {
    if (name !== "numPartitions" || fixesPartitions) runtimeHints[hint] = String(params[name]);
  }
  const hnswIndexConfig = subIndex.encodeDetails({ ...params });
  const message = create(VectorIndexDetailsSchema, {
    metricType: getMetricNumber(metric),
    targetPartitionSize: BigInt(targetPartitionSize ?? 0),
    ...(hnswIndexConfig ? { hnswIndexConfig } : {}),
    compression: storage.encodeDetails({ ...params }),
    runtimeHints,
  });
  return toBinary(VectorIndexDetailsSchema, message);
}

/** What details say, in native's words. @throws CORRUPT */
export function decodeDetails(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  // Empty details are legal for any family: then the files alone say the metric.
  if (bytes.length === 0) return {};
  const details = parseDetails(bytes);
  const { compression, hnswIndexConfig: hnsw, runtimeHints } = details;
  const targetPartitionSize = Number(details.targetPartitionSize);
  const { $typeName: _, ...quantizer } = nameRotation((compression.value ?? {}) as IndexParams);
  return {
    metric: findMetric(details.metricType) ?? "unknown",
    ...(targetPartitionSize > 0 ? { targetPartitionSize } : {}),
    ...(hnsw ? { hnsw: { maxConnections: hnsw.maxConnections, constructionEf: hnsw.constructionEf } } : {}),
    ...(compression.case === undefined || compression.case === "flat"
      ? {}
      : { compression: { type: compression.case, ...quantizer } }),
    ...(Object.keys(runtimeHints).length > 0 ? { runtimeHints } : {}),
  };
}

/** The parameters details tell of, as users give them. @throws CORRUPT */
export function readDetailParams(kind: IvfKind, bytes: Uint8Array): IndexParams {
  if (bytes.length === 0) return {};
  const { metricType, targetPartitionSize, runtimeHints, compression, hnswIndexConfig: hnsw } = parseDetails(bytes);
  const hinted = Object.entries(HINTS).flatMap(([name, hint]) => {
    const value = Number(runtimeHints[hint]);
    return Number.isSafeInteger(value) && value > 0 ? [[name, value] as const] : [];
  });
  // Scalar codes are bytes, whatever bits are told.
  const told = compression.case === "sq" ? undefined : compression.value;
  const quantizer = nameRotation((told ?? {}) as unknown as IndexParams);
  const graph: IndexParams = hnsw
    ? { m: hnsw.maxConnections, efConstruction: hnsw.constructionEf, maxLevel: hnsw.maxLevel }
    : {};
  const own = [...kind.subIndex.paramNames, ...kind.storage.paramNames];
  // What native leaves at 0 is not said.
  const known = Object.entries({ ...quantizer, ...graph }).filter(([name, value]) => own.includes(name) && value !== 0);
  const metric = findMetric(metricType);
  const { numPartitions, ...rest } = Object.fromEntries(hinted) as { numPartitions?: number };
  return {
    ...(metric ? { metric } : {}),
    ...(targetPartitionSize > 0n ? { targetPartitionSize: Number(targetPartitionSize) } : {}),
    ...(numPartitions !== undefined && targetPartitionSize === 0n ? { numPartitions } : {}),
    ...rest,
    ...Object.fromEntries(known),
  };
}

/** A rotation by its name, as users give it. */
function nameRotation({ rotationType, ...rest }: IndexParams): IndexParams {
  if (rotationType === undefined) return rest;
  return { ...rest, rotationType: rotationType === 1 ? "matrix" : "fast" };
}

function parseDetails(bytes: Uint8Array): VectorIndexDetails {
  try {
    return fromBinary(VectorIndexDetailsSchema, bytes);
  } catch (cause) {
    throw new LanceError("CORRUPT", "the details of a vector index do not parse", {}, { cause });
  }
}
