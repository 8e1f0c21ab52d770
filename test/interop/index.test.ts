import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { createIndex } from "../../src/index/create-index.ts";
import { describeIndices, getCommittedSegments } from "../../src/index/describe.ts";
import { decodeModel } from "../../src/index/ivf/model.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { readModel } from "../../src/index/model-file.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, ScalarQuery } from "../../src/index/segment.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { scanFragment } from "../../src/table/rows/scan-fragment.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createRandom, inlinePool } from "../index/support.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

const SCRIPT = fileURLToPath(new URL("./index.py", import.meta.url));
const DIMENSION = 24;
const FRAGMENTS = [900, 350, 500];

let directory: string;
beforeAll(async () => {
  useTestRuntime();
  directory = await mkdtemp(join(tmpdir(), "lancelet-index-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface FilterAnswer {
  readonly filter: string;
  readonly ids: number[];
  readonly scan: number[];
  readonly plan: string;
}
interface NearestAnswer {
  readonly ids: number[];
  readonly distances: number[];
  readonly exactIds: number[];
  readonly exactDistances: number[];
  readonly plan: string;
}
interface QueryAnswer {
  readonly indices: { name: string; type: string; rows: number; segments: number[][] }[];
  readonly filters: FilterAnswer[];
  readonly nearest: NearestAnswer[][];
  readonly rows: number;
}

/** Runs one command of native Lance on a dataset in the test's directory. */
async function native<T>(dataset: string, action: string, more: object = {}): Promise<T> {
  const python = process.env.LANCELET_PYTHON;
  if (!python) throw new Error("set LANCELET_PYTHON to a Python that has pylance; npm test does");
  const child = spawn(python, [SCRIPT], { cwd: directory });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (data) => output.push(data));
  child.stderr.on("data", (data) => errors.push(data));
  child.stdin.end(JSON.stringify({ dataset, action, dimension: DIMENSION, ...more }));
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(Buffer.concat(errors).toString().slice(-2000));
  return JSON.parse(Buffer.concat(output).toString().trim().split("\n").at(-1)!);
}

const open = (dataset: string) => openSnapshot(createNodeFsStore(join(directory, dataset)), { uri: dataset });
const create = (dataset: string) => native(dataset, "create", { fragments: FRAGMENTS });

async function buildEach(snapshot: Snapshot, column: string, type: string, name: string, more: object = {}) {
  const segments: IndexSegment[] = [];
  for (const fragmentIds of [[0], [1, 2]]) {
    segments.push(
      await createIndexUncommitted(snapshot, column, type, { pool: inlinePool, name, fragmentIds, ...more }),
    );
  }
  return segments;
}

/** The column `id` of every row, by address. */
async function readIds(snapshot: Snapshot): Promise<Map<bigint, number>> {
  const ids = new Map<bigint, number>();
  for (const fragment of snapshot.fragments) {
    let offset = 0n;
    for await (const batch of scanFragment(snapshot, fragment, [snapshot.schema.fields[0]!], { kind: "all" })) {
      for (const id of batch.getChildAt(0)!) ids.set((BigInt(fragment.id) << 32n) + offset++, id as number);
    }
  }
  return ids;
}

const random = createRandom(3);
const VECTORS = Array.from({ length: 6 }, () => Array.from({ length: DIMENSION }, () => Math.fround(random() * 2 - 1)));

function expectUsed(answers: readonly FilterAnswer[], name: string): void {
  for (const { filter, ids, scan, plan } of answers) {
    expect(plan, filter).toContain(`@${name}(BTree)`);
    expect(ids, filter).toEqual(scan);
  }
}

function expectClose(found: ArrayLike<number>, expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  for (const [i, distance] of expected.entries()) expect(found[i]).toBeCloseTo(distance, 3);
}

function expectNearest(answers: readonly NearestAnswer[], name: string): void {
  for (const { ids, distances, exactIds, exactDistances, plan } of answers) {
    expect(plan).toContain(`ANNSubIndex: name=${name}`);
    expect(ids).toEqual(exactIds);
    expectClose(distances, exactDistances);
  }
}

const FILTERS: Readonly<Record<string, readonly string[]>> = {
  i: ["i = 5", "i < -30", "i BETWEEN 10 AND 14", "i IN (1, 2, 99)", "i IS NULL", "NOT (i < 45)", "i != 7"],
  f: ["f > 1.5", "f <= -0.25", "f IS NULL"],
  s: ["s = 'beta07'", "s LIKE 'alpha1%'", "starts_with(s, 'Über')", "s >= 'gamma' AND s < 'zeta02'"],
  ts: ["ts >= timestamp '2020-01-01 00:00:00'", "ts < timestamp '1990-06-01 00:00:00'"],
};
const METRICS = ["l2", "cosine", "dot"] as const;

describe("native Lance reads what is built here", () => {
  test.each(Object.entries(FILTERS))(
    "BTREE of %s: listed, planned, exact, also after native changes",
    async (column, filters) => {
      const dataset = `btree-${column}`;
      await create(dataset);
      const snapshot = await open(dataset);
      const name = `${column}_idx`;
      const committed = await commitExistingIndexSegments(
        snapshot,
        name,
        column,
        await buildEach(snapshot, column, "BTREE", name),
      );
      const before = await native<QueryAnswer>(dataset, "query", { filters });
      expect(before.indices).toEqual([{ name, type: "BTree", rows: 1750, segments: [[0], [1, 2]] }]);
      expectUsed(before.filters, name);

      const version = await native<number>(dataset, "change", {
        append: [{ first: 1750, count: 200, seed: 9 }],
        delete: ["id % 7 = 3"],
        optimize: 2,
      });
      expect(version).toBeGreaterThan(committed.version);
      const after = await native<QueryAnswer>(dataset, "query", { filters });
      expect(after.indices[0]!.segments.flat().sort()).toEqual([0, 1, 2, 3]);
      expectUsed(after.filters, name);
    },
  );

  test.each(METRICS)("IVF_FLAT %s: listed, planned, exact, also after native changes", async (metric) => {
    const dataset = `ivf-${metric}`;
    await create(dataset);
    const snapshot = await open(dataset);
    const { segments } = await createIndex(snapshot, "v", "IVF_FLAT", {
      pool: inlinePool,
      params: { metric, numPartitions: 7 },
    });
    expect(segments).toHaveLength(1);
    const nearest = [{ column: "v", queries: VECTORS, k: 10, nprobes: 7, metric }];
    const before = await native<QueryAnswer>(dataset, "query", { nearest });
    expect(before.indices).toEqual([{ name: "v_idx", type: "IVF_FLAT", rows: 1750, segments: [[0, 1, 2]] }]);
    expectNearest(before.nearest[0]!, "v_idx");

    await native(dataset, "change", {
      append: [{ first: 1750, count: 200, seed: 9 }],
      delete: ["id % 7 = 3"],
      optimize: 1,
    });
    const after = await native<QueryAnswer>(dataset, "query", { nearest });
    expectNearest(after.nearest[0]!, "v_idx");
  });

  test.each(METRICS)("IVF_FLAT %s without nprobes: the same partitions are probed here and there", async (metric) => {
    const dataset = `probes-${metric}`;
    await create(dataset);
    const { snapshot, segments } = await createIndex(await open(dataset), "v", "IVF_FLAT", {
      pool: inlinePool,
      params: { metric, numPartitions: 200 },
    });
    const ids = await readIds(snapshot);
    for (const k of [1, 10, 25, 300]) {
      const nearest = [{ column: "v", queries: VECTORS, k, metric }];
      const answer = await native<QueryAnswer>(dataset, "query", { nearest });
      for (const [i, q] of VECTORS.entries()) {
        const query = { kind: "vector", q: Float32Array.from(q), k, minimumNprobes: 1, maximumNprobes: null } as const;
        const found = await searchSegments(snapshot, segments, query);
        // As sets: near ties may swap, since sums of squares are rounded in another order.
        expect(new Set([...found.rowIds].map((rowId) => ids.get(rowId)))).toEqual(new Set(answer.nearest[0]![i]!.ids));
      }
    }
  });

  test("segments of one model and of two, merged here and merged there", async () => {
    await create("models");
    const snapshot = await open("models");
    const params = { metric: "cosine", numPartitions: 6 };
    const model = await trainIndexModel(snapshot, "v", "IVF_FLAT", { pool: inlinePool, params });
    const nearest = [{ column: "v", queries: VECTORS, k: 12, nprobes: 6, metric: "cosine" }];
    const shared = await buildEach(snapshot, "v", "IVF_FLAT", "v_idx", { params, model });
    const merged = await mergeExistingIndexSegments(snapshot, shared, { pool: inlinePool });
    const mergedThere = await native<IndexSegment>("models", "merge", { segments: shared });
    const own = await buildEach(snapshot, "v", "IVF_FLAT", "v_idx", { params });
    for (const segments of [shared, [merged], [mergedThere], own]) {
      await native("models", "commit", { name: "v_idx", column: "v", segments });
      const answer = await native<QueryAnswer>("models", "query", { nearest });
      expect(answer.indices[0]!.segments).toEqual(segments.map(({ fragmentIds }) => [...fragmentIds]).sort());
      expectNearest(answer.nearest[0]!, "v_idx");
    }
  });

  test("BTREE segments built here, committed and merged by native Lance", async () => {
    await create("btree-committed");
    const snapshot = await open("btree-committed");
    const segments = await buildEach(snapshot, "s", "BTREE", "s_idx", { params: { zoneSize: 64 } });
    await native("btree-committed", "commit", { name: "s_idx", column: "s", segments });
    const filters = FILTERS.s!;
    expectUsed((await native<QueryAnswer>("btree-committed", "query", { filters })).filters, "s_idx");
    const merged = await native<IndexSegment>("btree-committed", "merge", { segments });
    await native("btree-committed", "commit", { name: "s_idx", column: "s", segments: [merged] });
    const answer = await native<QueryAnswer>("btree-committed", "query", { filters });
    expect(answer.indices[0]!.segments).toEqual([[0, 1, 2]]);
    expectUsed(answer.filters, "s_idx");
  });
});

describe("what native Lance builds is used here", () => {
  test("BTREE segments: committed, searched, merged with rows appended since", async () => {
    const dataset = "native-btree";
    await create(dataset);
    const segments = await native<IndexSegment[]>(dataset, "build", {
      column: "i",
      type: "BTREE",
      name: "i_idx",
      groups: [[0], [2, 1]],
    });
    const committed = await commitExistingIndexSegments(await open(dataset), "i_idx", "i", segments);
    expect(await describeIndices(committed)).toMatchObject([
      { name: "i_idx", indexType: "BTree", numRowsIndexed: 1750 },
    ]);
    const queries: (readonly [string, ScalarQuery])[] = [
      ["i = 5", { kind: "equals", value: 5 }],
      [
        "i >= 20 AND i < 30",
        { kind: "range", lower: { value: 20, inclusive: true }, upper: { value: 30, inclusive: false } },
      ],
      ["i IS NULL", { kind: "isNull" }],
    ];
    const check = async (snapshot: Snapshot): Promise<void> => {
      const ids = await readIds(snapshot);
      const expected = await native<QueryAnswer>(dataset, "query", { filters: queries.map(([text]) => text) });
      for (const [i, [text, query]] of queries.entries()) {
        const answer = await searchSegments(snapshot, await getCommittedSegments(snapshot, "i_idx"), query);
        const found = [...answer.trueRows.ids()].map((rowId) => ids.get(rowId)!);
        expect(
          found.sort((a, b) => a - b),
          text,
        ).toEqual(expected.filters[i]!.scan);
        expect(expected.filters[i]!.ids, text).toEqual(expected.filters[i]!.scan);
      }
    };
    await check(committed);
    await native(dataset, "change", { append: [{ first: 1750, count: 90, seed: 4 }], delete: ["id < 40"] });
    const changed = await open(dataset);
    const merged = await mergeExistingIndexSegments(changed, await getCommittedSegments(changed, "i_idx"), {
      pool: inlinePool,
      newFragmentIds: [3],
    });
    await check(await commitExistingIndexSegments(changed, "i_idx", "i", [merged]));
  });

  test.each(METRICS)("IVF_FLAT %s segments of one model: committed, searched, merged", async (metric) => {
    const dataset = `native-ivf-${metric}`;
    await create(dataset);
    const snapshot = await open(dataset);
    const params = { metric, numPartitions: 4 };
    const trained = (await trainIndexModel(snapshot, "v", "IVF_FLAT", { pool: inlinePool, params }))!;
    const { centroids } = decodeModel(await readModel(snapshot.store, trained));
    const rows = Array.from({ length: 4 }, (_, i) => [...centroids.subarray(i * DIMENSION, (i + 1) * DIMENSION)]);
    const segments = await native<IndexSegment[]>(dataset, "build", {
      column: "v",
      type: "IVF_FLAT",
      name: "v_idx",
      groups: [[0], [1, 2]],
      options: { metric, num_partitions: 4, ivf_centroids: rows },
    });
    const check = async (at: Snapshot): Promise<void> => {
      const ids = await readIds(at);
      const nearest = [{ column: "v", queries: VECTORS, k: 10, nprobes: 4, metric }];
      const answer = await native<QueryAnswer>(dataset, "query", { nearest });
      for (const [i, q] of VECTORS.entries()) {
        const found = await searchSegments(at, await getCommittedSegments(at, "v_idx"), {
          kind: "vector",
          q: Float32Array.from(q),
          k: 10,
          minimumNprobes: 4,
          maximumNprobes: 4,
        });
        const expected = answer.nearest[0]![i]!;
        expect([...found.rowIds].map((rowId) => ids.get(rowId))).toEqual(expected.exactIds);
        expectClose(found.distances, expected.exactDistances);
      }
      expectNearest(answer.nearest[0]!, "v_idx");
    };
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
    await check(committed);
    const merged = await mergeExistingIndexSegments(committed, segments, { pool: inlinePool });
    await check(await commitExistingIndexSegments(committed, "v_idx", "v", [merged]));
  });
});
