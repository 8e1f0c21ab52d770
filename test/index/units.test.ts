import { describe, expect, test } from "vitest";
import { createCompareRows } from "../../src/index/btree/compare-values.ts";
import { fromLiterals, type ValueColumn } from "../../src/index/btree/value-column.ts";
import { getValueType } from "../../src/index/btree/value-type.ts";
import { decodeModel, encodeModel, type IvfModel } from "../../src/index/ivf/model.ts";
import { planProbes } from "../../src/index/ivf/probe-policy.ts";
import type { PartitionQuery } from "../../src/index/ivf/storage/storage.ts";
import { flatSubIndex } from "../../src/index/ivf/sub-index/flat.ts";
import { decodeCentroids, encodeCentroids, getCompareDimension } from "../../src/index/ivf/vectors.ts";
import { readModel, writeModel } from "../../src/index/model-file.ts";
import { PartCache } from "../../src/index/part-cache.ts";
import { findFamily, getFamilyByType, holdsRowAddresses } from "../../src/index/registry.ts";
import type { VectorQuery } from "../../src/index/segment.ts";
import { isObject, isRecord } from "../../src/is-record.ts";
import { toHalf } from "../../src/kernels/element.ts";
import type { TopK } from "../../src/kernels/top-k.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { drawUuid, formatUuid, parseUuid } from "../../src/store/uuid.ts";
import { createGiveWay } from "../../src/tasks/give-way.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { expectError } from "./support.ts";

useTestRuntime();

const typeOf = (logicalType: string) =>
  getValueType({ id: 0, parentId: -1, name: "v", logicalType, nullable: true, metadata: {}, children: [] });

describe("order of values", () => {
  test("floats in total order, both widths, with the sign of NaN", () => {
    const f64 = new BigInt64Array([-0x8_0000_0000_0000n, -0x10_0000_0000_0000n]);
    const doubles = new Float64Array(9);
    doubles.set([Number.NEGATIVE_INFINITY, -1, -0, 0, 1e-300, 1, Number.POSITIVE_INFINITY], 1);
    doubles[8] = Number.NaN;
    // A NaN with its sign bit set stands before everything.
    new BigInt64Array(doubles.buffer)[0] = f64[0]!;
    const singles = new Float32Array([
      0,
      Number.NEGATIVE_INFINITY,
      -1,
      -0,
      0,
      1e-30,
      1,
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
    new Int32Array(singles.buffer)[0] = -0x40_0000;
    for (const [values, name] of [
      [doubles, "double"],
      [singles, "float"],
    ] as const) {
      const type = typeOf(name);
      const column: ValueColumn = { type, length: 9, validity: null, nullCount: 0, values, offsets: null };
      const compare = createCompareRows(type);
      for (let i = 0; i < 9; i++) {
        for (let j = 0; j < 9; j++)
          expect([name, i, j, Math.sign(compare(column, i, column, j))]).toEqual([name, i, j, Math.sign(i - j)]);
      }
    }
  });

  test("literals must fit the column", () => {
    expect(() => fromLiterals(typeOf("int8"), [200])).toThrow("fits i8");
    expect(() => fromLiterals(typeOf("int32"), [1.5])).toThrow("fits i32");
    expect(() => fromLiterals(typeOf("int64"), [2n ** 63n])).toThrow("fits i64");
    expect(() => fromLiterals(typeOf("string"), [5])).toThrow("expected a string");
    expect(() => typeOf("list")).toThrow("BTREE index needs");
    expect(fromLiterals(typeOf("timestamp:us:-"), [5, 6n]).values).toEqual(BigInt64Array.of(5n, 6n));
  });
});

describe("the cache of parts", () => {
  const makePart = (byteLength: number, freed: string[], name: string) => ({
    byteLength,
    free: () => void freed.push(name),
  });

  test("holds its budget, least recently used out first, never what is in use", async () => {
    const freed: string[] = [];
    const cache = new PartCache(100);
    const take = (name: string, bytes = 40) => cache.lease(name, async () => makePart(bytes, freed, name));
    const a = await take("a");
    (await take("b")).release();
    a.release();
    (await take("a")).release();
    (await take("c")).release();
    expect([freed, cache.bytes]).toEqual([["b"], 80]);
    const used = await take("a");
    expect(used.fromCache).toBe(true);
    (await take("d", 90)).release();
    expect([freed, cache.bytes]).toEqual([["b", "c"], 90]);
    used.release();
    used.release();
    expect(freed).toEqual(["b", "c", "a"]);
    cache.trim(10);
    expect([freed.at(-1), cache.bytes]).toEqual(["d", 0]);
  });

  test("a part that is held is visited without a loan, and counts as used; one that is gone is not", async () => {
    const freed: string[] = [];
    const cache = new PartCache(100);
    const take = (name: string) => cache.lease(name, async () => makePart(40, freed, name));
    const [a, b] = [await take("a"), await take("b")];
    a.release();
    b.release();
    expect(a.visit((part) => part.byteLength)).toBe(40);
    const c = await take("c");
    expect(freed).toEqual(["b"]);
    expect(b.visit(() => 1)).toBeUndefined();
    // Evicted while it is looked at: it stays until then.
    const seen = a.visit(() => {
      cache.drop("a");
      return [...freed];
    });
    expect([seen, freed]).toEqual([["b"], ["b", "a"]]);
    expect(() =>
      c.visit(() => {
        throw new Error("while looking");
      }),
    ).toThrow("while looking");
    c.release();
    cache.trim(0);
    expect(freed).toEqual(["b", "a", "c"]);
  });

  test("loads a part once for all who wait, and again after a failure", async () => {
    const cache = new PartCache(100);
    let loads = 0;
    const load = async () => {
      loads++;
      await Promise.resolve();
      if (loads === 1) throw new Error("first");
      return makePart(1, [], "x");
    };
    const failed = await Promise.allSettled([cache.lease("x", load), cache.lease("x", load)]);
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const [one, two] = await Promise.all([cache.lease("x", load), cache.lease("x", load)]);
    expect([loads, one.part === two.part]).toEqual([2, true]);
  });

  test("drops what belongs to a closed segment", async () => {
    const freed: string[] = [];
    const cache = new PartCache(100);
    for (const name of ["s1/a", "s1/b", "s2/a"])
      (await cache.lease(name, async () => makePart(1, freed, name))).release();
    cache.drop("s1/");
    expect([freed, cache.bytes]).toEqual([["s1/a", "s1/b"], 1]);
  });
});

describe("how many partitions are probed", () => {
  const query = (more: Partial<VectorQuery>): VectorQuery => ({
    kind: "vector",
    q: new Float32Array(),
    k: 10,
    minimumNprobes: 1,
    maximumNprobes: null,
    ...more,
  });
  const far = Float32Array.from({ length: 50 }, (_, i) => 1 + i);

  test("a fixed number, bounds, and native's choice between", () => {
    expect(planProbes(query({ minimumNprobes: 3, maximumNprobes: 3 }), far, "l2")).toEqual({ initial: 3, limit: 3 });
    expect(planProbes(query({ minimumNprobes: 99, maximumNprobes: 99 }), far, "l2")).toEqual({
      initial: 50,
      limit: 50,
    });
    expect(planProbes(query({}), far, "l2")).toEqual({ initial: 6, limit: 50 });
    expect(planProbes(query({ k: 1 }), far, "cosine")).toEqual({ initial: 3, limit: 50 });
    expect(planProbes(query({ minimumNprobes: 20 }), far, "l2")).toEqual({ initial: 20, limit: 50 });
    expect(planProbes(query({ maximumNprobes: 2 }), far, "l2")).toEqual({ initial: 2, limit: 2 });
    expect(planProbes(query({}), new Float32Array(50).fill(1), "l2")).toEqual({ initial: 24, limit: 50 });
    expect(planProbes(query({ k: 200_000 }), far, "l2")).toEqual({ initial: 50, limit: 50 });
  });
});

describe("trained models", () => {
  const centroids = Float32Array.of(1, 2, 3, -0.5);
  const model: IvfModel = {
    metric: "dot",
    type: { element: "f32", dimension: 2 },
    numPartitions: 2,
    centroids,
    tensor: new Uint8Array(centroids.buffer),
    loss: 0.25,
    storage: null,
  };

  test("are the same bytes for the same model, named by their hash", async () => {
    expect(decodeModel(encodeModel(model))).toEqual(model);
    const store = createMemoryStore();
    const [one, two] = [await writeModel(store, encodeModel(model)), await writeModel(store, encodeModel(model))];
    expect(one.sha256).toBe(two.sha256);
    expect(one.path).not.toBe(two.path);
    expect(one.path).toMatch(/^_indices\/[0-9a-f-]{36}\/model-[0-9a-f]{16}\.json$/);
    expect(decodeModel(await readModel(store, one))).toEqual(model);
  });

  test("that changed, vanished or make no sense are refused", async () => {
    const store = createMemoryStore();
    const written = await writeModel(store, encodeModel(model));
    await store.put(written.path, encodeModel({ ...model, loss: 0.5 }), { mode: "overwrite" });
    await expectError(readModel(store, written), "CORRUPT");
    await store.delete(written.path);
    await expectError(readModel(store, written), "NOT_FOUND");
    for (const change of [
      { dimension: 3 },
      { numPartitions: 0 },
      { metric: "hamming" },
      { format: "other" },
      { centroids: "?" },
    ]) {
      const damaged = { ...JSON.parse(new TextDecoder().decode(encodeModel(model))), ...change };
      expect(() => decodeModel(new TextEncoder().encode(JSON.stringify(damaged)))).toThrow();
    }
  });
});

test.each(["f16", "f32", "f64", "u8"] as const)("centroids of %s are what their files hold", (element) => {
  const numbers = [1, -2.5, 0.125, 7, 300, -0.5];
  const values = {
    f16: Uint16Array.from(numbers, toHalf),
    f32: Float32Array.from(numbers),
    f64: Float64Array.from(numbers),
  };
  const tensor =
    element === "u8" ? Uint8Array.of(1, 128, 0b1011_0010, 255, 0, 77) : new Uint8Array(values[element].buffer);
  const type = { element, dimension: 3 };
  const centroids = decodeCentroids(tensor, type);
  expect(centroids.length).toBe(2 * getCompareDimension(type));
  if (element !== "u8") expect([...centroids]).toEqual(numbers);
  expect([...encodeCentroids(centroids, element)]).toEqual([...tensor]);
});

describe("a partition without a graph", () => {
  function record(numRows: number) {
    const offered: [first: number, numRows: number][] = [];
    const buffer = (byteLength: number) => ({ pointer: 0, byteLength, bytes: () => new Uint8Array(), free: () => {} });
    const partition = { values: buffer(numRows << 20), rowIds: buffer(numRows * 8), numRows };
    const scan: PartitionQuery["scan"] = (_topK, slice) => offered.push([slice.rowIds.pointer / 8, slice.numRows]);
    const limits = { mask: undefined, lower: undefined, upper: undefined };
    const search = { query: { scan }, k: 1, ef: 1, rowBytes: 1 << 20, blockRows: 1, ...limits };
    return { offered, partition, search };
  }

  test("is compared at once up to 32 MiB; a larger one not at all, but slice by slice", async () => {
    const topK = {} as TopK;
    const small = record(32);
    expect(flatSubIndex.searchAtOnce(topK, small.partition, small.search)).toEqual({ selected: 32, comparisons: 32 });
    expect(small.offered).toEqual([[0, 32]]);
    const { offered, partition, search } = record(75);
    expect(flatSubIndex.searchAtOnce(topK, partition, search)).toBeUndefined();
    expect(offered).toEqual([]);
    const counts = await flatSubIndex.searchPartition(topK, partition, search, createGiveWay(undefined));
    expect(counts).toEqual({ selected: 75, comparisons: 75 });
    expect(offered).toEqual([
      [0, 32],
      [32, 32],
      [64, 11],
    ]);
  });
});

test("what is a record, and what only has properties", () => {
  for (const value of [{}, { a: 1 }, new Date(0)]) expect([isObject(value), isRecord(value)]).toEqual([true, true]);
  for (const value of [[], new Uint8Array(1)]) expect([isObject(value), isRecord(value)]).toEqual([true, false]);
  for (const value of [null, undefined, 1, "a"]) expect([isObject(value), isRecord(value)]).toEqual([false, false]);
});

describe("the registry", () => {
  const segment = (typeUrl: string, value = "") => ({ indexDetails: { typeUrl, value } });

  test("knows families by the end of a type url, in any case, and by any spelling of a type", async () => {
    const btree = await getFamilyByType("BTREE");
    for (const typeUrl of ["/lance.table.BTreeIndexDetails", "type.googleapis.com/lance.table.btreeindexdetails"]) {
      expect(await findFamily(segment(typeUrl))).toBe(btree);
    }
    const ivf = await getFamilyByType("ivf_flat");
    expect(await getFamilyByType("IvfFlat")).toBe(ivf);
    expect(await findFamily(segment("/lance.index.pb.VectorIndexDetails"))).toBe(ivf);
    await expectError(getFamilyByType("RTREE"), "UNSUPPORTED");
  });

  test("tells vector families by their details, and leaves others alone: unknown messages, graphs over RaBitQ, a metric nobody knows", async () => {
    const details = (...bytes: number[]) =>
      segment("/lance.index.pb.VectorIndexDetails", btoa(String.fromCharCode(...bytes)));
    expect(await findFamily(segment("/lance.table.BitmapIndexDetails"))).toBeUndefined();
    expect(await findFamily(segment("/other.NotBTreeIndexDetails"))).toBeUndefined();
    expect(await findFamily(details(0x22, 4, 8, 8, 16, 4))).toBe(await getFamilyByType("IVF_PQ"));
    expect(await findFamily(details(0x1a, 2, 8, 20, 0x42, 0))).toBe(await getFamilyByType("IVF_HNSW_FLAT"));
    expect(await findFamily(details(0x1a, 2, 8, 20, 0x32, 2, 8, 1))).toBeUndefined();
    expect(await findFamily(details(8, 3, 0x42, 0))).toBeDefined();
    expect(await findFamily(details(8, 9, 0x42, 0))).toBeUndefined();
    expect(await findFamily(details(8, 1, 0x42, 0))).toBeDefined();
  });

  test("knows which hold row addresses though rows have stable ids, those without a family here too", () => {
    const holds = (typeUrl: string, indexVersion?: number) =>
      holdsRowAddresses({
        indexDetails: { $typeName: "lance.any.AnyValue", typeUrl, value: new Uint8Array() },
        ...(indexVersion === undefined ? {} : { indexVersion }),
      });
    for (const name of ["table.ZoneMapIndexDetails", "table.BloomFilterIndexDetails", "index.pb.FMIndexDetails"]) {
      expect([name, holds(`/lance.${name}`)]).toEqual([name, true]);
    }
    expect([undefined, 0, 1, 2].map((version) => holds("/lance.table.BTreeIndexDetails", version))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    for (const name of ["index.pb.VectorIndexDetails", "table.BitmapIndexDetails", "table.FragmentReuseIndexDetails"]) {
      expect([name, holds(`/lance.${name}`, 1)]).toEqual([name, false]);
    }
    expect(holdsRowAddresses({})).toBe(false);
  });
});

test("giving way lets a cancel in, and is free below 20 ms", async () => {
  let now = 0;
  useTestRuntime({ now: () => now });
  const cancel = new AbortController();
  const giveWay = createGiveWay(cancel.signal);
  expect(giveWay()).toBeUndefined();
  now = 25;
  setTimeout(() => cancel.abort(), 0);
  const work = async (): Promise<void> => {
    for (; now < 1e6; now += 25) await giveWay();
  };
  await expectError(work(), "ABORTED");
  useTestRuntime();
});

test("uuids", () => {
  const uuid = drawUuid();
  expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(formatUuid(parseUuid(uuid))).toBe(uuid);
  expect(() => parseUuid("nope")).toThrow("uuid");
  expect(() => formatUuid(new Uint8Array(3))).toThrow("16 bytes");
});
