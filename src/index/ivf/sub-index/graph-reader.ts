import type { LanceFile } from "../../../format/read/file.ts";
import type { StoredGraph } from "../../../kernels/graph-search.ts";
import { parseGraphMetadata, readGraphStrings } from "./graph-metadata.ts";
import { readGraphLists } from "./graph-rows.ts";
import { DEFAULT_HNSW } from "./hnsw-params.ts";
import type { SubIndexReader } from "./sub-index.ts";

/** The graphs of an index file. @param ranges its rows, by partition. @throws CORRUPT */
export function openGraphs(
  index: LanceFile,
  ranges: { readonly offsets: Float64Array; readonly lengths: Uint32Array },
): SubIndexReader {
  const { offsets, lengths } = ranges;
  const strings = readGraphStrings(index, lengths.length);
  const largest = lengths.reduce((best, length, i) => (length > (lengths[best] ?? 0) ? i : best), 0);
  const params =
    (lengths[largest] ?? 0) > 0 ? parseGraphMetadata(index, strings[largest], lengths[largest]!).params : DEFAULT_HNSW;
  const readGraph = async (
    partition: number,
    numRows: number,
    signal?: AbortSignal,
  ): Promise<StoredGraph | undefined> => {
    const [start, length] = [offsets[partition]!, lengths[partition]!];
    if (length < numRows || numRows === 0) return undefined;
    const { entry, levels } = parseGraphMetadata(index, strings[partition], length);
    if (levels[1]! < numRows) return undefined;
    return { ...(await readGraphLists(index, [start, start + length], signal)), levels, entry };
  };
  return {
    params: { ...params },
    countBytes: (partition) => Math.ceil((index.sizeBytes * lengths[partition]!) / Math.max(1, index.numRows)),
    readGraph,
    async loadGraph(core, partition, numRows) {
      const stored = await readGraph(partition, numRows);
      return stored && core.createGraph(stored, numRows);
    },
  };
}
