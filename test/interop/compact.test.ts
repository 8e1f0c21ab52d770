import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createIndex } from "../../src/index/create-index.ts";
import { optimizeIndices } from "../../src/index/optimize-indices.ts";
import type { ScannerOptions } from "../../src/query/scan-options.ts";
import { findMatches, Scanner } from "../../src/query/scanner.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { cleanupOldVersions } from "../../src/write/cleanup/cleanup-versions.ts";
import { compactFiles } from "../../src/write/compact/compact-files.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { inlinePool } from "../index/support.ts";
import { type NativeSession, useNativeSession } from "./native-session.ts";

let directory: string;
let native: NativeSession;

useNativeSession(async (session) => {
  ({ directory, native } = session);
  await native.run(`
from datetime import timedelta
import math
def rows(start, count):
    ids = range(start, start + count)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([math.sin(i * (j + 1)) for i in ids for j in range(8)], pa.float32()), 8)
    return pa.table({"id": pa.array(ids, pa.int32()), "v": pa.array([None if i % 7 == 3 else i * 31 % 50 for i in ids], pa.int32()), "s": [f"row {i % 13}" for i in ids], "vec": vectors})
Q = [math.cos(j) for j in range(8)]
def answers(d, row_ids=False):
    d.validate()
    out = {}
    for f in ["v = 12", "v > 20 and v <= 40", "v is null", "not (v < 30)", "s = 'row 5'"]:
        out[f] = sorted(d.to_table(columns=["id"], filter=f)["id"].to_pylist())
    out["all"] = d.to_table()["id"].to_pylist()
    out["count"] = d.count_rows()
    near = d.to_table(columns=["id"], nearest={"column": "vec", "q": Q, "k": 7, "nprobes": 4})
    out["near"] = near["id"].to_pylist()
    out["distances"] = [round(x, 4) for x in near["_distance"].to_pylist()]
    if row_ids:
        t = d.scanner(columns=["id", "_row_created_at_version", "_row_last_updated_at_version"], with_row_id=True).to_table().sort_by("id")
        out["row_ids"] = [t[n].to_pylist() for n in ["id", "_rowid", "_row_created_at_version", "_row_last_updated_at_version"]]
    return out
def plans(d):
    return d.scanner(columns=["id"], filter="v = 12").explain_plan(True) + d.scanner(columns=["id"], nearest={"column": "vec", "q": Q, "k": 7, "nprobes": 4}).explain_plan(True)
def create(name, stable, version="2.1", fragments=4, per=40):
    lance.write_dataset(rows(0, fragments * per), name, max_rows_per_file=per, data_storage_version=version, enable_stable_row_ids=stable)
    d = lance.dataset(name)
    d.create_scalar_index("v", "BTREE")
    d.create_index("vec", "IVF_FLAT", num_partitions=4, metric="l2")
`);
});

const open = (name: string): Promise<Snapshot> => openSnapshot(createNodeFsStore(join(directory, name)), { uri: name });
const environment = { pool: undefined, memoryBudgetBytes: 1 << 26 };
const Q = Array.from({ length: 8 }, (_, j) => Math.cos(j));
const makeRows = (start: number, count: number) =>
  Array.from({ length: count }, (_, i) => start + i).map((id) => ({
    id,
    v: id % 7 === 3 ? null : (id * 31) % 50,
    s: `row ${id % 13}`,
    vec: Array.from({ length: 8 }, (_, j) => Math.sin(id * (j + 1))),
  }));

async function readIds(snapshot: Snapshot, options: ScannerOptions): Promise<number[]> {
  const table = await new Scanner(snapshot, { columns: ["id"], ...options }, environment).toTable();
  return [...table.getChild("id")!] as number[];
}

/** The same questions native is asked. */
async function answerOurs(snapshot: Snapshot): Promise<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  for (const filter of ["v = 12", "v > 20 and v <= 40", "v is null", "not (v < 30)", "s = 'row 5'"]) {
    out[filter] = (await readIds(snapshot, { filter })).sort((a, b) => a - b);
  }
  out.all = await readIds(snapshot, {});
  out.near = await readIds(snapshot, { nearest: { column: "vec", q: Q, k: 7, nprobes: 4 } });
  return out;
}

async function explain(snapshot: Snapshot): Promise<string> {
  const filtered = new Scanner(snapshot, { columns: ["id"], filter: "v = 12" }, environment);
  const nearest = { column: "vec", q: Q, k: 7, nprobes: 4 };
  const near = new Scanner(snapshot, { columns: ["id"], nearest }, environment);
  return `${await filtered.explainPlan()}\n${await near.explainPlan()}`;
}

async function deleteWhere(snapshot: Snapshot, predicate: string): Promise<Snapshot> {
  const rows = await findMatches(snapshot, predicate, environment, undefined);
  return (await deleteRows(snapshot, rows, { predicate })).snapshot;
}

/** Both see the same, and both through the indexes. */
async function compare(name: string): Promise<Record<string, unknown>> {
  const theirs = (await native.run(`out = answers(lance.dataset("${name}"))`)) as Record<string, unknown>;
  const snapshot = await open(name);
  expect(theirs).toMatchObject(await answerOurs(snapshot));
  return theirs;
}
const nativePlans = (name: string) => native.run(`out = plans(lance.dataset("${name}"))`) as Promise<string>;
const INDEXED = [/ScalarIndexQuery/, /ANNSubIndex/];

describe.each([
  { stable: false, version: "2.1" },
  { stable: true, version: "2.1" },
  { stable: false, version: "2.2" },
  { stable: true, version: "2.2" },
])("compacted here, read by native (stable row ids: $stable, $version)", ({ stable, version }) => {
  const python = stable ? "True" : "False";

  test("answers, row ids and versions stay; the remapped indexes are used", async () => {
    const name = `ours-${stable}-${version}`;
    await native.run(`
create("${name}", ${python}, "${version}")
d = lance.dataset("${name}"); d.delete("id % 9 = 4"); d.delete("id < 7")
out = None`);
    if (stable) await native.run(`lance.dataset("${name}").update({"s": "'changed'"}, where="id % 10 = 1")`);
    const before = await native.run(`out = answers(lance.dataset("${name}"), ${python})`);
    const { metrics, snapshot } = await compactFiles(await open(name), { targetRowsPerFragment: 1000 });
    expect(metrics.fragmentsAdded).toBeGreaterThan(0);
    const after = (await native.run(`out = answers(lance.dataset("${name}"), ${python})`)) as Record<string, unknown>;
    const { all, near, distances, ...rest } = before as Record<string, number[]>;
    // After updates of rows with stable ids, native 14.0.2 finds too few nearest rows once fragments were compacted, by
    // whomever. Ours are those from before.
    expect(after).toMatchObject(stable ? rest : { ...rest, near, distances });
    expect([...(after.all as number[])].sort((a, b) => a - b)).toEqual([...all!].sort((a, b) => a - b));
    expect(await answerOurs(snapshot)).toMatchObject({ near });
    if (!stable) await compare(name);
    for (const used of INDEXED) {
      expect(await nativePlans(name)).toMatch(used);
      expect(await explain(snapshot)).toMatch(used);
    }
    const facts = (await native.run(`
d = lance.dataset("${name}")
out = [[f.fragment_id for f in d.get_fragments()], [[i["name"], sorted(i["fragment_ids"])] for i in d.list_indices()], [f.num_deletions for f in d.get_fragments()]]`)) as [
      number[],
      [string, number[]][],
      number[],
    ];
    expect(facts[2]).toEqual(facts[0].map(() => 0));
    expect(facts[0]).toEqual(snapshot.fragments.map(({ id }) => id));
    if (!stable) for (const [, covered] of facts[1]) expect(covered).toEqual(facts[0]);
    // and native goes on from there
    await native.run(`
d = lance.dataset("${name}")
d.insert(rows(1000, 30)); d.delete("id = 20"); d.optimize.compact_files(target_rows_per_fragment=100000); d.optimize.optimize_indices()
`);
    if (!stable) await compare(name);
  });

  test("turn by turn: appends, deletes and compactions of both, eight rounds", async () => {
    const name = `turns-${stable}-${version}`;
    await native.run(`create("${name}", ${python}, "${version}")`);
    for (let round = 0; round < 8; round++) {
      const start = 200 + round * 50;
      if (round % 2 === 0) {
        await native.run(`
d = lance.dataset("${name}")
d.insert(rows(${start}, 25)); d.delete("id % 11 = ${round}")`);
        const { metrics } = await compactFiles(await open(name), {
          targetRowsPerFragment: round % 4 === 0 ? 60 : 1000,
        });
        expect(metrics.heldBack).toEqual([]);
      } else {
        await deleteWhere(await appendRows(await open(name), makeRows(start, 25)), `id % 11 = ${round}`);
        await native.run(`
m = lance.dataset("${name}").optimize.compact_files(target_rows_per_fragment=${round % 4 === 1 ? 60 : 1000})
lance.dataset("${name}").optimize.optimize_indices()`);
      }
      await compare(name);
    }
    for (const used of INDEXED) expect(await nativePlans(name)).toMatch(used);
  });
});

test.each(["2.1", "2.2"])("blobs of every size, and none, are kept (%s)", async (version) => {
  const name = `blobs-${version}`;
  await native.run(`
import hashlib
def blobs(a, b):
    data = [None if i % 5 == 2 else bytes([i]) * (0 if i % 7 == 0 else [100, 5000, 100000, 5000000][i % 4]) for i in range(a, b)]
    field = pa.field("b", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    return pa.table([pa.array(range(a, b)), pa.array(data, pa.large_binary())], schema=pa.schema([pa.field("id", pa.int64()), field]))
def hashes():
    d = lance.dataset("${name}"); d.validate()
    found = d.take_blobs("b", indices=list(range(d.count_rows())))
    return [None if b is None else hashlib.md5(b.read()).hexdigest() for b in found]
lance.write_dataset(blobs(0, 10), "${name}", data_storage_version="${version}")
lance.write_dataset(blobs(10, 18), "${name}", mode="append")
lance.dataset("${name}").delete("id in (3, 11)")`);
  const before = await native.run("out = hashes()");
  const { snapshot } = await compactFiles(await open(name), { targetRowsPerFragment: 1000 });
  expect(snapshot.fragments).toHaveLength(1);
  expect(await native.run("out = hashes()")).toEqual(before);
  // the files beside the old data files go with them
  await cleanupOldVersions(snapshot, { retainVersions: 1 });
  expect(await native.run("out = hashes()")).toEqual(before);
});

test.each([false, true])(
  "indexes are brought up to date here, and by native on top (stable row ids: %s)",
  async (stable) => {
    const name = `optimized-${stable}`;
    const unindexed = () =>
      native.run(`
d = lance.dataset("${name}")
out = [d.stats.index_stats(n)["num_unindexed_rows"] for n in ["v_idx", "vec_idx"]]`);
    await native.run(`
create("${name}", ${stable ? "True" : "False"})
d = lance.dataset("${name}"); d.insert(rows(200, 30)); d.delete("id % 9 = 4")`);
    for (const numIndicesToMerge of [undefined, 0, 1, 100]) {
      const snapshot = await appendRows(await open(name), makeRows(300 + ((50 * (numIndicesToMerge ?? 7)) % 1000), 20));
      const { indices } = await optimizeIndices(snapshot, { pool: inlinePool, numIndicesToMerge });
      expect(indices.map(({ action }) => action)).not.toContain("unchanged");
      expect(await unindexed()).toEqual([0, 0]);
      await compare(name);
      for (const used of INDEXED) expect(await nativePlans(name)).toMatch(used);
    }
    await native.run(`
d = lance.dataset("${name}"); d.insert(rows(5000, 30)); d.optimize.optimize_indices(num_indices_to_merge=1)`);
    await compare(name);
    await optimizeIndices(await open(name), { pool: inlinePool, numIndicesToMerge: 100 });
    expect(await unindexed()).toEqual([0, 0]);
    await compare(name);
  },
);

describe("deferred remapping", () => {
  test("native's is read here: coverage and rows of the indexes come through the fragment reuse index", async () => {
    await native.run(`
create("theirs-deferred", False)
d = lance.dataset("theirs-deferred"); d.delete("id % 9 = 4")
d.optimize.compact_files(target_rows_per_fragment=100, defer_index_remap=True)
d.delete("id = 50")`);
    await compare("theirs-deferred");
    for (const used of INDEXED) expect(await explain(await open("theirs-deferred"))).toMatch(used);
    // twice, so that histories chain, with rows of both in between
    await appendRows(await open("theirs-deferred"), makeRows(500, 20));
    await native.run(
      `lance.dataset("theirs-deferred").optimize.compact_files(target_rows_per_fragment=100000, defer_index_remap=True)`,
    );
    await compare("theirs-deferred");
    // remapped here at last: nothing is left to be read through the history
    const { snapshot } = await compactFiles(await deleteWhere(await open("theirs-deferred"), "id % 5 = 0"), {
      targetRowsPerFragment: 100_000,
    });
    await compare("theirs-deferred");
    for (const used of INDEXED) {
      expect(await explain(snapshot)).toMatch(used);
      expect(await nativePlans("theirs-deferred")).toMatch(used);
    }
  });

  test("ours is read by native, which compacts and optimizes on top", async () => {
    await native.run(`
create("ours-deferred", False)
d = lance.dataset("ours-deferred"); d.delete("id % 9 = 4")`);
    const first = await compactFiles(await open("ours-deferred"), { targetRowsPerFragment: 80, deferIndexRemap: true });
    expect(first.snapshot.indices.map(({ name }) => name)).toContain("__lance_frag_reuse");
    await compare("ours-deferred");
    for (const used of INDEXED) {
      expect(await explain(first.snapshot)).toMatch(used);
      expect(await nativePlans("ours-deferred")).toMatch(used);
    }
    await deleteWhere(await open("ours-deferred"), "id = 33");
    await compactFiles(await open("ours-deferred"), {
      targetRowsPerFragment: 10_000,
      deferIndexRemap: true,
      materializeDeletionsThreshold: 0,
    });
    await compare("ours-deferred");
    expect(
      await native.run(`out = lance.dataset("ours-deferred").stats.index_stats("__lance_frag_reuse")["num_versions"]`),
    ).toBe(2);
    await native.run(`
d = lance.dataset("ours-deferred")
d.insert(rows(900, 10)); d.delete("id = 60")
d.optimize.optimize_indices()
d.optimize.compact_files(target_rows_per_fragment=100000, defer_index_remap=True)`);
    await compare("ours-deferred");
  });
});

describe("clean-up", () => {
  const list = async (name: string) =>
    (await readdir(join(directory, name), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(directory, name).length + 1))
      .sort();

  test("removes and keeps what native does", async () => {
    await native.run(`create("clean", False)`);
    const store = createNodeFsStore(join(directory, "clean"));
    let snapshot = await deleteWhere(await open("clean"), "id % 6 = 1");
    snapshot = (await compactFiles(snapshot, { targetRowsPerFragment: 100 })).snapshot;
    snapshot = (await createIndex(snapshot, "id", "BTREE", { pool: inlinePool })).snapshot;
    await native.run(`
d = lance.dataset("clean"); d.insert(rows(700, 10)); d.tags.create("keep", 3); d.delete("id = 701")`);
    await store.put("data/1111.lance", new Uint8Array(10), { mode: "create" });
    await cp(join(directory, "clean"), join(directory, "clean-native"), { recursive: true });
    for (const unverified of [false, true]) {
      const python = unverified ? "True" : "False";
      const stats = await cleanupOldVersions(await open("clean"), {
        retainVersions: 1,
        errorIfTaggedOldVersions: false,
        deleteUnverified: unverified,
      });
      const theirs = (await native.run(`
s = lance.dataset("clean-native").cleanup_old_versions(retain_versions=1, error_if_tagged_old_versions=False, delete_unverified=${python})
out = [s.bytes_removed, s.old_versions, s.data_files_removed, s.transaction_files_removed, s.index_files_removed, s.deletion_files_removed]`)) as number[];
      expect([
        stats.bytesRemoved,
        stats.oldVersionsRemoved,
        stats.dataFilesRemoved,
        stats.transactionFilesRemoved,
        stats.indexFilesRemoved,
        stats.deletionFilesRemoved,
      ]).toEqual(theirs);
      expect(await list("clean")).toEqual(await list("clean-native"));
    }
    await compare("clean");
    expect(await native.run(`out = lance.dataset("clean", version="keep").count_rows()`)).toBe(160);
  });
});
