import { Graph as WasmGraph } from "../../wasm/pkg/core/core.js";
import { LanceError } from "../errors.ts";
import { callKernel, type KernelMemory, withBuffers } from "./memory.ts";

/** A graph as files hold it: the lists of each level, level by level. */
export interface StoredGraph {
  /** Row of each list; at level 0 every row, in order. */
  readonly nodes: Uint32Array;
  /** Where lists start in `neighbors`, and the end. */
  readonly offsets: Uint32Array;
  readonly neighbors: Uint32Array;
  /** Where levels start among the lists, and the end. */
  readonly levels: Uint32Array;
  /** The row that searches start at. */
  readonly entry: number;
}

/** A graph in WASM memory. */
export interface Graph {
  readonly numRows: number;
  readonly byteLength: number;
  /** Gives the memory back. Calling it again does nothing. */
  free(): void;
}

/** How far a search over a graph looks. */
export interface GraphWalk {
  /** Over all rows of the scan. */
  readonly graph: Graph;
  /** Nearest rows looked at, from 1. */
  readonly ef: number;
  /** With fewer rows found none is offered: a scan then finds what there is. */
  readonly needed: number;
}

const inners = new WeakMap<Graph, WasmGraph>();

/**
 * Checks a stored graph and copies it into WASM memory: 4 bytes a link and a list. A neighbour that its level does not
 * have is left out, as native does. Some 50 ms for 40 million links.
 * @throws CORRUPT where lists, levels or the entry are not those of `numRows` rows; QUOTA_EXCEEDED
 */
export function createGraph(memory: KernelMemory, stored: StoredGraph, numRows: number): Graph {
  const { nodes, offsets, neighbors, levels, entry } = stored;
  if (offsets.length !== nodes.length + 1 || levels.length === 0) {
    throw new LanceError("CORRUPT", `a graph of ${nodes.length} lists has ${offsets.length} offsets`, { numRows });
  }
  const inner = withBuffers(memory, ({ copyIn }) => {
    const [lists, starts, links, bounds] = [copyIn(nodes), copyIn(offsets), copyIn(neighbors), copyIn(levels)];
    return callKernel(
      () =>
        new WasmGraph(
          numRows,
          lists.pointer,
          starts.pointer,
          nodes.length,
          links.pointer,
          neighbors.length,
          bounds.pointer,
          levels.length - 1,
          entry,
        ),
      { numRows, lists: nodes.length, links: neighbors.length, entry },
    );
  });
  let live = true;
  const graph: Graph = {
    numRows,
    byteLength: inner.byteLength,
    free() {
      if (live) inner.free();
      live = false;
      inners.delete(graph);
    },
  };
  inners.set(graph, inner);
  return graph;
}

/** What the module is given of a walk over `numRows` rows. @throws INVALID_ARGUMENT for a freed graph, or one of other rows */
export function openWalk({ graph, ef, needed }: GraphWalk, numRows: number): readonly [WasmGraph, number, number] {
  const inner = inners.get(graph);
  if (!inner || graph.numRows !== numRows || !(ef >= 1)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      inner
        ? `a graph of ${graph.numRows} rows, ef ${ef}, over ${numRows} rows`
        : "a graph was used after free(); load it again",
      { numRows, ef },
    );
  }
  return [inner, Math.min(Math.floor(ef), 0xffffffff), needed];
}
