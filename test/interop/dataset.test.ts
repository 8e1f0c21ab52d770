import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  clearGlobalPool,
  type Dataset,
  type IndexSegment,
  initGlobalPool,
  openDataset,
  runBuildTask,
  writeDataset,
} from "../../src/entry-node.ts";
import {
  compareNearest,
  createRandom,
  DIMENSION,
  findNearest,
  idsOf,
  makeRows,
  makeVector,
  type Row,
  rowIdsOf,
  SCHEMA,
} from "../dataset/rows.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

const METRICS = ["l2", "cosine", "dot"] as const;
const FILTERS: readonly (readonly [string, (row: Row) => boolean])[] = [
  ["size < 20", ({ size }) => size !== null && size < 20],
  ["size IS NULL", ({ size }) => size === null],
  ["NOT (size > 15)", ({ size }) => size !== null && size <= 15],
  ["size IN (3, 7, 99)", ({ size }) => [3, 7, 99].includes(size ?? -1)],
  ["name = 'name 7' OR name LIKE 'name 3%'", ({ name }) => name === "name 7" || !!name?.startsWith("name 3")],
  [
    "size BETWEEN 10 AND 40 AND name > 'name 2'",
    (row) => row.size !== null && row.size >= 10 && row.size <= 40 && row.name !== null && row.name > "name 2",
  ],
];
const random = createRandom(77);
const QUERIES = Array.from({ length: 4 }, () => makeVector(random));

/** Native's side: what both test programs ask of a table, and segments as JSON. */
const PRELUDE = `
import base64, numpy as np
from datetime import datetime, timezone
from lance.dataset import Index
from lance import IndexFile, LanceDataset

def ask(path, filters, queries, metric):
    d = lance.dataset(path)
    d.validate()
    out = {"rows": d.count_rows(), "version": d.version, "indices": [], "filters": [], "nearest": []}
    for each in sorted(d.describe_indices(), key=lambda each: each.name):
        out["indices"].append([each.name, each.index_type, each.num_rows_indexed, sorted(sorted(s.fragment_ids) for s in each.segments)])
    for text in filters:
        s = d.scanner(columns=["id"], filter=text)
        out["filters"].append({"ids": s.to_table()["id"].to_pylist(), "plan": s.explain_plan(), "count": d.count_rows(text)})
    for q in queries:
        s = d.scanner(columns=["id"], nearest={"column": "vector", "q": np.array(q, np.float32), "k": 12, "nprobes": 8, "metric": metric})
        t = s.to_table()
        out["nearest"].append({"ids": t["id"].to_pylist(), "distances": t["_distance"].to_pylist(), "plan": s.explain_plan()})
    return out

def to_index(s):
    return Index(uuid=s["uuid"], name=s["name"], fields=s["fields"], dataset_version=s["datasetVersion"], fragment_ids=set(s["fragmentIds"]),
        index_version=s["indexVersion"], created_at=datetime.fromtimestamp((s["createdAt"] or 0) / 1000, tz=timezone.utc),
        files=[IndexFile(f["path"], f["sizeBytes"]) for f in s["files"]],
        index_details=(s["indexDetails"]["typeUrl"], base64.b64decode(s["indexDetails"]["value"])))

def from_index(i):
    url, value = i.index_details
    return {"uuid": str(i.uuid), "name": i.name, "fields": list(i.fields), "datasetVersion": i.dataset_version, "fragmentIds": sorted(i.fragment_ids),
        "indexVersion": i.index_version, "createdAt": None, "baseId": None, "files": [{"path": f.path, "sizeBytes": f.size_bytes} for f in i.files],
        "indexDetails": {"typeUrl": url, "value": base64.b64encode(bytes(value)).decode()}}

def table(rows):
    schema = pa.schema([pa.field("id", pa.int32(), False), pa.field("size", pa.int32()), pa.field("name", pa.string()), pa.field("vector", pa.list_(pa.float32(), ${DIMENSION}))])
    return pa.Table.from_pylist(rows, schema=schema)
`;

interface NativeAnswer {
  readonly rows: number;
  readonly version: number;
  readonly indices: (readonly [name: string, type: string, rows: number, segments: number[][]])[];
  readonly filters: { readonly ids: number[]; readonly plan: string; readonly count: number }[];
  readonly nearest: { readonly ids: number[]; readonly distances: number[]; readonly plan: string }[];
}

let directory: string;
let native: NativeSession;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-dataset-"));
  native = openNativeSession(directory);
  await native.run(PRELUDE);
  initGlobalPool({ numWorkers: 2 });
});
afterAll(async () => {
  native?.close();
  await clearGlobalPool();
  await rm(directory, { recursive: true, force: true });
});

const pathOf = (name: string): string => join(directory, name);
/** A JSON text is a Python string literal's content once escaped as one. */
const python = (value: unknown): string => `json.loads(${JSON.stringify(JSON.stringify(value))})`;

async function askNative(name: string, metric: string): Promise<NativeAnswer> {
  const filters = FILTERS.map(([text]) => text);
  return (await native.run(
    `out = ask(${python(name)}, ${python(filters)}, ${python(QUERIES)}, ${python(metric)})`,
  )) as NativeAnswer;
}

/** Native and we give what a plain loop over the rows gives, both through the indexes named. */
async function expectBothRight(name: string, rows: readonly Row[], metric: string): Promise<NativeAnswer> {
  const theirs = await askNative(name, metric);
  const dataset = await openDataset(pathOf(name));
  expect(theirs.rows).toBe(rows.length);
  expect(await dataset.countRows()).toBe(rows.length);
  expect(dataset.version).toBe(theirs.version);
  for (const [i, [filter, matches]] of FILTERS.entries()) {
    const wanted = rows.filter(matches).map(({ id }) => id);
    const answer = theirs.filters[i]!;
    const ours = dataset.scanner({ columns: ["id"], filter });
    expect(
      [...answer.ids].sort((a, b) => a - b),
      `native: ${filter}`,
    ).toEqual(wanted);
    expect(answer.count).toBe(wanted.length);
    expect(
      idsOf(await ours.toTable()).sort((a, b) => a - b),
      `ours: ${filter}`,
    ).toEqual(wanted);
    for (const plan of [answer.plan, await ours.explainPlan()]) {
      if (filter.includes("size")) expect(plan, filter).toContain("@size_idx(BTree)");
      if (filter.includes("name")) expect(plan, filter).toContain("@name_idx(BTree)");
    }
  }
  for (const [i, q] of QUERIES.entries()) {
    const expected = findNearest(rows, q, 12, metric);
    const answer = theirs.nearest[i]!;
    expect(answer.plan).toContain("ANNSubIndex: name=vector_idx");
    expect(answer.ids).toEqual(expected.map(({ id }) => id));
    for (const [rank, { distance }] of expected.entries()) expect(answer.distances[rank]).toBeCloseTo(distance, 3);
    const scanner = dataset.scanner({ columns: ["id"], nearest: { column: "vector", q, k: 12, nprobes: 8, metric } });
    expect(compareNearest(await scanner.toTable(), expected)).toBe(null);
    expect(await scanner.explainPlan()).toContain("vector_idx");
  }
  await dataset.close();
  return theirs;
}

/** Three indexes, two or three segments each, built by worker threads. */
async function indexAll(dataset: Dataset, metric: string): Promise<void> {
  await dataset.createScalarIndex("size", "BTREE", { zoneSize: 64 });
  await dataset.createScalarIndex("name", "BTREE");
  const parameters = { metric, numPartitions: 8 };
  const model = await dataset.trainIndexModel("vector", "IVF_FLAT", parameters);
  const segments: IndexSegment[] = [];
  for (const fragmentIds of [[0], [1, 2], [3]]) {
    segments.push(await dataset.createIndexUncommitted("vector", "IVF_FLAT", { ...parameters, model, fragmentIds }));
  }
  await dataset.commitExistingIndexSegments("vector_idx", "vector", segments);
}

describe.each(METRICS)("a table and indexes written here (%s)", (metric) => {
  test("native validates, lists, plans with and answers from them; changes it; we read on", async () => {
    const name = `ours-${metric}`;
    let rows: Row[] = makeRows(0, 800);
    const dataset = await writeDataset(rows, pathOf(name), { schema: SCHEMA, maxRowsPerFile: 200 });
    await indexAll(dataset, metric);
    const before = await expectBothRight(name, rows, metric);
    expect(before.indices.map(([index, type, count]) => [index, type, count])).toEqual([
      ["name_idx", "BTree", 800],
      ["size_idx", "BTree", 800],
      ["vector_idx", "IVF_FLAT", 800],
    ]);
    expect(before.indices[0]![3].flat().sort()).toEqual([0, 1, 2, 3]);
    expect(before.indices[0]![3]).toHaveLength(2);
    expect(before.indices[2]![3]).toEqual([[0], [1, 2], [3]]);

    // On top of them native appends rows that no segment covers, and deletes some of old and new.
    const added = makeRows(800, 150);
    await native.run(`
d = lance.dataset("${name}")
d.insert(table(${python(added)}))
d.delete("id % 11 = 4")
`);
    rows = [...rows, ...added].filter(({ id }) => id % 11 !== 4);
    await expectBothRight(name, rows, metric);

    // We delete and append on top of that, and native takes the new fragments into the indexes.
    await dataset.checkoutLatest();
    expect(await dataset.delete("id BETWEEN 100 AND 120")).toBe(rows.filter(({ id }) => id >= 100 && id <= 120).length);
    await dataset.insert(makeRows(950, 40));
    rows = [...rows.filter(({ id }) => id < 100 || id > 120), ...makeRows(950, 40)];
    await expectBothRight(name, rows, metric);
    await native.run(`lance.dataset("${name}").optimize.optimize_indices(num_indices_to_merge=1)`);
    const after = await expectBothRight(name, rows, metric);
    for (const [, , , segments] of after.indices) expect(segments.flat().sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

test("a table native wrote is indexed here, and row ids agree", async () => {
  let rows: Row[] = makeRows(0, 700);
  await native.run(`
lance.write_dataset(table(${python(rows)}), "theirs", max_rows_per_file=200)
lance.dataset("theirs").delete("id % 7 = 2")
`);
  rows = rows.filter(({ id }) => id % 7 !== 2);
  const dataset = await openDataset(pathOf("theirs"));
  await indexAll(dataset, "cosine");
  const answer = await expectBothRight("theirs", rows, "cosine");
  expect(answer.indices.map(([index]) => index)).toEqual(["name_idx", "size_idx", "vector_idx"]);
  const ours = await dataset.toTable({ columns: [], filter: "size < 20", withRowId: true });
  const theirs = await native.run(
    `out = lance.dataset("theirs").to_table(columns=[], filter="size < 20", with_row_id=True)["_rowid"].to_pylist()`,
  );
  expect(rowIdsOf(ours).map(Number)).toEqual(theirs);
});

test("segments change sides: built here and committed there, built there and committed here, in one index", async () => {
  const rows = makeRows(0, 800);
  const dataset = await writeDataset(rows, pathOf("sides"), { schema: SCHEMA, maxRowsPerFile: 200 });
  await dataset.createScalarIndex("name", "BTREE");
  const tasks = await dataset.planIndexBuild("size", "BTREE", { numWorkers: 2 });
  const mine = await runBuildTask(tasks[0]!);
  const theirs = (await native.run(`
d = lance.dataset("sides")
out = from_index(d.create_index_uncommitted("size", "BTREE", "size_idx", fragment_ids=${python(tasks[1]!.fragmentIds)}))
`)) as IndexSegment;
  // One logical index of both makers, published by native.
  await native.run(`
LanceDataset.commit_existing_index_segments(lance.dataset("sides"), "size_idx", "size", [to_index(s) for s in ${python([mine, theirs])}])
`);
  await dataset.checkoutLatest();
  expect((await dataset.indexSegments("size_idx")).map(({ uuid }) => uuid).sort()).toEqual(
    [mine.uuid, theirs.uuid].sort(),
  );

  // The centroids native trained for the first are those the second is built with; published by us.
  const built = (await native.run(`
d = lance.dataset("sides")
rng = np.random.default_rng(5)
centroids = rng.normal(size=(8, ${DIMENSION})).astype(np.float32)
out = [from_index(d.create_index_uncommitted("vector", "IVF_FLAT", "vector_idx", fragment_ids=ids, metric="l2", num_partitions=8, ivf_centroids=centroids)) for ids in [[0, 3], [2]]]
`)) as IndexSegment[];
  const own = await dataset.createIndexUncommitted("vector", "IVF_FLAT", {
    metric: "l2",
    numPartitions: 5,
    fragmentIds: [1],
  });
  await dataset.commitExistingIndexSegments("vector_idx", "vector", [...built, own]);
  const answer = await expectBothRight("sides", rows, "l2");
  expect(answer.indices[2]).toEqual(["vector_idx", "IVF_FLAT", 800, [[0, 3], [1], [2]]]);

  // Those of one set of centroids merge here, whoever built them; the third has its own and stays.
  const merged = await dataset.mergeExistingIndexSegments(built);
  expect(merged.fragmentIds).toEqual([0, 2, 3]);
  await dataset.commitExistingIndexSegments("vector_idx", "vector", [merged]);
  const after = await expectBothRight("sides", rows, "l2");
  expect(after.indices[2]).toEqual(["vector_idx", "IVF_FLAT", 800, [[0, 2, 3], [1]]]);
});

test("the guide's Python commits what was built here", async () => {
  const guide = await readFile(new URL("../../docs/distributed-indexing.md", import.meta.url), "utf8");
  const blocks = [...guide.matchAll(/^```python\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);
  expect(blocks).toHaveLength(1);
  const dataset = await writeDataset(makeRows(0, 300), pathOf("guide"), { schema: SCHEMA, maxRowsPerFile: 100 });
  const [task] = await dataset.planIndexBuild("vector", "IVF_FLAT", { numPartitions: 4, numWorkers: 1 });
  const segment = await runBuildTask(task!);
  await native.run(`segment, uri = ${python(segment)}, "guide"\n${blocks[0]}`);
  await dataset.checkoutLatest();
  expect((await dataset.indexSegments("vector_idx")).map(({ uuid }) => uuid)).toEqual([segment.uuid]);
  const found = await dataset.toTable({ nearest: { column: "vector", q: QUERIES[0]!, k: 5, nprobes: 4 } });
  expect(compareNearest(found, findNearest(makeRows(0, 300), QUERIES[0]!, 5))).toBe(null);
});
