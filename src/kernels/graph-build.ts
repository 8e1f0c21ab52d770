import { GraphBuild as WasmGraphBuild } from "../../wasm/pkg/build/build.js";
import { LanceError } from "../errors.ts";
import type { StoredGraph } from "./graph-search.ts";
import {
  callKernel,
  copyFloat32,
  copyUint32,
  type KernelExports,
  type KernelMemory,
  type WasmBuffer,
  withBuffers,
} from "./memory.ts";

/** How the rows of a graph are compared. Each at its number in the module. */
const SPACES = ["floatL2", "floatDot", "codeL2", "codeDot", "bits"] as const;

/** What the rows of a graph are. */
export interface GraphSpace {
  /**
   * f32 by l2 or dot; scalar codes by l2 (a distance is Σ(Δcode)² × `scale`) or by the dot product of the values `offset`
   * + `scale` × code; bits by how many differ.
   */
  readonly kind: (typeof SPACES)[number];
  /** Floats, codes, or bytes of bits. */
  readonly width: number;
  readonly scale?: number | undefined;
  readonly offset?: number | undefined;
}

/** How a graph is built. */
export interface GraphOptions {
  readonly space: GraphSpace;
  readonly numRows: number;
  /** Links a row is given: it keeps as many at each level, twice as many at level 0. From 2. */
  readonly m: number;
  /** Candidates looked at for a row. */
  readonly efConstruction: number;
  /** Levels at most. */
  readonly maxLevel: number;
  readonly seed: number;
}

/** A graph over rows that come into a new one. */
export interface GraphSource {
  readonly graph: StoredGraph;
  /** For each of its rows the number in the new graph, or {@link DROPPED_NODE}. */
  readonly map: Uint32Array;
}

/** What {@link GraphSource} maps a row to that is not in the new graph. */
export const DROPPED_NODE = 0xffffffff;

/** One level of a built graph. */
export interface GraphLevel {
  /** Its rows, ascending. */
  readonly nodes: Uint32Array<ArrayBuffer>;
  /** Links of each. */
  readonly counts: Uint32Array<ArrayBuffer>;
  readonly neighbors: Uint32Array<ArrayBuffer>;
  /** Of each link. */
  readonly distances: Float32Array<ArrayBuffer>;
}

/** A graph under way. */
export interface GraphBuild {
  /** Copies bytes of rows in, at an offset; pieces in order. All before the first step. */
  setRows(offsetBytes: number, rows: Uint8Array): void;
  /**
   * A graph that is kept: the largest as it is, its links around dropped rows mended; rows of the others are inserted
   * where their old neighbours are. Copied in. Before the first step.
   * @throws CORRUPT where it is not one of the rows mapped
   */
  addSource(source: GraphSource): void;
  /** A bounded piece of work, some 5 to 15 ms. Call it until `done`. */
  step(): void;
  readonly done: boolean;
  /** Rows that are in the graph. */
  readonly inserted: number;
  /** Distances computed so far. */
  readonly comparisons: number;
  /** The row that searches start at. */
  readonly entry: number;
  /** From 0; `null` for a level without rows. Once done. */
  level(level: number): GraphLevel | null;
  /** Gives the memory back. Calling it again does nothing. */
  free(): void;
}

/**
 * Starts a graph over rows (Malkov and Yashunin 2016). The same rows, options and seed give the same graph on every host.
 * Takes 24 × m bytes a row beside the rows, and where graphs are merged a bit for each value.
 *
 * @throws INVALID_ARGUMENT, UNSUPPORTED (more than 32,768 codes a row), QUOTA_EXCEEDED
 */
export function createGraphBuild(exports: KernelExports, memory: KernelMemory, options: GraphOptions): GraphBuild {
  const { space, numRows, m, efConstruction, maxLevel, seed } = options;
  const { kind, width, scale = 1, offset = 0 } = space;
  const details = { numRows, width, m, efConstruction, maxLevel };
  for (const [name, value] of Object.entries(details)) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new LanceError("INVALID_ARGUMENT", `a graph needs a whole number of ${name}; received ${value}`, details);
    }
  }
  const code = SPACES.indexOf(kind);
  const inner = callKernel(
    () => new WasmGraphBuild(code, numRows, width, m, efConstruction, maxLevel, seed, scale, offset),
    details,
  );
  const rowsBytes = numRows * width * (kind.startsWith("float") ? 4 : 1);
  const sources: WasmBuffer[] = [];
  let live = true;
  const check = () => {
    if (!live) throw new LanceError("INVALID_ARGUMENT", "a graph build was used after free()");
  };
  return {
    setRows(offsetBytes, rows) {
      check();
      if (!(offsetBytes >= 0) || offsetBytes + rows.length > rowsBytes) {
        throw new LanceError(
          "INVALID_ARGUMENT",
          `rows of a graph end at ${rowsBytes}; received ${rows.length} bytes at ${offsetBytes}`,
          details,
        );
      }
      const pointer = callKernel(() => inner.rowsPointer(offsetBytes + rows.length));
      new Uint8Array(exports.memory.buffer, pointer + offsetBytes, rows.length).set(rows);
    },
    addSource({ graph, map }) {
      check();
      const { nodes, offsets, neighbors, levels } = graph;
      if (offsets.length !== nodes.length + 1 || levels.length === 0) {
        throw new LanceError("CORRUPT", `a graph of ${nodes.length} lists has ${offsets.length} offsets`, details);
      }
      const copies = [map, nodes, offsets, neighbors, levels].map((view) => {
        const copy = memory.copyIn(view);
        sources.push(copy);
        return copy.pointer;
      }) as [number, number, number, number, number];
      const [ids, lists, starts, links, bounds] = copies;
      callKernel(
        () =>
          inner.addGraph(
            ids,
            map.length,
            lists,
            starts,
            nodes.length,
            links,
            neighbors.length,
            bounds,
            levels.length - 1,
          ),
        { ...details, rows: map.length, lists: nodes.length },
      );
    },
    step() {
      check();
      callKernel(() => inner.step(), details);
    },
    get done() {
      check();
      return inner.done;
    },
    get inserted() {
      check();
      return inner.inserted;
    },
    get comparisons() {
      check();
      return inner.comparisons;
    },
    get entry() {
      check();
      return inner.entry;
    },
    level(level) {
      check();
      const [count, links] = [inner.countRows(level), inner.countLinks(level)];
      if (count === 0) return null;
      return withBuffers(memory, ({ allocate }) => {
        const [nodes, counts, neighbors, distances] = [count, count, links, links].map((n) => allocate(n * 4)) as [
          WasmBuffer,
          WasmBuffer,
          WasmBuffer,
          WasmBuffer,
        ];
        callKernel(() => inner.levelInto(level, nodes.pointer, counts.pointer, neighbors.pointer, distances.pointer));
        return {
          nodes: copyUint32(nodes, count),
          counts: copyUint32(counts, count),
          neighbors: copyUint32(neighbors, links),
          distances: copyFloat32(distances, links),
        };
      });
    },
    free() {
      if (live) inner.free();
      live = false;
      for (const source of sources.splice(0)) source.free();
    },
  };
}
