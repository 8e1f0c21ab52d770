import { fromBinary } from "@bufbuild/protobuf";
import { type VectorIndexDetails, VectorIndexDetailsSchema } from "../../proto/gen/lance/index_pb.ts";
import { findMetric } from "./metric.ts";

const COMPRESSIONS = { flat: "FLAT", pq: "PQ", sq: "SQ", rq: "RQ" } as const;

/** Whether the details of a vector index are those of IVF_FLAT over floats. Empty details are judged by the files. */
export function isIvfFlat(details: Uint8Array): boolean {
  const parsed = parseDetails(details);
  if (!parsed || parsed.hnswIndexConfig || findMetric(parsed.metricType) === undefined) return false;
  return parsed.compression.case === undefined || parsed.compression.case === "flat";
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
  return parsed ? (findMetric(parsed.metricType) ?? "hamming") : null;
}

function parseDetails(details: Uint8Array): VectorIndexDetails | undefined {
  try {
    return fromBinary(VectorIndexDetailsSchema, details);
  } catch {
    return undefined;
  }
}
