import { type DataType, Field, FixedSizeList, Float16, Float32, Float64, Uint8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { decodeModel, encodeModel } from "../../src/index/ivf/model.ts";
import { rabitStorage } from "../../src/index/ivf/storage/rq.ts";
import { unpackCodes } from "../../src/index/ivf/storage/rq-packed.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { readModel, writeModel } from "../../src/index/model-file.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, SegmentQuery, VectorQuery } from "../../src/index/segment.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { RowSet } from "../../src/table/row-set.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { describeIndexFamily, type FamilyCase } from "../conformance/index-family-suite.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { writeSequentialCodes } from "./sequential-codes.ts";
import { createFragments, createRandom, expectError, inlinePool, readRows, type Value } from "./support.ts";

useTestRuntime();

const ALL = 1 << 20;
const listOf = (item: DataType, dimension: number) => new FixedSizeList(dimension, new Field("item", item, true));

/** Vectors that all lie on a centroid: their distances come out exactly, whatever the codes. */
const PLACES = Array.from({ length: 5 }, (_, place) => {
  const random = createRandom(place + 100);
  return Float32Array.from({ length: 16 }, () => Math.floor(random() * 40) - 20);
});

function measure(metric: string, q: ArrayLike<number>, v: ArrayLike<number>): number {
  let [dot, squares, norm] = [0, 0, 0];
  for (let i = 0; i < v.length; i++) {
    dot += q[i]! * v[i]!;
    squares += (q[i]! - v[i]!) ** 2;
    norm += v[i]! * v[i]!;
  }
  if (metric === "cosine")
    return 2 - (2 * dot) / Math.sqrt(norm * Array.from(q).reduce((sum, value) => sum + value * value, 0));
  return metric === "l2" ? squares : 1 - dot;
}

function rq(metric: "l2" | "cosine", numBits: number): FamilyCase {
  return {
    title: `IVF_RQ ${metric} of ${numBits} bits`,
    indexType: "IVF_RQ",
    type: listOf(new Float32(), 16),
    params: { metric, numBits, numPartitions: 5, maxIterations: 8 },
    sharesModel: true,
    makeValue: (random) => PLACES[Math.floor(random() * PLACES.length)]!,
    makeQueries(random) {
      const make = (k: number, more: Partial<VectorQuery> = {}): SegmentQuery => ({
        kind: "vector",
        q: Float32Array.from({ length: 16 }, () => random() * 40 - 20),
        k,
        minimumNprobes: ALL,
        maximumNprobes: ALL,
        ...more,
      });
      const range = metric === "l2" ? ([2000, 5000] as const) : ([1.5, 2.2] as const);
      return [make(1), make(10), make(37, { approxMode: "accurate" }), make(5000), make(8, { distanceRange: range })];
    },
    bruteForce(query, rows: ReadonlyMap<bigint, Value>) {
      const { q, k, distanceRange } = query as VectorQuery;
      const [lower, upper] = distanceRange ?? [null, null];
      const nearest = [...rows]
        .filter(([, value]) => value !== null)
        .map(([rowId, value]) => ({ rowId, distance: measure(metric, q, value as Float32Array) }))
        .filter(({ distance }) => (lower === null || distance >= lower) && (upper === null || distance < upper))
        .sort((a, b) => a.distance - b.distance || (a.rowId < b.rowId ? -1 : 1));
      return { nearest: nearest.slice(0, k) };
    },
  };
}

describeIndexFamily(rq("l2", 1));
describeIndexFamily(rq("cosine", 5));

const DIMENSION = 40;
const NUM_ROWS = 700;

/** Vectors around some places, as real ones are. */
function makeVectors(count: number, seed: number): Float32Array[] {
  const random = createRandom(seed);
  const normal = () => random() + random() + random() + random() - 2;
  const places = createRandom(1);
  const centers = Array.from({ length: 6 }, () => Float32Array.from({ length: DIMENSION }, () => places() * 2 - 1));
  return Array.from({ length: count }, () => {
    const center = centers[Math.floor(random() * 6)]!;
    return center.map((value) => value + 0.5 * normal());
  });
}

async function createTable(item: DataType, fragments = [NUM_ROWS]): Promise<Snapshot> {
  const values = fragments.map((count, i) => makeVectors(count, i + 10));
  return createFragments(createMemoryStore(), listOf(item, DIMENSION), values);
}

const options = { pool: inlinePool, name: "v_idx" };

async function ask(
  snapshot: Snapshot,
  segments: readonly IndexSegment[],
  more: Partial<VectorQuery> & { readonly mask?: RowSet } = {},
) {
  const { mask, ...query } = more;
  const q = more.q ?? makeVectors(1, 77)[0]!;
  const full = { kind: "vector", k: 10, minimumNprobes: ALL, maximumNprobes: ALL, ...query, q } as VectorQuery;
  return searchSegments(snapshot, segments, full, mask ? { mask } : {});
}

describe("distances", () => {
  const cases = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((numBits) => ({
    numBits,
    metric: "l2",
    item: new Float32() as DataType,
  }));
  const others = [
    { numBits: 5, metric: "cosine", item: new Float32() as DataType },
    { numBits: 5, metric: "dot", item: new Float32() as DataType },
    { numBits: 3, metric: "dot", item: new Float16() as DataType },
    { numBits: 7, metric: "l2", item: new Float16() as DataType },
    { numBits: 4, metric: "cosine", item: new Float64() as DataType },
  ];
  for (const rotationType of ["fast", "matrix"]) {
    for (const { numBits, metric, item } of [...cases, ...others]) {
      test(`${metric} of ${item} with ${numBits} bits and a ${rotationType} rotation are near the true ones`, async () => {
        const snapshot = await createTable(item);
        const params = { metric, numBits, rotationType, numPartitions: 4 };
        const segment = await createIndexUncommitted(snapshot, "v", "IVF_RQ", { ...options, params, fragmentIds: [0] });
        const rows = await readRows(snapshot);
        for (const q of makeVectors(3, 200)) {
          const { rowIds, distances } = await ask(snapshot, [segment], { q, k: NUM_ROWS, approxMode: "accurate" });
          expect(rowIds.length).toBe(NUM_ROWS);
          const spread = metric === "l2" ? 15 : metric === "dot" ? 8 : 2;
          let sum = 0;
          rowIds.forEach((rowId, i) => {
            sum += Math.abs(distances[i]! - measure(metric, q, rows.get(rowId) as Float32Array));
          });
          expect(sum / NUM_ROWS).toBeLessThan((spread * 0.2) / 2 ** (numBits - 1) + 0.005);
        }
      });
    }
  }

  test("of the modes are near each other; the fast one is the less exact", async () => {
    const snapshot = await createTable(new Float32());
    const params = { numBits: 5, numPartitions: 3 };
    const segment = await createIndexUncommitted(snapshot, "v", "IVF_RQ", { ...options, params, fragmentIds: [0] });
    const rows = await readRows(snapshot);
    const q = makeVectors(1, 5)[0]!;
    const errors: number[] = [];
    for (const approxMode of ["accurate", "normal", "fast"] as const) {
      const { rowIds, distances } = await ask(snapshot, [segment], { q, k: NUM_ROWS, approxMode });
      const found = Array.from(rowIds, (rowId, i) =>
        Math.abs(distances[i]! - measure("l2", q, rows.get(rowId) as Float32Array)),
      );
      errors.push(found.reduce((sum, error) => sum + error, 0) / found.length);
    }
    expect(errors[0]!).toBeLessThan(errors[1]! * 1.05);
    expect(errors[1]! * 2).toBeLessThan(errors[2]!);
  });

  test("under a mask and in a range are those of all rows that are left", async () => {
    const snapshot = await createTable(new Float32());
    const params = { numBits: 1, numPartitions: 3 };
    const segment = await createIndexUncommitted(snapshot, "v", "IVF_RQ", { ...options, params, fragmentIds: [0] });
    const all = await ask(snapshot, [segment], { k: NUM_ROWS });
    const ids = [...all.rowIds];
    const kept = new Set(ids.filter((_, i) => i % 7 === 3));
    const mask = RowSet.fromIds(BigUint64Array.from(kept), new Map([[0, NUM_ROWS]]));
    const masked = await ask(snapshot, [segment], { k: 20, mask });
    const expected = ids.flatMap((rowId, i) => (kept.has(rowId) ? [[rowId, all.distances[i]!]] : [])).slice(0, 20);
    expect(Array.from(masked.rowIds, (rowId, i) => [rowId, masked.distances[i]!])).toEqual(expected);
    const distanceRange = [all.distances[100]!, all.distances[300]!] as const;
    const ranged = await ask(snapshot, [segment], { k: 250, distanceRange });
    expect([...ranged.rowIds]).toEqual(
      ids.filter((_, i) => all.distances[i]! >= distanceRange[0] && all.distances[i]! < distanceRange[1]),
    );
  });
});

describe("segments", () => {
  async function buildThree(
    params: Readonly<Record<string, unknown>>,
    changeModel?: (storage: Record<string, unknown>) => object,
  ) {
    const snapshot = await createTable(new Float32(), [300, 150, 211]);
    const trained = await trainIndexModel(snapshot, "v", "IVF_RQ", { ...options, params });
    let model = trained;
    if (changeModel) {
      const shared = decodeModel(await readModel(snapshot.store, trained!));
      const storage = changeModel(shared.storage as Record<string, unknown>) as Record<string, unknown>;
      model = await writeModel(snapshot.store as Store, encodeModel({ ...shared, storage }));
    }
    const segments: IndexSegment[] = [];
    for (const id of [0, 1, 2]) {
      segments.push(
        await createIndexUncommitted(snapshot, "v", "IVF_RQ", { ...options, params, fragmentIds: [id], model }),
      );
    }
    return { snapshot, segments };
  }

  test("of one model merge to what answers as they do", async () => {
    const { snapshot, segments } = await buildThree({ numBits: 4, numPartitions: 4 });
    const merged = await mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool });
    for (const q of makeVectors(4, 31)) {
      const query = { q, k: 40, approxMode: "accurate" } as const;
      const [apart, together] = [await ask(snapshot, segments, query), await ask(snapshot, [merged], query)];
      expect(together.rowIds).toEqual(apart.rowIds);
      expect(together.distances).toEqual(apart.distances);
    }
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", [merged]);
    expect(merged.indexVersion).toBe(2);
    expect(committed.version).toBe(snapshot.version + 1);
  });

  test("of rotations of their own do not merge; they answer together", async () => {
    const snapshot = await createTable(new Float32(), [300, 150]);
    const build = (id: number, seed: number) =>
      createIndexUncommitted(snapshot, "v", "IVF_RQ", {
        ...options,
        params: { numPartitions: 1, seed },
        fragmentIds: [id],
      });
    const segments = [await build(0, 1), await build(1, 2)];
    await expectError(mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool }), "SEGMENT_INCOMPATIBLE");
    const { rowIds } = await ask(snapshot, segments, { k: 450 });
    expect(rowIds.length).toBe(450);
    const models = [
      { kind: "RQ", numBits: 1 },
      { kind: "RQ", numBits: 2 },
    ];
    expect(() => rabitStorage.mergeModels(models)).toThrow(expect.objectContaining({ code: "SEGMENT_INCOMPATIBLE" }));
  });

  for (const rotationType of ["fast", "matrix"]) {
    for (const metric of ["l2", "dot", "cosine"]) {
      test(`of old releases (${rotationType}, ${metric}) tell the same distances, and merge`, async () => {
        const params = { numBits: 1, numPartitions: 3, rotationType, metric };
        const now = await buildThree(params);
        const old = await buildThree(params, (storage) => ({
          ...storage,
          estimator: "residual_query",
          hasErrors: false,
        }));
        const merged = await mergeExistingIndexSegments(old.snapshot, old.segments, { pool: inlinePool });
        for (const q of makeVectors(3, 8)) {
          const query = { q, k: 661, approxMode: "accurate" } as const;
          const [told, toldNow] = [
            await ask(old.snapshot, [merged], query),
            await ask(now.snapshot, now.segments, query),
          ];
          expect(told.rowIds.length).toBe(661);
          if (metric === "dot") {
            // Factors for the query itself have another part of the error taken out.
            const rows = await readRows(old.snapshot);
            const list = ({ rowIds, distances }: typeof told) =>
              Array.from(rowIds, (rowId, at) => distances[at]! - measure(metric, q, rows.get(rowId) as Float32Array));
            const mean = (errors: readonly number[]) => errors.reduce((sum, error) => sum + error, 0) / errors.length;
            expect(Math.abs(mean(list(told)))).toBeLessThan(0.75);
            const rate = (answer: typeof told) => mean(list(answer).map(Math.abs));
            expect(rate(told)).toBeLessThan(rate(toldNow) * 1.5);
            continue;
          }
          const byRow = new Map(Array.from(toldNow.rowIds, (rowId, i) => [rowId, toldNow.distances[i]!]));
          told.rowIds.forEach((rowId, i) => {
            expect(Math.abs(told.distances[i]! - byRow.get(rowId)!)).toBeLessThan(1e-3);
          });
        }
      });
    }
  }

  test("without error factors, of several bits, answer as those that have them", async () => {
    const params = { numBits: 3, numPartitions: 3 };
    const [now, old] = [
      await buildThree(params),
      await buildThree(params, (storage) => ({ ...storage, hasErrors: false })),
    ];
    const query = { k: 661, approxMode: "accurate" } as const;
    expect(await ask(old.snapshot, old.segments, query)).toMatchObject({
      rowIds: (await ask(now.snapshot, now.segments, query)).rowIds,
    });
  });
});

describe("codes beyond the sign as betas wrote them", () => {
  const query = { k: NUM_ROWS, approxMode: "accurate" } as const;

  test.each([2, 3, 4, 5, 6, 7, 8, 9])("of %d bits: tell the same, and are merged into blocks", async (numBits) => {
    const snapshot = await createTable(new Float32());
    // With 72 values the last block is not whole.
    const wide = await createFragments(createMemoryStore(), listOf(new Float32(), 72), [
      Array.from({ length: 80 }, (_, i) => Float32Array.from({ length: 72 }, (_, j) => Math.sin(i * 72 + j))),
    ]);
    for (const [table, dimension] of [
      [snapshot, DIMENSION],
      [wide, 72],
    ] as const) {
      const params = { numBits, numPartitions: 2 };
      const now = await createIndexUncommitted(table, "v", "IVF_RQ", { ...options, params, fragmentIds: [0] });
      const q = Float32Array.from({ length: dimension }, (_, i) => Math.cos(i));
      const { rowIds, distances } = await ask(table, [now], { ...query, q });
      const old = await writeSequentialCodes(table.store as Store, now, { dimension, numBits });
      expect(await ask(table, [old], { ...query, q })).toMatchObject({ rowIds, distances });
      const merged = await mergeExistingIndexSegments(table, [old], { pool: inlinePool });
      expect(await ask(table, [merged], { ...query, q })).toMatchObject({ rowIds, distances });
    }
  });
});

test("packed codes come back row by row", () => {
  const random = createRandom(3);
  for (const [numRows, codeBytes, rowBytes] of [
    [1, 2, 14],
    [31, 3, 9],
    [32, 5, 5],
    [100, 6, 30],
  ] as const) {
    const codes = Uint8Array.from({ length: numRows * codeBytes }, () => random() * 256);
    const packed = new Uint8Array(codes.length);
    const whole = numRows - (numRows % 32);
    for (let row = 0; row < numRows; row++) {
      for (let byte = 0; byte < codeBytes; byte++) {
        const code = codes[row * codeBytes + byte]!;
        if (row >= whole) {
          packed[whole * codeBytes + byte * (numRows - whole) + row - whole] = code;
          continue;
        }
        const at =
          (row - (row % 32)) * codeBytes +
          byte * 32 +
          [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15].indexOf(row % 16);
        const shift = row % 32 >= 16 ? 4 : 0;
        packed[at]! |= (code & 15) << shift;
        packed[at + 16]! |= (code >> 4) << shift;
      }
    }
    const values = new Uint8Array(numRows * rowBytes).fill(7);
    for (let row = 0; row < numRows; row++)
      values.set(packed.subarray(row * codeBytes, (row + 1) * codeBytes), row * rowBytes);
    unpackCodes(values, numRows, { rowBytes, codeBytes });
    for (let row = 0; row < numRows; row++) {
      const bytes = values.subarray(row * rowBytes, (row + 1) * rowBytes);
      expect(bytes.subarray(0, codeBytes)).toEqual(codes.subarray(row * codeBytes, (row + 1) * codeBytes));
      expect(bytes.subarray(codeBytes).every((byte) => byte === 7)).toBe(true);
    }
  }
});

describe("refused", () => {
  test("dimensions, bytes, bits, rotations and models that are none", async () => {
    const build = async (type: DataType, params: Readonly<Record<string, unknown>>, more: object = {}) => {
      const width = (type as FixedSizeList).listSize;
      const values = [Array.from({ length: 30 }, () => new Float32Array(width).fill(1))];
      const snapshot = await createFragments(createMemoryStore(), type, values);
      return createIndexUncommitted(snapshot, "v", "IVF_RQ", {
        ...options,
        params: { numPartitions: 1, ...params },
        fragmentIds: [0],
        ...more,
      });
    };
    await expectError(build(listOf(new Float32(), 12), {}), "INVALID_ARGUMENT");
    await expectError(build(listOf(new Uint8(), 16), {}), "INVALID_ARGUMENT");
    const good = listOf(new Float32(), 16);
    await expectError(build(good, { metric: "hamming" }), "INVALID_ARGUMENT");
    for (const numBits of [0, 10, 1.5]) await expectError(build(good, { numBits }), "INVALID_ARGUMENT");
    await expectError(build(good, { rotationType: "slow" }), "INVALID_ARGUMENT");
    const shared = { fast_rotation_signs: [1, 2, 3, 4, 5, 6, 7, 8], rotation_type: "fast", code_dim: 16, num_bits: 5 };
    expect((await build(good, { rabitqModel: JSON.stringify(shared) })).fragmentIds).toEqual([0]);
    for (const rabitqModel of [7, "{", JSON.stringify({ ...shared, code_dim: 8 }), "null"]) {
      await expectError(build(good, { rabitqModel }), "INVALID_ARGUMENT");
    }
    const rabitqModel = JSON.stringify(shared);
    await expectError(build(good, { rabitqModel, numBits: 4 }), "INVALID_ARGUMENT");
    await expectError(build(good, { rabitqModel, rotationType: "matrix" }), "INVALID_ARGUMENT");
  });

  /** A file as `readModel` sees one. */
  const file = (metadata: object | string, more: { columns?: string[]; buffer?: Uint8Array } = {}) =>
    ({
      path: "auxiliary.idx",
      metadata: {
        storage_metadata: typeof metadata === "string" ? metadata : JSON.stringify([JSON.stringify(metadata)]),
      },
      schema: { fields: (more.columns ?? ["_rabit_codes", "__error_factors"]).map((name) => ({ name })) },
      numGlobalBuffers: more.buffer ? 2 : 1,
      readGlobalBuffer: async () => more.buffer!,
    }) as never;
  const shape = { type: { element: "f32", dimension: 16 }, metric: "l2" } as const;
  const good = {
    rotate_mat_position: null,
    fast_rotation_signs: [1, 2, 3, 4, 5, 6, 7, 8],
    rotation_type: "fast",
    code_dim: 16,
    num_bits: 5,
    packed: true,
    query_estimator: "raw_query",
  };

  test("files whose metadata are not those of the column", async () => {
    expect(rabitStorage.acceptsModel(await rabitStorage.readModel(file(good), shape))).toBe(true);
    for (const change of [
      { num_bits: 0 },
      { num_bits: "5", query_estimator: undefined },
      { num_bits: 10 },
      { num_bits: "5" },
      { packed: "yes" },
      { code_dim: 24 },
      { fast_rotation_signs: null },
      { fast_rotation_signs: [1] },
      { rotation_type: "slow" },
      { query_estimator: "other" },
      { rotation_type: "matrix" },
      { rotation_type: "matrix", rotate_mat_position: 1 },
      { rotation_type: "matrix", rotate_mat_position: -1 },
    ]) {
      await expectError(rabitStorage.readModel(file({ ...good, ...change }), shape), "CORRUPT");
    }
    await expectError(rabitStorage.readModel(file("{"), shape), "CORRUPT");
    for (const buffer of [new Uint8Array(0), Uint8Array.of(255, 255), Uint8Array.of(8, 2, 18, 2, 16, 16, 26, 1, 0)]) {
      const metadata = { ...good, rotation_type: "matrix", rotate_mat_position: 1 };
      await expectError(rabitStorage.readModel(file(metadata, { buffer }), shape), "CORRUPT");
    }
    const old = file({ ...good, query_estimator: undefined });
    const error = await expectError(rabitStorage.readModel(old, shape), "UNSUPPORTED");
    expect(error.message).toContain("build the index anew");
    const wide = { ...shape, type: { element: "f32", dimension: 12 } } as const;
    await expectError(rabitStorage.readModel(file(good), wide), "CORRUPT");
  });
});
