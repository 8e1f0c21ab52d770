import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type VectorIndexDetails, VectorIndexDetailsSchema } from "../../proto/gen/lance/index_pb.ts";
import { findMetric, getMetricNumber, type Metric } from "./metric.ts";

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

/**
 * The details of an index by what its files say of it, where it has none of its own: older releases wrote such.
 * @param files.type as files name it: `IVF_HNSW_SQ`
 * @param files.storage what its storage says of itself
 * @returns `null` for what is no vector index
 */
export function describeFiles(files: {
  readonly type: unknown;
  readonly metric: unknown;
  readonly storage: Readonly<Record<string, unknown>>;
}): Uint8Array | null {
  const { type, metric, storage } = files;
  const [, graph, name] = /^IVF_(HNSW_)?(FLAT|PQ|SQ|RQ)$/.exec(String(type)) ?? [];
  const metricType = getMetricNumber(String(metric).toLowerCase() as Metric);
  if (name === undefined || metricType < 0) return null;
  const numBits = toCount(storage.nbits ?? storage.num_bits);
  const numSubVectors = toCount(storage.num_sub_vectors);
  const compression = {
    FLAT: { case: "flat", value: {} },
    PQ: { case: "pq", value: { numBits, numSubVectors } },
    SQ: { case: "sq", value: { numBits } },
    RQ: { case: "rq", value: { numBits, rotationType: storage.rotation_type === "matrix" ? 1 : 0 } },
  }[name as "FLAT" | "PQ" | "SQ" | "RQ"] as VectorIndexDetails["compression"];
  const hnsw = graph === undefined ? {} : { hnswIndexConfig: {} as never };
  return toBinary(VectorIndexDetailsSchema, create(VectorIndexDetailsSchema, { metricType, compression, ...hnsw }));
}

function toCount(value: unknown): number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 2 ** 31 ? value : 0;
}

function parseDetails(details: Uint8Array): VectorIndexDetails | undefined {
  try {
    return fromBinary(VectorIndexDetailsSchema, details);
  } catch {
    return undefined;
  }
}
