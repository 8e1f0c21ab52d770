import { LanceError } from "../../../errors.ts";
import type { GraphBuild } from "../../../kernels/graph-build.ts";
import type { TopK } from "../../../kernels/top-k.ts";
import { buildGraph } from "./build-graph.ts";
import { scanAtOnce, scanSlices } from "./flat.ts";
import { encodeGraphMetadata, GRAPHS_KEY } from "./graph-metadata.ts";
import { openGraphs } from "./graph-reader.ts";
import { createGraphBatches, graphSchema } from "./graph-rows.ts";
import { HNSW_PARAMS, type HnswParams, resolveHnswParams } from "./hnsw-params.ts";
import { selectMaskBits } from "./mask-bits.ts";
import type { LoadedRows, PartitionCounts, PartitionSearch, SubIndex, SubIndexWriter } from "./sub-index.ts";

/**
 * Distances a walk computes for each of the `ef` rows it looks for, by what a scan computes in that time: where the mask
 * leaves few rows a scan is faster, and exact.
 */
const WALK_COST = 36;
/** Graphs of a partition are searched from the whole of it: it should be one. */
const TARGET_ROWS = 2 ** 20;

/** A graph over the rows of each partition (Malkov and Yashunin 2016). */
export const hnswSubIndex: SubIndex = {
  name: "HNSW",
  schema: graphSchema,
  paramNames: HNSW_PARAMS,
  resolveParams: (params) => ({ ...resolveHnswParams(params) }),
  encodeDetails(params) {
    const { m, efConstruction, maxLevel } = resolveHnswParams(params);
    return { maxConnections: m, constructionEf: efConstruction, maxLevel };
  },
  targetPartitionSize: TARGET_ROWS,
  // Links with distances, and the copies that are written.
  countBuildBytes: (params) => 48 * resolveHnswParams(params).m,
  open: openGraphs,

  async createWriter(file, { storage, params, numPartitions, context }): Promise<SubIndexWriter> {
    const wanted = resolveHnswParams(params);
    const seed = typeof params.seed === "number" ? params.seed : 42;
    const { graphRows, rowBytes } = storage;
    if (!graphRows) throw new LanceError("UNSUPPORTED", "graphs are not built over rows of this storage");
    const strings = Array.from({ length: numPartitions }, () => describe(null, [0], wanted));
    return {
      async addPartition(partition, rows, pieces) {
        if (rows.rowIds.length === 0) return 0;
        const options = { rows, rowBytes, partition, graphRows, pieces, params: wanted, seed, context };
        const build = await buildGraph(options);
        try {
          const starts = [0];
          for (let level = build.level(0), i = 1; level; level = build.level(i++)) {
            for (const batch of createGraphBatches(level)) await file.write(batch);
            starts.push(starts.at(-1)! + level.nodes.length);
          }
          strings[partition] = describe(build, starts, wanted);
          return starts.at(-1)!;
        } finally {
          build.free();
        }
      },
      describe: () => ({ [GRAPHS_KEY]: JSON.stringify(strings) }),
    };
  },

  searchAtOnce: (topK, partition, search) => walk(topK, partition, search) ?? scanAtOnce(topK, partition, search),
  searchPartition: async (topK, partition, search, giveWay) =>
    walk(topK, partition, search) ?? scanSlices(topK, partition, search, giveWay),
};

/** Offers what the graph of a partition leads to; `undefined` where its rows have to be scanned. */
function walk(topK: TopK, partition: LoadedRows, search: PartitionSearch): PartitionCounts | undefined {
  const { query, k, ef, mask, lower, upper } = search;
  const { graph, numRows } = partition;
  if (!graph || !query.searchGraph) return undefined;
  const bits = mask ? selectMaskBits(mask, partition, { first: 0, numRows }) : undefined;
  const selected = bits?.count ?? numRows;
  if (selected === 0) return { selected, comparisons: 0 };
  // Of equally far rows native names those its walk comes to, and scans only below a tenth of the rows: so do we.
  const isScanned = query.hasTies ? selected < numRows / 10 : selected * selected <= WALK_COST * ef * numRows;
  if (isScanned) return undefined;
  // Rows nearer than `lower` are walked over; how many are left is not known.
  const needed = lower === undefined ? Math.min(k, selected) : 0;
  const limits = { mask: selected < numRows ? bits?.bytes : undefined, lower, upper };
  const comparisons = query.searchGraph(topK, partition, { ...limits, graph, ef, needed });
  return comparisons > 0 ? { selected, comparisons } : undefined;
}

function describe(build: GraphBuild | null, starts: readonly number[], params: HnswParams): string {
  return encodeGraphMetadata({ entry: build?.entry ?? 0, params, levels: Uint32Array.from(starts) });
}
