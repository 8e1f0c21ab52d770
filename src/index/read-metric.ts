import type { Snapshot } from "../table/snapshot.ts";
import { decodeBase64 } from "./base64.ts";
import { findFieldById } from "./fields.ts";
import { locateSegment } from "./open-segment.ts";
import { loadKind } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";

/**
 * The metric a segment was built for: `l2`, `cosine`, `dot` or `hamming`. Its details say it; where they are empty, which
 * is legal, its own files do (one or two tails are read). Also for vector indexes this version cannot search.
 * @returns `null` for an index without a metric, or when nothing tells
 * @throws CORRUPT, UNSUPPORTED (files in a base that cannot be reached), IO, ABORTED
 */
export async function readIndexMetric(
  snapshot: Snapshot,
  segment: IndexSegment,
  signal?: AbortSignal,
): Promise<string | null> {
  const { typeUrl, value } = segment.indexDetails;
  const kind = await loadKind(typeUrl);
  if (!kind) return null;
  const details = decodeBase64(value, "indexDetails.value");
  const named = kind.nameMetric(details);
  if (named !== null || !isLocated(snapshot, segment)) return named;
  return kind.readMetric(locateSegment(snapshot, segment), signal);
}

/** An index of several fields, or on a column that is gone, is none this version opens. */
function isLocated(snapshot: Snapshot, segment: IndexSegment): boolean {
  const [fieldId, ...more] = segment.fields;
  return fieldId !== undefined && more.length === 0 && findFieldById(snapshot.schema.fields, fieldId) !== undefined;
}
