import { loadBuildKernels } from "../../../kernels/build.ts";
import type { GraphBuild } from "../../../kernels/graph-build.ts";
import { createGiveWay, type GiveWay } from "../../../tasks/give-way.ts";
import type { FamilyContext } from "../../segment.ts";
import type { GraphRows } from "../storage/storage.ts";
import type { StoredRows } from "../stored-rows.ts";
import type { HnswParams } from "./hnsw-params.ts";
import type { GraphPiece } from "./sub-index.ts";

/** Bytes of rows converted at a time. */
const CONVERT_BYTES = 4 << 20;

/** What a partition's graph is built of. */
export interface GraphBuildOptions {
  readonly rows: StoredRows;
  readonly rowBytes: number;
  readonly partition: number;
  readonly graphRows: GraphRows;
  readonly pieces: readonly GraphPiece[];
  readonly params: HnswParams;
  readonly seed: number;
  readonly context: FamilyContext;
}

/**
 * Builds the graph over the rows of a partition, from the graphs of its pieces where there are some. Gives way. Holds the
 * rows once more, as the graph compares them, and 24 × m bytes of links a row.
 * @returns the build, which the caller frees. @throws CORRUPT, QUOTA_EXCEEDED, UNSUPPORTED, ABORTED
 */
export async function buildGraph(options: GraphBuildOptions): Promise<GraphBuild> {
  const { rows, graphRows, pieces, params, seed, context } = options;
  const kernels = await loadBuildKernels();
  const giveWay = createGiveWay(context.signal);
  const numRows = rows.rowIds.length;
  const build = kernels.createGraphBuild({ space: graphRows.space, numRows, ...params, seed });
  try {
    await copyRows(build, options, giveWay);
    for (const piece of pieces) {
      build.addSource(piece);
      await giveWay();
    }
    while (!build.done) {
      build.step();
      context.reportProgress?.({ phase: "graph", done: build.inserted, total: numRows, unit: "rows" });
      await giveWay();
    }
    return build;
  } catch (error) {
    build.free();
    throw error;
  }
}

async function copyRows(build: GraphBuild, options: GraphBuildOptions, giveWay: GiveWay): Promise<void> {
  const { rows, rowBytes, partition, graphRows } = options;
  const step = Math.max(1, Math.floor(CONVERT_BYTES / rowBytes)) * rowBytes;
  let at = 0;
  for (let byte = 0; byte < rows.values.length; byte += step) {
    const converted = graphRows.convert(rows.values.subarray(byte, byte + step), partition);
    build.setRows(at, converted);
    at += converted.length;
    await giveWay();
  }
}
