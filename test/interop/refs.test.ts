import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import "../../src/entry-node.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

let directory: string;
let native: NativeSession;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-"));
  native = openNativeSession(directory);
  await native.run(`
import os
def rows(start, count):
    return pa.table({"id": pa.array(range(start, start + count), pa.int32()), "name": [f"row {i}" for i in range(start, start + count)]})
def ids(d):
    d.validate()
    return sorted(d.to_table()["id"].to_pylist())
`);
});
afterAll(async () => {
  native?.close();
  await rm(directory, { recursive: true, force: true });
});

const span = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);
const rows = (start: number, count: number) => span(start, start + count).map((id) => ({ id, name: `row ${id}` }));
const open = (name: string) => openDataset(join(directory, name));
async function idsOf(dataset: Dataset): Promise<number[]> {
  const table = await dataset.toTable({ columns: ["id"] });
  return [...(table.getChild("id")!.toArray() as Int32Array)].sort((a, b) => a - b);
}

test("tags of either are the other's", async () => {
  await native.run(`
d = lance.write_dataset(rows(0, 10), "tags", data_storage_version="2.1")
d.insert(rows(10, 10))
d.tags.create("theirs", 1)
`);
  const dataset = await open("tags");
  expect(await dataset.tags.list()).toMatchObject({ theirs: { branch: null, version: 1, metadata: {} } });
  expect(await idsOf(await dataset.checkoutVersion("theirs"))).toEqual(span(0, 10));
  const ours = await dataset.tags.create("ours");
  await dataset.tags.update("theirs", 2);
  expect(
    await native.run(`
d = lance.dataset("tags")
t = d.tags.list()
d.tags.update("ours", 1)
out = [{k: [v["version"], v["branch"], v["manifest_size"]] for k, v in t.items()}, t["ours"]["created_at"].timestamp(), ids(lance.dataset("tags", version="theirs")), d.tags.get_version("ours")]
`),
  ).toEqual([
    { theirs: [2, null, ours.manifestSizeBytes], ours: [2, null, ours.manifestSizeBytes] },
    Date.parse(ours.createdAt!) / 1000,
    span(0, 20),
    1,
  ]);
  expect(await dataset.tags.getVersion("ours")).toBe(1);
  await dataset.tags.delete("theirs");
  expect(await native.run(`out = list(lance.dataset("tags").tags.list())`)).toEqual(["ours"]);
});

test("branches of either are read, written to and left from by the other", async () => {
  await native.run(`
d = lance.write_dataset(rows(0, 100), "branches", max_rows_per_file=50, data_storage_version="2.1")
d.create_scalar_index("id", "BTREE")
d.delete("id = 7")
b = d.create_branch("theirs/a")
b.insert(rows(1000, 10))
b.delete("id in (8, 60)")
`);
  const dataset = await open("branches");
  const expected = span(0, 100).filter((id) => id !== 7);
  const theirs = await dataset.checkoutBranch("theirs/a");
  expect([theirs.branch, theirs.version]).toEqual(["theirs/a", 5]);
  expect(await idsOf(theirs)).toEqual([...expected.filter((id) => id !== 8 && id !== 60), ...span(1000, 1010)]);
  expect(await theirs.countRows("id = 1003 or id = 60 or id = 61")).toBe(2);
  await theirs.insert(rows(2000, 5));
  await theirs.delete("id = 9");
  const left = await theirs.createBranch("ours/from-theirs");
  await left.insert(rows(3000, 5));
  const ours = await dataset.createBranch("ours", 1);
  await ours.delete("id < 50");
  expect(await dataset.branches.list()).toMatchObject({
    "theirs/a": { parentBranch: null, parentVersion: 3 },
    "ours/from-theirs": { parentBranch: "theirs/a", parentVersion: 7 },
    ours: { parentBranch: null, parentVersion: 1 },
  });
  const onTheirs = [
    ...expected.filter((id) => id > 9 || id < 7).filter((id) => id !== 60),
    ...span(1000, 1010),
    ...span(2000, 2005),
  ];
  expect(
    await native.run(`
d = lance.dataset("branches")
listed = {k: [v["parent_branch"], v["parent_version"], [x[0] for x in v["branch_identifier"]]] for k, v in d.branches.list().items()}
a, b, c = [d.checkout_version((name, None)) for name in ("theirs/a", "ours/from-theirs", "ours")]
out = [listed, ids(a), ids(b), ids(c), b.to_table(filter="id = 3001")["id"].to_pylist()]
b.insert(rows(4000, 2))
b.delete("id = 3000")
b.optimize.compact_files()
c.insert(rows(5000, 1))
c.create_branch("theirs/from-ours", ("ours", c.version))
d.tags.create("on-ours", ("ours", c.version))
out.append(ids(d))
`),
  ).toEqual([
    {
      "theirs/a": [null, 3, [3]],
      "ours/from-theirs": ["theirs/a", 7, [3, 7]],
      ours: [null, 1, [1]],
    },
    onTheirs,
    [...onTheirs, ...span(3000, 3005)],
    span(50, 100),
    [3001],
    expected,
  ]);
  expect(await idsOf(await left.checkoutBranch("ours/from-theirs"))).toEqual([
    ...onTheirs,
    ...span(3001, 3005),
    4000,
    4001,
  ]);
  const tagged = await dataset.checkoutVersion("on-ours");
  expect([tagged.branch, await idsOf(tagged)]).toEqual(["ours", [...span(50, 100), 5000]]);
  expect(await idsOf(await openDataset(join(directory, "branches"), { branch: "theirs/from-ours" }))).toEqual([
    ...span(50, 100),
    5000,
  ]);
  // The branch's folder opened by itself: files of its table are found, and its refs.
  const alone = await openDataset(join(directory, "branches", "tree", "ours"));
  expect([alone.branch, await idsOf(alone)]).toEqual(["ours", [...span(50, 100), 5000]]);
  expect(Object.keys(await alone.branches.list())).toContain("theirs/a");
  await expect(dataset.branches.delete("ours")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await dataset.branches.delete("ours/from-theirs");
  expect(await native.run(`out = sorted(lance.dataset("branches").branches.list())`)).toEqual([
    "ours",
    "theirs/a",
    "theirs/from-ours",
  ]);

  // Moved to another place, branches go on where their table is now.
  await rename(join(directory, "branches"), join(directory, "moved"));
  const moved = await openDataset(join(directory, "moved"), { branch: "theirs/a" });
  expect(await idsOf(moved)).toEqual(onTheirs);
  expect(await moved.countRows("id = 61")).toBe(1);
});

test("shallow clones and tables of several bases are read, and written to at their own place", async () => {
  await native.run(`
from lance import DatasetBasePath
d = lance.write_dataset(rows(0, 100), "origin", max_rows_per_file=50, data_storage_version="2.1")
d.create_scalar_index("id", "BTREE")
d.delete("id = 3")
d.tags.create("v", d.version)
c = d.shallow_clone("clone", "v")
lance.dataset("clone").insert(rows(500, 5))
d.delete("id = 4")
os.makedirs("far", exist_ok=True)
m = lance.write_dataset(rows(0, 20), "many", data_storage_version="2.1", initial_bases=[DatasetBasePath(os.path.abspath("far"), name="far", is_dataset_root=True)], target_bases=["far"])
m.insert(rows(20, 5))
`);
  const clone = await open("clone");
  const expected = [...span(0, 100).filter((id) => id !== 3), ...span(500, 505)];
  expect(await idsOf(clone)).toEqual(expected);
  expect(await clone.countRows("id = 60 or id = 3")).toBe(1);
  await clone.delete("id = 5");
  await clone.insert(rows(600, 5));
  const many = await open("many");
  expect(await idsOf(many)).toEqual(span(0, 25));
  await many.delete("id = 1");
  expect(
    await native.run(`
c, m, o = lance.dataset("clone"), lance.dataset("many"), lance.dataset("origin")
out = [ids(c), c.to_table(filter="id = 60")["id"].to_pylist(), ids(m), ids(o)]
`),
  ).toEqual([
    [...expected.filter((id) => id !== 5), ...span(600, 605)],
    [60],
    span(0, 25).filter((id) => id !== 1),
    span(0, 100).filter((id) => id !== 3 && id !== 4),
  ]);
  await cp(join(directory, "origin"), join(directory, "gone"), { recursive: true });
  await native.run(`
lance.dataset("gone").shallow_clone("orphan", lance.dataset("gone").version)
import shutil
shutil.rmtree("gone")
`);
  const orphan = await open("orphan");
  expect(await orphan.countRows()).toBe(98);
  await expect(orphan.toTable()).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("gone") });
});

test("what we restore is the old version to native, and what it restores to us", async () => {
  await native.run(`
d = lance.write_dataset(rows(0, 10), "restore", data_storage_version="2.1")
d.insert(rows(10, 10))
d.delete("id < 5")
`);
  const dataset = await open("restore");
  await dataset.restore(1);
  expect([dataset.version, await idsOf(dataset)]).toEqual([4, span(0, 10)]);
  expect(
    await native.run(`
d = lance.dataset("restore")
out = [d.version, ids(d)]
lance.dataset("restore", version=3).restore()
`),
  ).toEqual([4, span(0, 10)]);
  await dataset.checkoutLatest();
  expect([dataset.version, await idsOf(dataset)]).toEqual([5, span(5, 20)]);
  const old = await dataset.checkoutVersion(2);
  await old.restore();
  expect([old.version, await idsOf(old)]).toEqual([6, span(0, 20)]);
});
