import type { Snapshot } from "../table/snapshot.ts";
import { decodeBase64 } from "./base64.ts";
import { locateSegment } from "./open-segment.ts";
import { loadKind } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";

/**
 * The metric a segment was built for: `l2`, `cosine`, `dot` or `hamming`. Its details say it; where they are empty, which
 * is legal, its own files do (one or two tails are read). Also for vector indexes this version cannot search.
 * @returns `null` for an index without a metric, or when nothing tells
 * @throws CORRUPT, SCHEMA_MISMATCH, IO, ABORTED
 */
export async function readIndexMetric(
  snapshot: Snapshot,
  segment: IndexSegment,
  signal?: AbortSignal,
): Promise<string | null> {
  const { typeUrl, value } = segment.indexDetails;
  const kind = await loadKind(typeUrl);
  if (!kind) return null;
  return kind.readMetric(locateSegment(snapshot, segment), decodeBase64(value, "indexDetails.value"), signal);
}
