import { isLanceError } from "../../errors.ts";
import { openLanceFile } from "../../format/read/file.ts";
import { isRecord } from "../../is-record.ts";
import type { IndexKind, OpenSegment } from "../segment.ts";
import { getSegmentFile } from "../segment-path.ts";
import { describeFiles, nameMetric, nameVectorIndex } from "./describe-details.ts";
import { AUXILIARY_FILE, DISTANCE_KEY, INDEX_FILE, INDEX_KEY, STORAGE_KEY, VECTOR_DETAILS } from "./ivf-files.ts";

/** Vector indexes of every sub-index and quantizer, those this version cannot search too. */
export const vectorKind: IndexKind = {
  nameIndex: nameVectorIndex,

  // Empty details are legal for any family, and read as l2 when parsed: then the files alone say the metric.
  nameMetric: (details) => (details.length > 0 ? nameMetric(details) : null),

  async readMetric(open, signal) {
    const index = await readMetadata(open, INDEX_FILE, signal);
    const metric = readDistance(index[INDEX_KEY]) ?? (await readMetadata(open, AUXILIARY_FILE, signal))[DISTANCE_KEY];
    return metric?.toLowerCase() ?? null;
  },

  async readDetails(open, signal) {
    const index = parseRecord((await readMetadata(open, INDEX_FILE, signal))[INDEX_KEY]);
    const [storage] = parseList((await readMetadata(open, AUXILIARY_FILE, signal))[STORAGE_KEY]);
    const value = describeFiles({ type: index.type, metric: index.distance_type, storage: parseRecord(storage) });
    return value && { typeUrl: VECTOR_DETAILS, value };
  },
};

/** Metadata of one file of a segment; none where it is missing (an empty index has no files) or of an older format. */
async function readMetadata(
  open: OpenSegment,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, string>>> {
  const { path, sizeBytes } = getSegmentFile(open, name);
  try {
    const file = await openLanceFile(open.store, path, { sizeBytes, signal });
    try {
      return file.metadata;
    } finally {
      file.close();
    }
  } catch (error) {
    if (isLanceError(error, "NOT_FOUND") || isLanceError(error, "UNSUPPORTED")) return {};
    throw error;
  }
}

function readDistance(kind: string | undefined): string | undefined {
  const { distance_type: distance } = parseRecord(kind);
  return typeof distance === "string" ? distance : undefined;
}

/** JSON as an object; an empty one where it is none. */
function parseRecord(text: unknown): Readonly<Record<string, unknown>> {
  const value = parseJson(text);
  return isRecord(value) ? value : {};
}

function parseList(text: unknown): readonly unknown[] {
  const value = parseJson(text);
  return Array.isArray(value) ? value : [];
}

function parseJson(text: unknown): unknown {
  try {
    return JSON.parse(typeof text === "string" ? text : "null");
  } catch {
    return null;
  }
}
