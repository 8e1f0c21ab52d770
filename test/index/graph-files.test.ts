import { Field, FixedSizeList, Float32 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { type LanceFile, openLanceFile } from "../../src/format/read/file.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { createIndexUncommitted } from "../../src/index/build.ts";
import { createIndexField } from "../../src/index/file-batch.ts";
import { fitPartitions, resolveIvfParams } from "../../src/index/ivf/params.ts";
import { scalarStorage } from "../../src/index/ivf/storage/sq.ts";
import {
  encodeGraphMetadata,
  parseGraphMetadata,
  readGraphStrings,
} from "../../src/index/ivf/sub-index/graph-metadata.ts";
import { openGraphs } from "../../src/index/ivf/sub-index/graph-reader.ts";
import { createGraphBatches, graphSchema, readGraphLists } from "../../src/index/ivf/sub-index/graph-rows.ts";
import { hnswSubIndex } from "../../src/index/ivf/sub-index/hnsw.ts";
import { clampHnswParams, resolveHnswParams } from "../../src/index/ivf/sub-index/hnsw-params.ts";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments, expectError, inlinePool } from "./support.ts";

useTestRuntime();

const PARAMS = { m: 20, efConstruction: 150, maxLevel: 7 };
const LEVEL = {
  nodes: Uint32Array.of(0, 1, 2),
  counts: Uint32Array.of(2, 0, 1),
  neighbors: Uint32Array.of(1, 2, 0),
  distances: Float32Array.of(0.5, 1.5, 1.5),
};

async function writeGraph(metadata: Readonly<Record<string, string>>, schema = graphSchema): Promise<LanceFile> {
  const store = createMemoryStore();
  const writer = await createLanceFileWriter(store, "index.idx", { schema, metadata, version: "2.1" });
  if (schema === graphSchema) for (const batch of createGraphBatches(LEVEL)) await writer.write(batch);
  await writer.finish();
  return openLanceFile(store, "index.idx", {});
}

const fake = (metadata: Readonly<Record<string, string>>) => ({ path: "index.idx", metadata }) as unknown as LanceFile;

describe("the metadata of a graph", () => {
  test("is written as native writes it, and read", () => {
    const text = encodeGraphMetadata({ entry: 44, params: PARAMS, levels: Uint32Array.of(0, 178, 186) });
    expect(text).toBe(
      '{"entry_point":44,"params":{"max_level":7,"m":20,"ef_construction":150,"prefetch_distance":2},"level_offsets":[0,178,186,186,186,186,186,186]}',
    );
    expect(parseGraphMetadata(fake({}), text, 186)).toEqual({
      entry: 44,
      params: PARAMS,
      levels: Uint32Array.of(0, 178, 186, 186, 186, 186, 186, 186),
    });
  });

  test("of releases that did not count the entry above the rows tells where levels are", () => {
    const text = JSON.stringify({ entry_point: 0, level_offsets: [0, 178, 186, 187, 187], params: {} });
    expect(parseGraphMetadata(fake({}), text, 190).levels).toEqual(Uint32Array.of(0, 178, 187, 189, 190));
    for (const numLists of [188, 189, 191]) {
      expect(() => parseGraphMetadata(fake({}), text, numLists)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
    }
  });

  const good = { entry_point: 1, level_offsets: [0, 3], params: { m: 20, ef_construction: 150, max_level: 7 } };
  test.each([
    ["no JSON", "{"],
    ["nothing", null],
    ["no levels", { ...good, level_offsets: [] }],
    ["one level start", { ...good, level_offsets: [0] }],
    ["levels that end elsewhere", { ...good, level_offsets: [0, 2] }],
    ["levels that begin elsewhere", { ...good, level_offsets: [1, 3] }],
    ["levels out of order", { ...good, level_offsets: [0, 3, 2, 3] }],
    ["levels that are no numbers", { ...good, level_offsets: [0, "3"] }],
    ["levels beyond 32 bits", { ...good, level_offsets: [0, 2 ** 40, 3] }],
    ["an entry below zero", { ...good, entry_point: -1 }],
    ["an entry that is no row", { ...good, entry_point: 1.5 }],
    ["no entry", { ...good, entry_point: undefined }],
  ])("%s: is CORRUPT", (_name, metadata) => {
    const text = typeof metadata === "string" ? metadata : JSON.stringify(metadata);
    expect(() => parseGraphMetadata(fake({}), text, 3)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  });

  test("strings of other partitions are CORRUPT", () => {
    const corrupt = expect.objectContaining({ code: "CORRUPT" });
    for (const text of [undefined, "{", "{}", '["{}"]', "[1]"]) {
      const metadata: Record<string, string> = text === undefined ? {} : { "lance:hnsw": text };
      expect(() => readGraphStrings(fake(metadata), 2)).toThrow(corrupt);
    }
    expect(readGraphStrings(fake({ "lance:hnsw": '["",""]' }), 2)).toEqual(["", ""]);
  });
});

describe("the lists of a graph", () => {
  test("are read as they were written, whole or in part", async () => {
    const file = await writeGraph({});
    expect(await readGraphLists(file, [0, 3])).toEqual({
      nodes: LEVEL.nodes,
      offsets: Uint32Array.of(0, 2, 2, 3),
      neighbors: LEVEL.neighbors,
    });
    expect(await readGraphLists(file, [1, 3])).toEqual({
      nodes: Uint32Array.of(1, 2),
      offsets: Uint32Array.of(0, 0, 1),
      neighbors: Uint32Array.of(0),
    });
  });

  test("other columns are CORRUPT", async () => {
    const fields = [createIndexField(0, "__vector_id", "uint64", true)];
    const file = await writeGraph({}, { fields, metadata: {} });
    expect((await expectError(readGraphLists(file, [0, 0]), "CORRUPT")).message).toContain("__vector_id: uint64");
  });

  test("a graph of fewer rows is none; one of more, or entered elsewhere, is CORRUPT", async () => {
    const metadata = (entry: number, levels: readonly number[]) => ({
      "lance:hnsw": JSON.stringify([encodeGraphMetadata({ entry, params: PARAMS, levels: Uint32Array.from(levels) })]),
    });
    const ranges = { offsets: Float64Array.of(0), lengths: Uint32Array.of(3) };
    const core = await loadCoreKernels();
    const whole = openGraphs(await writeGraph(metadata(1, [0, 3])), ranges);
    expect(whole.params).toEqual(PARAMS);
    const graph = await whole.loadGraph(core, 0, 3);
    expect(graph).toMatchObject({ numRows: 3 });
    graph!.free();
    expect(await whole.loadGraph(core, 0, 4)).toBeUndefined();
    await expectError(whole.loadGraph(core, 0, 2), "CORRUPT");
    await expectError(openGraphs(await writeGraph(metadata(3, [0, 3])), ranges).loadGraph(core, 0, 3), "CORRUPT");
    const upper = openGraphs(await writeGraph(metadata(1, [0, 2, 3])), ranges);
    expect(await upper.loadGraph(core, 0, 3)).toBeUndefined();
  });
});

describe("parameters", () => {
  test("defaults are native's; what cannot be built is INVALID_ARGUMENT", () => {
    expect(resolveHnswParams({})).toEqual(PARAMS);
    expect(resolveHnswParams({ m: 200 })).toEqual({ m: 200, efConstruction: 200, maxLevel: 7 });
    for (const params of [
      { m: 3 },
      { m: 2000 },
      { m: 40, efConstruction: 30 },
      { efConstruction: 0 },
      { maxLevel: 0 },
    ]) {
      expect(() => resolveHnswParams(params)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
    expect(clampHnswParams({ m: 1e9, efConstruction: "x", maxLevel: -3 })).toEqual({
      m: 512,
      efConstruction: 512,
      maxLevel: 7,
    });
  });

  test("partitions are as many as the budget needs, where it was left open", () => {
    const kind = { indexType: "IVF_HNSW_SQ", subIndex: hnswSubIndex, storage: scalarStorage };
    const field = { ...createIndexField(1, "v", "fixed_size_list:float:384", true) };
    const resolve = (params: object, numRows: number, memoryBudgetBytes: number) => {
      const resolved = resolveIvfParams(kind, field, { params: params as never, numRows });
      const type = { element: "f32", dimension: 384 } as const;
      return fitPartitions(kind, resolved, { type, numRows, context: { memoryBudgetBytes } }).numPartitions;
    };
    expect(resolve({}, 10_000, 256 << 20)).toBe(1);
    expect(resolve({}, 1_000_000, 256 << 20)).toBe(31);
    expect(resolve({}, 1_000_000, 2 ** 40)).toBe(1);
    expect(resolve({}, 5_000_000, 2 ** 50)).toBe(4);
    expect(resolve({ numPartitions: 2 }, 1_000_000, 256 << 20)).toBe(2);
    expect(resolve({ targetPartitionSize: 500_000 }, 1_000_000, 256 << 20)).toBe(2);
  });

  test("details and files tell how an index was built", async () => {
    const type = new FixedSizeList(2, new Field("item", new Float32(), true));
    const values = Array.from({ length: 40 }, (_, i) => Float32Array.of(i, i % 7));
    const snapshot = await createFragments(createMemoryStore(), type, [values]);
    const params = { m: 5, efConstruction: 17, maxLevel: 3, numPartitions: 2 };
    const options = { pool: inlinePool, name: "v_idx", fragmentIds: [0], params };
    const segment = await createIndexUncommitted(snapshot, "v", "IVF_HNSW_FLAT", options);
    const file = await openLanceFile(snapshot.store, `_indices/${segment.uuid}/index.idx`, {});
    const strings = readGraphStrings(file, 2) as string[];
    for (const text of strings) {
      const { params: told, level_offsets: levels } = JSON.parse(text);
      expect(told).toEqual({ max_level: 3, m: 5, ef_construction: 17, prefetch_distance: 2 });
      expect(levels.length).toBe(4);
    }
    file.close();
  });
});
