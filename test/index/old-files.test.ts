import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openLanceFile } from "../../src/format/read/file.ts";
import { openGraphs } from "../../src/index/ivf/sub-index/graph-reader.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { expectError, getCommittedSegments, inlinePool } from "./support.ts";

useTestRuntime();

/** What native 14 answers from indexes that older releases wrote, or why it does not. */
interface Expected {
  readonly query: readonly number[];
  readonly answers: Readonly<Record<string, { ids: number[]; distances: number[] } | { refused: string }>>;
}

const FIXTURES = fileURLToPath(new URL("../fixtures/old-indexes/", import.meta.url));
const EXPECTED = JSON.parse(readFileSync(join(FIXTURES, "expected.json"), "utf8")) as Record<string, Expected>;
const K = 12;

/** A table of its own, which can be changed. */
async function openOld(version: string): Promise<Snapshot> {
  const store = createMemoryStore();
  const root = join(FIXTURES, version);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    await store.put(path.slice(root.length + 1), new Uint8Array(readFileSync(path)), { mode: "create" });
  }
  return openSnapshot(store, { uri: version });
}

async function ask(snapshot: Snapshot, segments: readonly IndexSegment[], q: readonly number[]) {
  const probes = { minimumNprobes: 2, maximumNprobes: 2, ef: 100, approxMode: "accurate" } as const;
  const query = { kind: "vector", q: Float32Array.from(q), k: K, ...probes } as const;
  const { rowIds, distances } = await searchSegments(snapshot, segments, query);
  return { ids: Array.from(rowIds, Number), distances: Array.from(distances) };
}

function expectSame(found: { ids: number[]; distances: number[] }, wanted: { ids: number[]; distances: number[] }) {
  for (const [i, distance] of found.distances.entries()) expect(distance).toBeCloseTo(wanted.distances[i]!, 3);
  expect(found.ids.toSorted((a, b) => a - b)).toEqual(wanted.ids.toSorted((a, b) => a - b));
}

describe.each(Object.entries(EXPECTED))("indexes written by pylance %s", (version, { query, answers }) => {
  test.each(Object.entries(answers))("%s answers as native does", async (column, answer) => {
    const snapshot = await openOld(version);
    const segments = await getCommittedSegments(snapshot, `${column}_idx`);
    if ("refused" in answer) {
      const error = await expectError(ask(snapshot, segments, query), "UNSUPPORTED");
      expect(error.message).toContain("build the index anew");
      return;
    }
    expectSame(await ask(snapshot, segments, query), answer);
    const merged = await mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool });
    expectSame(await ask(snapshot, [merged], query), answer);
  });

  const graphs = Object.keys(answers).filter((column) => column.startsWith("hnsw"));
  test.each(graphs)("every level of %s is read, the entry on each", async (column) => {
    const snapshot = await openOld(version);
    const [segment] = await getCommittedSegments(snapshot, `${column}_idx`);
    const index = await openLanceFile(snapshot.store, `_indices/${segment!.uuid}/index.idx`, {});
    const told = (JSON.parse(index.metadata["lance:hnsw"]!) as string[]).map((text) => JSON.parse(text));
    let offset = 0;
    for (const [partition, { level_offsets: starts }] of told.entries()) {
      const lengths = told.map((_, i) => (i === partition ? starts.at(-1) + starts.length - 2 : 0));
      const offsets = Float64Array.from(told, () => offset);
      const ranges = { offsets, lengths: Uint32Array.from(lengths) };
      const graph = (await openGraphs(index, ranges).readGraph(partition, starts[1]))!;
      for (let level = 0; level + 1 < graph.levels.length; level++) {
        const nodes = graph.nodes.subarray(graph.levels[level], graph.levels[level + 1]);
        expect([...nodes]).toEqual([...new Set(nodes)].sort((a, b) => a - b));
        expect(nodes).toContain(graph.entry);
      }
      offset += lengths[partition]!;
    }
    expect(offset).toBe(index.numRows);
    index.close();
  });
});
