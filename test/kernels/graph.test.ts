import { describe, expect, test } from "vitest";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import { DROPPED_NODE, type GraphBuild, type GraphOptions, type GraphSpace } from "../../src/kernels/graph-build.ts";
import type { StoredGraph } from "../../src/kernels/graph-search.ts";
import type { WasmBuffer } from "../../src/kernels/memory.ts";
import { getWorkedMs } from "../support/measure-work.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createRandom, packBits } from "./support.ts";

useTestRuntime();
const [build, core] = await Promise.all([loadBuildKernels(), loadCoreKernels()]);

const DIMENSION = 24;
const INVALID = expect.objectContaining({ code: "INVALID_ARGUMENT" });
const CORRUPT = expect.objectContaining({ code: "CORRUPT" });

/** Codes around a few centres. */
function makeCodes(numRows: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  const centres = Array.from({ length: 30 * DIMENSION }, () => random() * 200);
  const codes = new Uint8Array(numRows * DIMENSION);
  for (let row = 0; row < numRows; row++) {
    const centre = Math.floor(random() * 30) * DIMENSION;
    for (let i = 0; i < DIMENSION; i++) codes[row * DIMENSION + i] = centres[centre + i]! + random() * 55;
  }
  return codes;
}

function compareCodes(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}

/** What a plain loop finds: rows by distance, then number. */
function findNearest(codes: Uint8Array, query: Uint8Array, k: number, keep = (_row: number) => true): number[] {
  return Array.from({ length: codes.length / DIMENSION }, (_, row) => row)
    .filter(keep)
    .map((row) => [compareCodes(codes.subarray(row * DIMENSION, (row + 1) * DIMENSION), query), row] as const)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .slice(0, k)
    .map(([, row]) => row);
}

const OPTIONS = { m: 8, efConstruction: 60, maxLevel: 5, seed: 42 };
const CODES: GraphSpace = { kind: "codeL2", width: DIMENSION };

function start(rows: Uint8Array, more: Partial<GraphOptions> = {}): GraphBuild {
  const graph = build.createGraphBuild({ space: CODES, numRows: rows.length / DIMENSION, ...OPTIONS, ...more });
  graph.setRows(0, rows);
  return graph;
}

function finish(graph: GraphBuild): StoredGraph & { readonly distances: Float32Array; readonly comparisons: number } {
  let inserted = 0;
  while (!graph.done) {
    graph.step();
    expect(graph.inserted).toBeGreaterThanOrEqual(inserted);
    inserted = graph.inserted;
  }
  const parts = { nodes: [] as number[], neighbors: [] as number[], distances: [] as number[] };
  const [offsets, levels] = [[0], [0]];
  for (let level = graph.level(0), i = 1; level; level = graph.level(i++)) {
    parts.nodes.push(...level.nodes);
    parts.neighbors.push(...level.neighbors);
    parts.distances.push(...level.distances);
    for (const count of level.counts) offsets.push(offsets.at(-1)! + count);
    levels.push(parts.nodes.length);
  }
  const { comparisons, entry } = graph;
  graph.free();
  return {
    nodes: Uint32Array.from(parts.nodes),
    neighbors: Uint32Array.from(parts.neighbors),
    distances: Float32Array.from(parts.distances),
    offsets: Uint32Array.from(offsets),
    levels: Uint32Array.from(levels),
    entry,
    comparisons,
  };
}

interface Asked {
  readonly ef?: number;
  readonly k?: number;
  readonly mask?: Uint8Array;
  readonly lower?: number;
  readonly upper?: number;
}

function copyIn(view: ArrayBufferView): WasmBuffer {
  const buffer = core.allocate(view.byteLength);
  buffer.bytes().set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return buffer;
}

/** A searcher over rows of codes: rows found, and distances computed. */
function open(codes: Uint8Array, stored: StoredGraph) {
  const numRows = codes.length / DIMENSION;
  const graph = core.createGraph(stored, numRows);
  const [values, rowIds] = [copyIn(codes), copyIn(BigUint64Array.from({ length: numRows }, (_, i) => BigInt(i)))];
  return {
    graph,
    search(query: Uint8Array, { ef = 50, k = 10, ...limits }: Asked = {}) {
      const topK = core.createTopK(k);
      const needed = limits.lower === undefined ? k : 0;
      const walk = { graph, ef, needed, rowIds, numRows, codes: values, dimension: DIMENSION };
      const computed = topK.searchScalarCodes({ query, scale: 1, offset: 0, ...walk, ...limits });
      return { rows: Array.from(topK.finish().rowIds, Number), computed };
    },
    close() {
      for (const buffer of [graph, values, rowIds]) buffer.free();
    },
  };
}

function measureRecall(codes: Uint8Array, stored: StoredGraph, queries: Uint8Array, ef: number): number {
  const { search, close } = open(codes, stored);
  let found = 0;
  const numQueries = queries.length / DIMENSION;
  for (let i = 0; i < numQueries; i++) {
    const query = queries.subarray(i * DIMENSION, (i + 1) * DIMENSION);
    const exact = new Set(findNearest(codes, query, 10));
    found += search(query, { ef }).rows.filter((row) => exact.has(row)).length;
  }
  close();
  return found / 10 / numQueries;
}

const NUM_ROWS = 3000;
const all = makeCodes(NUM_ROWS + 100, 3);
const codes = all.subarray(0, NUM_ROWS * DIMENSION);
const queries = all.subarray(NUM_ROWS * DIMENSION);
const whole = finish(start(codes));

describe("a graph", () => {
  test("finds what a loop over all rows finds, for few comparisons; the same rows give the same graph", () => {
    expect(measureRecall(codes, whole, queries, 20)).toBeGreaterThan(0.95);
    expect(measureRecall(codes, whole, queries, 100)).toBeGreaterThan(0.995);
    const { search, close, graph } = open(codes, whole);
    expect(search(queries.subarray(0, DIMENSION), { ef: 20 }).computed).toBeLessThan(NUM_ROWS / 5);
    expect(graph.byteLength).toBeGreaterThanOrEqual(4 * (whole.neighbors.length + whole.nodes.length));
    expect(graph.byteLength).toBeLessThan(4.2 * (whole.neighbors.length + whole.nodes.length));
    close();
    expect(finish(start(codes))).toEqual(whole);
  });

  test("links have their distances, and lists their limits", () => {
    for (let list = 0; list < whole.nodes.length; list++) {
      const row = whole.nodes[list]!;
      const [from, to] = [whole.offsets[list]!, whole.offsets[list + 1]!];
      expect(to - from).toBeLessThanOrEqual(list < NUM_ROWS ? 3 * OPTIONS.m : OPTIONS.m);
      for (let link = from; link < to; link++) {
        const other = whole.neighbors[link]!;
        const [a, b] = [row, other].map((at) => codes.subarray(at * DIMENSION, (at + 1) * DIMENSION));
        expect(whole.distances[link]).toBe(compareCodes(a!, b!));
      }
    }
    expect(Array.from(whole.nodes.subarray(0, NUM_ROWS))).toEqual(Array.from({ length: NUM_ROWS }, (_, i) => i));
    const high = whole.levels[2]! - whole.levels[1]!;
    expect(high).toBeGreaterThan(NUM_ROWS / 16);
    expect(high).toBeLessThan(NUM_ROWS / 4);
  });

  test("a mask leaves rows out, which are walked over; bounds hold; too few rows are none", () => {
    const { search, close } = open(codes, whole);
    const keep = (row: number) => row % 3 === 0;
    const mask = packBits(Array.from({ length: NUM_ROWS }, (_, row) => keep(row)));
    let found = 0;
    for (let i = 0; i < 50; i++) {
      const query = queries.subarray(i * DIMENSION, (i + 1) * DIMENSION);
      const { rows } = search(query, { mask });
      expect(rows.length).toBe(10);
      expect(rows.every(keep)).toBe(true);
      const exact = new Set(findNearest(codes, query, 10, keep));
      found += rows.filter((row) => exact.has(row)).length;
      const nearest = findNearest(codes, query, 40);
      const lower = compareCodes(codes.subarray(nearest[20]! * DIMENSION, (nearest[20]! + 1) * DIMENSION), query);
      expect(search(query, { lower, ef: 100 }).rows).toEqual(nearest.slice(20, 30));
      expect(search(query, { upper: lower, k: 30, ef: 100 }).rows).toEqual(nearest.slice(0, 20));
    }
    expect(found).toBeGreaterThan(480);
    const few = packBits(Array.from({ length: NUM_ROWS }, (_, row) => row === 77));
    expect(search(queries.subarray(0, DIMENSION), { mask: few })).toEqual({ rows: [], computed: 0 });
    close();
  });

  test.each(["floatL2", "floatDot", "bits"] as const)("%s: finds what a loop finds", (kind) => {
    const isBits = kind === "bits";
    const floats = Float32Array.from(codes, (code) => (code - 120) / 64);
    const rows = isBits ? codes : new Uint8Array(floats.buffer);
    const graph = build.createGraphBuild({ space: { kind, width: DIMENSION }, numRows: NUM_ROWS, ...OPTIONS });
    graph.setRows(0, rows);
    const loaded = core.createGraph(finish(graph), NUM_ROWS);
    const [vectors, rowIds] = [copyIn(rows), copyIn(BigUint64Array.from({ length: NUM_ROWS }, (_, i) => BigInt(i)))];
    const metric = isBits ? "hamming" : kind === "floatL2" ? "l2" : "dot";
    let found = 0;
    for (let i = 0; i < 50; i++) {
      const bytes = queries.slice(i * DIMENSION, (i + 1) * DIMENSION);
      const query = isBits ? bytes : Float32Array.from(bytes, (code) => (code - 120) / 64);
      const element = isBits ? ("u8" as const) : ("f32" as const);
      const scan = { metric, element, query, dimension: DIMENSION, vectors, rowIds, numRows: NUM_ROWS } as const;
      const [walked, scanned] = [core.createTopK(10), core.createTopK(10)];
      expect(walked.searchFlat({ ...scan, graph: loaded, ef: 60, needed: 10 })).toBeGreaterThan(60);
      scanned.scanFlat(scan);
      const exact = scanned.finish();
      // Of equally distant rows either may be found.
      found += walked.finish().distances.filter((distance) => distance <= exact.distances[9]!).length;
    }
    expect(found).toBeGreaterThan(475);
    for (const buffer of [loaded, vectors, rowIds]) buffer.free();
  });

  test("scalar codes under dot are compared as the values they stand for", () => {
    const [scale, offset] = [0.01, -1.2];
    const graph = start(codes, { space: { kind: "codeDot", width: DIMENSION, scale, offset } });
    const stored = finish(graph);
    for (let link = 0; link < 200; link++) {
      const row = stored.nodes.findIndex((_, list) => stored.offsets[list + 1]! > link);
      let dot = 0;
      for (let i = 0; i < DIMENSION; i++) {
        const at = (of: number) => offset + scale * codes[of * DIMENSION + i]!;
        dot += at(row) * at(stored.neighbors[link]!);
      }
      expect(stored.distances[link]).toBeCloseTo(1 - dot, 3);
    }
  });
});

describe("graphs that are there", () => {
  /** Graphs over parts of the rows, merged. */
  function merge(rows: Uint8Array, bounds: readonly number[]) {
    const graph = start(rows);
    for (let i = 1; i < bounds.length; i++) {
      const [from, to] = [bounds[i - 1]!, bounds[i]!];
      const part = finish(start(rows.subarray(from * DIMENSION, to * DIMENSION)));
      graph.addSource({ graph: part, map: Uint32Array.from({ length: to - from }, (_, row) => from + row) });
    }
    return finish(graph);
  }

  test("merge into one as good as new, for a fraction of the comparisons", () => {
    const merged = merge(codes, [0, 900, 1300, 2700]);
    for (const ef of [15, 30, 60]) {
      const [fresh, kept] = [whole, merged].map((stored) => measureRecall(codes, stored, queries, ef));
      expect(kept).toBeGreaterThanOrEqual(fresh! - 0.01);
    }
    expect(merged.comparisons).toBeLessThan(whole.comparisons * 0.7);
  });

  // Each row is about as far from the others: a walk that is cut short misses near ones.
  test("merge into one as good as new where rows are evenly spread", () => {
    const random = createRandom(19);
    const spread = Uint8Array.from({ length: all.length }, () => random() * 256);
    const [rows, asked] = [spread.subarray(0, codes.length), spread.subarray(codes.length)];
    const [fresh, merged] = [finish(start(rows)), merge(rows, [0, 750, 1500, 2250, NUM_ROWS])];
    for (const ef of [15, 30, 60]) {
      const [least, found] = [fresh, merged].map((stored) => measureRecall(rows, stored, asked, ef));
      expect(found).toBeGreaterThanOrEqual(least! - 0.005);
    }
    expect(merged.comparisons).toBeLessThan(fresh.comparisons);
  });

  test("close up where rows are dropped", () => {
    const left = Array.from({ length: NUM_ROWS }, (_, row) => row).filter((row) => row % 5 > 1);
    const rows = new Uint8Array(left.length * DIMENSION);
    const map = new Uint32Array(NUM_ROWS).fill(DROPPED_NODE);
    left.forEach((row, i) => {
      rows.set(codes.subarray(row * DIMENSION, (row + 1) * DIMENSION), i * DIMENSION);
      map[row] = i;
    });
    const graph = start(rows);
    graph.addSource({ graph: whole, map });
    const closed = finish(graph);
    const fresh = finish(start(rows));
    for (const ef of [15, 30, 60]) {
      expect(measureRecall(rows, closed, queries, ef)).toBeGreaterThanOrEqual(
        measureRecall(rows, fresh, queries, ef) - 0.01,
      );
    }
    expect(closed.comparisons).toBeLessThan(fresh.comparisons / 2);
  });
});

describe("what is no graph", () => {
  const broken: [string, (graph: StoredGraph) => Partial<StoredGraph>][] = [
    ["entry", () => ({ entry: NUM_ROWS })],
    ["levels of other rows", ({ levels }) => ({ levels: levels.map((start, i) => (i === 1 ? start - 1 : start)) })],
    ["no levels", () => ({ levels: new Uint32Array(0) })],
    ["levels beyond the lists", ({ levels }) => ({ levels: levels.map((start, i) => (i > 1 ? start + 1 : start)) })],
    ["descending offsets", ({ offsets }) => ({ offsets: offsets.map((start, i) => (i === 9 ? 0 : start)) })],
    ["offsets beyond the links", ({ neighbors }) => ({ neighbors: neighbors.subarray(1) })],
    ["too few offsets", ({ offsets }) => ({ offsets: offsets.subarray(1) })],
    ["level 0 out of order", ({ nodes }) => ({ nodes: nodes.map((node, i) => (i < 2 ? 1 - i : node)) })],
    ["a row that is not there", ({ nodes }) => ({ nodes: nodes.map((node, i) => (i === NUM_ROWS ? NUM_ROWS : node)) })],
  ];

  test.each(broken)("%s: is CORRUPT", (_name, damage) => {
    const graph = { ...whole, ...damage(whole) };
    expect(() => core.createGraph(graph, NUM_ROWS)).toThrow(CORRUPT);
    // An entry is not needed to build on.
    if (graph.entry === NUM_ROWS) return;
    const next = start(codes);
    expect(() => next.addSource({ graph, map: Uint32Array.from({ length: NUM_ROWS }, (_, i) => i) })).toThrow(CORRUPT);
    next.free();
  });

  test("neighbours that are no rows are passed over", () => {
    const neighbors = whole.neighbors.map((row, i) => (i % 7 === 0 ? 0xffffffff - i : row));
    expect(measureRecall(codes, { ...whole, neighbors }, queries, 50)).toBeGreaterThan(0.9);
    const graph = start(codes);
    const map = Uint32Array.from({ length: NUM_ROWS }, (_, i) => i);
    graph.addSource({ graph: { ...whole, neighbors }, map });
    expect(measureRecall(codes, finish(graph), queries, 50)).toBeGreaterThan(0.9);
    const next = start(codes);
    expect(() => next.addSource({ graph: whole, map: map.map((row) => row + 1) })).toThrow(CORRUPT);
    next.free();
  });

  test("rows beyond the end, bad options, use after free", () => {
    const graph = start(codes);
    expect(() => graph.setRows(1, codes)).toThrow(INVALID);
    const short = build.createGraphBuild({ space: CODES, numRows: NUM_ROWS, ...OPTIONS });
    short.setRows(0, codes.subarray(DIMENSION));
    expect(() => short.step()).toThrow(INVALID);
    short.free();
    graph.step();
    expect(() => graph.setRows(0, codes)).toThrow(INVALID);
    graph.free();
    expect(() => graph.step()).toThrow(INVALID);
    expect(() => start(codes, { m: 1 }).step()).toThrow(INVALID);
    expect(() => start(codes, { efConstruction: 0.5 })).toThrow(INVALID);
    expect(() => start(codes, { maxLevel: 0 }).step()).toThrow(INVALID);
    const wide = { space: { kind: "codeL2", width: 40_000 }, numRows: 1, ...OPTIONS } as const;
    expect(() => build.createGraphBuild(wide)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
    const { search, close } = open(codes, whole);
    expect(() => search(queries.subarray(0, DIMENSION), { ef: 0 })).toThrow(INVALID);
    close();
    expect(() => search(queries.subarray(0, DIMENSION))).toThrow(INVALID);
  });

  // 256 KB of links in a file: a product of their lengths is 11 s in one call.
  test("long lists that name one dropped row again and again do not take their product", () => {
    const [numRows, numLinks] = [64, 2 ** 15];
    const offsets = new Uint32Array(numRows + 1).fill(2 * numLinks, 2);
    offsets[1] = numLinks;
    const stored: StoredGraph = {
      nodes: Uint32Array.from({ length: numRows }, (_, i) => i),
      offsets,
      neighbors: new Uint32Array(2 * numLinks).fill(1),
      levels: Uint32Array.of(0, numRows),
      entry: 0,
    };
    const graph = start(makeCodes(numRows - 1, 5));
    const map = Uint32Array.from({ length: numRows }, (_, i) => (i === 1 ? DROPPED_NODE : Math.max(0, i - 1)));
    graph.addSource({ graph: stored, map });
    const before = getWorkedMs();
    expect(finish(graph).levels[1]).toBe(numRows - 1);
    expect(getWorkedMs() - before).toBeLessThan(1500);
  });

  test("no rows, one row, equal rows", () => {
    for (const numRows of [0, 1, 2, 300]) {
      const rows = new Uint8Array(numRows * DIMENSION).fill(7);
      const stored = finish(start(rows));
      expect(stored.levels[1] ?? 0).toBe(numRows);
      if (numRows < 300) continue;
      const { search, close } = open(rows, stored);
      expect(search(rows.subarray(0, DIMENSION), { k: 300, ef: 400 }).rows.length).toBe(300);
      close();
    }
  });
});
