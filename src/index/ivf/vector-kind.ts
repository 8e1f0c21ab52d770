import { isLanceError } from "../../errors.ts";
import { openLanceFile } from "../../format/read/file.ts";
import type { IndexKind, OpenSegment } from "../segment.ts";
import { getSegmentFile } from "../segment-path.ts";
import { nameMetric, nameVectorIndex } from "./describe-details.ts";
import { AUXILIARY_FILE, DISTANCE_KEY, INDEX_FILE, INDEX_KEY } from "./ivf-files.ts";

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
  try {
    const distance: unknown = JSON.parse(kind ?? "null")?.distance_type;
    return typeof distance === "string" ? distance : undefined;
  } catch {
    return undefined;
  }
}
