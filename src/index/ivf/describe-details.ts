import { fromBinary } from "@bufbuild/protobuf";
import { type VectorIndexDetails, VectorIndexDetailsSchema } from "../../proto/gen/lance/index_pb.ts";
import { findMetric } from "./metric.ts";

const COMPRESSIONS = { flat: "FLAT", pq: "PQ", sq: "SQ", rq: "RQ" } as const;

/** Whether the details of a vector index are those of an index type. Empty details are those of IVF_FLAT. */
export function isVectorIndex(details: Uint8Array, indexType: string): boolean {
  const parsed = parseDetails(details);
  return parsed !== undefined && findMetric(parsed.metricType) !== undefined && nameVectorIndex(details) === indexType;
}

/** As native names it: `IVF_PQ`, `IVF_HNSW_SQ`, … */
export function nameVectorIndex(details: Uint8Array): string {
  const parsed = parseDetails(details);
  if (!parsed) return "Vector";
  return `IVF_${parsed.hnswIndexConfig ? "HNSW_" : ""}${COMPRESSIONS[parsed.compression.case ?? "flat"]}`;
}

/** `l2`, `cosine`, `dot` or `hamming`; `null` for details that do not parse. */
export function nameMetric(details: Uint8Array): string | null {
  const parsed = parseDetails(details);
  return parsed ? (findMetric(parsed.metricType) ?? null) : null;
}

function parseDetails(details: Uint8Array): VectorIndexDetails | undefined {
  try {
    return fromBinary(VectorIndexDetailsSchema, details);
  } catch {
    return undefined;
  }
}
