import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { commit } from "../../src/table/commit/commit.ts";
import { readDeletions, readLiveRows } from "../../src/table/deletions/deletions.ts";
import { listVersions } from "../../src/table/manifest/versions.ts";
import { toRowAddress } from "../../src/table/row-ids/row-addresses.ts";
import { createColumnSource } from "../../src/table/rows/column-source.ts";
import { takeAddresses } from "../../src/table/rows/take.ts";
import { openSnapshot, openVersion, type Snapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { createIndexOf, stageIndex } from "../table/support.ts";
import { type NativeSession, useNativeSession } from "./native-session.ts";

let directory: string;
let native: NativeSession;

useNativeSession(async (session) => {
  ({ directory, native } = session);
  await native.run(`
def rows(start, count):
    return pa.table({"id": pa.array(range(start, start + count), pa.int32()), "name": [f"row {i}" for i in range(start, start + count)]})
`);
});

const open = (name: string): Promise<Snapshot> => openSnapshot(createNodeFsStore(join(directory, name)), { uri: name });
const rows = (start: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: start + i, name: `row ${start + i}` }));

/** Ids of all live rows, in the order of the table. */
async function idsOf(snapshot: Snapshot): Promise<number[]> {
  const fragments = snapshot.fragments.map((fragment) => fragment.id);
  const ids: number[] = [];
  for await (const { values } of createColumnSource(snapshot, "id", fragments).batches()) {
    ids.push(...(values.values as Int32Array).subarray(0, values.length));
  }
  return ids;
}
const nativeIds = (name: string) =>
  native.run(`
d = lance.dataset("${name}")
d.validate()
out = d.to_table()["id"].to_pylist()
`);
const span = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);

describe("turn by turn", () => {
  test("a table of ours: both append and delete on top of each other, six rounds", async () => {
    const data = await toRecordBatches(await nativeRows(0, 100));
    let snapshot = await createTable(createNodeFsStore(join(directory, "turns")), data, { uri: "turns" });
    let expected = span(0, 100);
    for (let round = 0; round < 6; round++) {
      const base = 1000 * (round + 1);
      await native.run(`
d = lance.dataset("turns")
d.insert(rows(${base}, 50))
d.delete("id = ${base + 3} or id = ${round}")
`);
      expected = [...expected.filter((id) => id !== round), ...span(base, base + 50).filter((id) => id !== base + 3)];
      snapshot = await openVersion(snapshot);
      expect(await idsOf(snapshot)).toEqual(expected);
      snapshot = await appendRows(snapshot, rows(base + 500, 20));
      const first = snapshot.fragments[0]!;
      const deleted = await deleteRows(snapshot, new Map([[first.id, Uint32Array.of(50 + round)]]), {
        predicate: "ours",
      });
      snapshot = deleted.snapshot;
      expected = [...expected.filter((id) => id !== 50 + round), ...span(base + 500, base + 520)];
      expect(await nativeIds("turns")).toEqual(expected);
    }
    expect(snapshot.version).toBe(1 + 6 * 4);
    const versions = (await native.run(`out = [v["version"] for v in lance.dataset("turns").versions()]`)) as number[];
    expect((await listVersions(snapshot.store)).map((info) => info.version)).toEqual(versions);
  });

  test.each([
    ["2.1", true],
    ["2.2", true],
    ["2.1", false],
  ])("a table of native's in %s, V2 names: %s", async (version, v2) => {
    const name = `native-${version}-${v2}`;
    await native.run(`
lance.write_dataset(rows(0, 300), "${name}", data_storage_version="${version}", enable_v2_manifest_paths=${v2 ? "True" : "False"}, max_rows_per_file=100)
`);
    let snapshot = await open(name);
    snapshot = await appendRows(snapshot, rows(300, 10));
    snapshot = (
      await deleteRows(
        snapshot,
        new Map([
          [1, Uint32Array.of(0, 99)],
          [0, new Uint32Array(span(0, 100))],
        ]),
        { predicate: "x" },
      )
    ).snapshot;
    const expected = [...span(101, 199), ...span(200, 310)];
    expect(await nativeIds(name)).toEqual(expected);
    const names = await readdir(join(directory, name, "_versions"));
    expect(names.filter((file) => file.endsWith(".manifest")).every((file) => (file.length === 29) === v2)).toBe(true);
    // Native writes over our version and compacts what we left.
    await native.run(`
d = lance.dataset("${name}")
d.insert(rows(900, 5))
d.optimize.compact_files()
d.validate()
`);
    expect((await idsOf(await open(name))).sort((a, b) => a - b)).toEqual([...expected, ...span(900, 905)]);
  });
});

describe("at once", () => {
  const setUp = async (name: string) => {
    await native.run(`
lance.write_dataset(rows(0, 200), "${name}", max_rows_per_file=100, data_storage_version="2.1")
stale = lance.dataset("${name}")
`);
    return open(name);
  };

  test("our stale append and delete over theirs", async () => {
    const stale = await setUp("stale-ours");
    await native.run(`
stale.insert(rows(1000, 10))
stale.delete("id = 7 or id = 1003")
`);
    const appended = await appendRows(stale, rows(2000, 10));
    expect(appended.version).toBe(4);
    // Computed at version 1, on the very fragment native deleted from since: the vectors are united.
    const { snapshot } = await deleteRows(stale, new Map([[0, Uint32Array.of(8, 9)]]), { predicate: "id in (8, 9)" });
    expect(snapshot.version).toBe(5);
    const expected = [...span(0, 7), ...span(10, 200), 1000, 1001, 1002, ...span(1004, 1010), ...span(2000, 2010)];
    expect(await nativeIds("stale-ours")).toEqual(expected);
    expect(await idsOf(snapshot)).toEqual(expected);
    await expect(deleteRows(stale, new Map([[0, Uint32Array.of(7)]]), { predicate: "id = 7" })).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { retryable: true },
    });
  });

  test("their stale append, delete and index over ours", async () => {
    const snapshot = await setUp("stale-theirs");
    const appended = await appendRows(snapshot, rows(1000, 10));
    await deleteRows(appended, new Map([[0, Uint32Array.of(5)]]), { predicate: "id = 5" });
    await native.run(`
stale.delete("id = 6")
lance.LanceDataset.commit("stale-theirs", lance.LanceOperation.Append([lance.fragment.LanceFragment.create("stale-theirs", rows(2000, 4), data_storage_version="2.1")]), read_version=1)
`);
    const expected = [...span(0, 5), ...span(7, 200), ...span(1000, 1010), ...span(2000, 2004)];
    expect(await nativeIds("stale-theirs")).toEqual(expected);
    expect(await idsOf(await open("stale-theirs"))).toEqual(expected);
  });

  test("ten appends of each, racing", async () => {
    const snapshot = await setUp("race");
    const theirs = native.run(`
for i in range(10):
    lance.dataset("race").insert(rows(1000 + i * 10, 10))
`);
    const ours = span(0, 10).map((i) => appendRows(snapshot, rows(5000 + i * 10, 10)));
    await Promise.all([theirs, ...ours]);
    const expected = [...span(0, 200), ...span(1000, 1100), ...span(5000, 5100)];
    expect(((await nativeIds("race")) as number[]).sort((a, b) => a - b)).toEqual(expected);
    const latest = await open("race");
    expect(latest.version).toBe(21);
    expect((await idsOf(latest)).sort((a, b) => a - b)).toEqual(expected);
    expect(await native.run(`out = len(lance.dataset("race").get_fragments())`)).toBe(22);
  });
});

test("deletions of both kinds are read, and united with ours", async () => {
  await native.run(`
lance.write_dataset(rows(0, 40000), "kinds", max_rows_per_file=20000, data_storage_version="2.1")
d = lance.dataset("kinds")
d.delete("id % 3 = 0 and id < 20000")
d.delete("id >= 20000 and id % 1000 = 1")
`);
  const kinds = (await readdir(join(directory, "kinds", "_deletions"))).map((file) => file.split(".")[1]).sort();
  expect(kinds).toEqual(["arrow", "bin"]);
  const snapshot = await open("kinds");
  const [first, second] = snapshot.fragments;
  expect(await readDeletions(snapshot, first!)).toEqual(Uint32Array.from(span(0, 20000).filter((i) => i % 3 === 0)));
  expect(await readDeletions(snapshot, second!)).toEqual(Uint32Array.from(span(0, 20).map((i) => i * 1000 + 1)));
  expect((await readLiveRows(snapshot)).count()).toBe(40000 - 6667 - 20);
  await deleteRows(
    snapshot,
    new Map([
      [0, Uint32Array.of(1)],
      [1, Uint32Array.of(0, 1)],
    ]),
    { predicate: "ours" },
  );
  expect(
    await native.run(`
d = lance.dataset("kinds")
d.validate()
out = [d.count_rows(), d.count_rows("id in (1, 20000, 20001, 2)")]
`),
  ).toEqual([40000 - 6667 - 20 - 2, 1]);
});

test("an index of native's goes on serving after our commits, its bytes as they were", async () => {
  await native.run(`
lance.write_dataset(rows(0, 5000), "indexed", max_rows_per_file=2500, data_storage_version="2.1")
d = lance.dataset("indexed")
d.create_scalar_index("id", "BTREE")
d.create_scalar_index("name", "NGRAM")
d.update_config({"keep": "me"})
`);
  const before = await open("indexed");
  const appended = await appendRows(before, rows(9000, 10));
  expect(appended.source.indexSection).toEqual(before.source.indexSection);
  await deleteRows(appended, new Map([[0, Uint32Array.of(17)]]), { predicate: "id = 17" });
  expect(
    await native.run(`
d = lance.dataset("indexed")
d.validate()
out = [sorted(i["name"] for i in d.list_indices()), d.config().get("keep"), d.scanner(filter="id = 4000").explain_plan().count("ScalarIndexQuery"),
       d.to_table(filter="id in (16, 17, 18, 9003)")["id"].to_pylist(), d.to_table(filter="contains(name, 'row 900')")["id"].to_pylist()]
d.optimize.optimize_indices()
out.append(d.stats.index_stats("id_idx")["num_unindexed_rows"])
`),
  ).toEqual([["id_idx", "name_idx"], "me", 1, [16, 18, 9003], [900, ...span(9000, 9010)], 0]);
});

test("segments we commit are listed by native, which drops them; a drop of ours is seen there", async () => {
  await native.run(`
lance.write_dataset(rows(0, 200), "segments", max_rows_per_file=100, data_storage_version="2.1")
d = lance.dataset("segments")
d.create_scalar_index("id", "BTREE")
`);
  const snapshot = await open("segments");
  const dropped = await commit(snapshot, createIndexOf([], [...snapshot.indices]));
  expect(await native.run(`out = lance.dataset("segments").list_indices()`)).toEqual([]);
  // A commit of the same segment again: native reads its files as before.
  const restored = await commit(dropped, createIndexOf([...snapshot.indices]));
  expect(restored.indices).toHaveLength(1);
  expect(
    await native.run(`
d = lance.dataset("segments")
out = [[i["name"] for i in d.list_indices()], d.to_table(filter="id = 150")["id"].to_pylist(), "ScalarIndexQuery" in d.scanner(filter="id = 150").explain_plan()]
d.drop_index("id_idx")
`),
  ).toEqual([["id_idx"], [150], true]);
  expect((await open("segments")).indices).toEqual([]);
  await expect(commit(restored, createIndexOf([await stageIndex("id_idx", [0])]))).rejects.toMatchObject({
    code: "COMMIT_CONFLICT",
    details: { retryable: true },
  });
});

test("stable row ids go on where native left off, and native goes on from ours", async () => {
  await native.run(`
lance.write_dataset(rows(0, 100), "stable", enable_stable_row_ids=True, data_storage_version="2.1")
d = lance.dataset("stable")
d.delete("id < 10")
d.update({"name": "'new'"}, where="id = 50")
`);
  const snapshot = await open("stable");
  expect(snapshot.stableRowIds).toBe(true);
  const nextRowId = Number(snapshot.manifest.nextRowId);
  const appended = await appendRows(snapshot, rows(1000, 5));
  await native.run(`
d = lance.dataset("stable")
d.validate()
d.insert(rows(2000, 5))
`);
  expect(
    await native.run(`
t = lance.dataset("stable").to_table(with_row_id=True, columns=["id"], filter="id >= 1000")
out = [t["id"].to_pylist(), t["_rowid"].to_pylist()]
`),
  ).toEqual([[...span(1000, 1005), ...span(2000, 2005)], span(nextRowId, nextRowId + 10)]);
  const latest = await openVersion(appended);
  const ids: Record<string, bigint> = {};
  const source = createColumnSource(
    latest,
    "id",
    latest.fragments.map((fragment) => fragment.id),
    { rowIdDomain: "stableRowId" },
  );
  for await (const { values, rowIds } of source.batches()) {
    rowIds.forEach((rowId, i) => {
      ids[(values.values as Int32Array)[i]!] = rowId;
    });
  }
  const theirs = (await native.run(`
t = lance.dataset("stable").to_table(with_row_id=True, columns=["id"])
out = dict(zip([str(i) for i in t["id"].to_pylist()], t["_rowid"].to_pylist()))
`)) as Record<string, number>;
  expect(ids).toEqual(Object.fromEntries(Object.entries(theirs).map(([id, rowId]) => [id, BigInt(rowId)])));
});

test("columns native added and dropped since are joined from their files", async () => {
  await native.run(`
lance.write_dataset(rows(0, 300), "columns", max_rows_per_file=100, data_storage_version="2.1")
d = lance.dataset("columns")
d.add_columns({"twice": "id * 2"})
d.add_columns(pa.field("later", pa.int64()))
d.drop_columns(["name"])
d.update({"twice": "-1"}, where="id = 5")
`);
  const snapshot = await open("columns");
  expect(snapshot.schema.fields.map((field) => field.name)).toEqual(["id", "twice", "later"]);
  const addresses = BigUint64Array.of(toRowAddress(2, 99), toRowAddress(0, 0), toRowAddress(3, 0));
  const batch = await takeAddresses(snapshot, addresses, snapshot.schema.fields);
  expect(batch.toArray().map((row) => ({ ...row.toJSON() }))).toEqual([
    { id: 299, twice: 598, later: null },
    { id: 0, twice: 0, later: null },
    { id: 5, twice: -1, later: null },
  ]);
});

/** The rows of native's own helper, as Arrow, so that both sides write one schema. */
async function nativeRows(start: number, count: number): Promise<Uint8Array> {
  const encoded = (await native.run(`
import base64, io
sink = io.BytesIO()
table = rows(${start}, ${count})
with pa.ipc.new_stream(sink, table.schema) as writer:
    writer.write_table(table)
out = base64.b64encode(sink.getvalue()).decode()
`)) as string;
  return new Uint8Array(Buffer.from(encoded, "base64"));
}
