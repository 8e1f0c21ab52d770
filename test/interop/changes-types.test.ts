import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, Int32, Utf8 } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDataset } from "../../src/entry-node.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

const PRELUDE = `
import decimal, datetime
from lance.blob import blob_field, blob_array

def columns(n, version):
    cols = {
        "id": pa.array(range(n), pa.int32()),
        "dict": pa.array([["a", "b", None][i % 3] for i in range(n)]).dictionary_encode(),
        "json": pa.array([json.dumps({"a": i}) if i % 4 else None for i in range(n)], pa.json_()),
        "nested": pa.array([[[i, None], None] if i % 3 else None for i in range(n)], pa.list_(pa.list_(pa.int32()))),
        "ls": pa.array([[{"x": i, "y": "q"}, None] if i % 3 else None for i in range(n)], pa.list_(pa.struct([("x", pa.int32()), ("y", pa.string())]))),
        "ss": pa.array([{"p": {"q": i}} if i % 3 else None for i in range(n)], pa.struct([("p", pa.struct([("q", pa.int32())]))])),
        "dec": pa.array([decimal.Decimal(i) for i in range(n)], pa.decimal128(20, 3)),
        "f16": pa.array([float(i) for i in range(n)], pa.float16()),
        "fsln": pa.array([[1.0, None] for i in range(n)], pa.list_(pa.float32(), 2)),
        "fsb": pa.array([bytes([i, i]) for i in range(n)], pa.binary(2)),
        "nul": pa.nulls(n),
        "ts": pa.array([datetime.datetime(2020, 1, 1)] * n, pa.timestamp("us", "UTC")),
        "dur": pa.array([5] * n, pa.duration("ms")),
        "big": pa.array(["x"] * n, pa.large_string()),
        "ll": pa.array([["a"]] * n, pa.large_list(pa.string())),
        "flag": pa.array([None if i % 5 == 0 else i % 2 == 0 for i in range(n)]),
    }
    if version == "2.2":
        cols["map"] = pa.array([[("k", i)] for i in range(n)], pa.map_(pa.string(), pa.int32()))
    return cols

def create_types(name, version):
    lance.write_dataset(pa.table(columns(30, version)), name, max_rows_per_file=13, data_storage_version=version)

def differences(name):
    d = lance.dataset(name)
    d.validate()
    now = sorted(d.to_table().to_pylist(), key=lambda row: row["id"] % 1000)
    then = lance.dataset(name, version=1).to_table().to_pylist()
    out = []
    for a, b in zip(now, then):
        out += [[b["id"], k, str(a[k]), str(b[k])] for k in b if k != "id" and str(a[k]) != str(b[k])]
    return [d.count_rows(), len(then), out]

def create_blobs(name, version):
    values = [b"x" * 10, None, b"y" * 100000, b""]
    if version == "2.2":
        t = pa.table({"id": pa.array([0, 1, 2, 3]), "b": blob_array(values)}, schema=pa.schema([pa.field("id", pa.int64()), blob_field("b")]))
    else:
        t = pa.table({"id": pa.array([0, 1, 2, 3]), "b": pa.array(values, pa.large_binary())}, schema=pa.schema([pa.field("id", pa.int64()), pa.field("b", pa.large_binary(), metadata={"lance-encoding:blob": "true"})]))
    lance.write_dataset(t, name, data_storage_version=version)

def read_blobs(name):
    d = lance.dataset(name)
    d.validate()
    ids = d.to_table(columns=["id"])["id"].to_pylist()
    out = {}
    for i, id in enumerate(ids):
        found = d.take_blobs("b", indices=[i])
        bytes = found[0].read() if found and found[0] is not None else None
        out[str(id)] = None if bytes is None else [len(bytes), bytes[:1].decode()]
    return out
`;

let directory: string;
let native: NativeSession;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-types-"));
  native = openNativeSession(directory);
  await native.run(PRELUDE);
});
afterAll(async () => {
  native?.close();
  await rm(directory, { recursive: true, force: true });
});

test.each(["2.1", "2.2"])("rows of every type are written anew without a change (%s)", async (version) => {
  const name = `types-${version}`;
  await native.run(`create_types("${name}", "${version}")`);
  const dataset = await openDataset(join(directory, name));
  expect(await dataset.update({ where: "id % 2 = 1", valuesSql: { id: "id + 1000" } })).toEqual({ numUpdatedRows: 15 });
  await dataset
    .mergeInsert("id")
    .whenMatchedUpdateAll()
    .execute([{ id: 2 }, { id: 1003 }]);
  await dataset
    .mergeInsert("json")
    .whenMatchedUpdateAll()
    .execute([{ json: '{"a":6}' }]);
  expect(await native.run(`out = differences("${name}")`)).toEqual([30, 30, []]);
  const copies = ["nested", "ls", "ss", "dec", "f16", "fsln", "fsb", "ts", "dur", "big", "ll", "json", "dict", "flag"];
  await dataset.update({ valuesSql: Object.fromEntries(copies.map((column) => [column, column])) });
  await dataset.alterColumns([{ path: "big", dataType: new Utf8() }]);
  expect(await native.run(`out = differences("${name}")`)).toEqual([30, 30, []]);
  await dataset.addColumns(Object.fromEntries(copies.map((column) => [`${column}2`, column])));
  const same = await native.run(`
t = lance.dataset("${name}").to_table().to_pylist()
out = [[k, r["id"]] for r in t for k in r if k.endswith("2") and str(r[k]) != str(r[k[:-1]])]
`);
  expect(same).toEqual([]);
  await dataset.update({ where: "id = 4", values: { json: '{"b":[1,null]}', dict: "new", dec: 5000n, flag: true } });
  const changed = await native.run(`
r = lance.dataset("${name}").to_table(filter="id = 4").to_pylist()[0]
out = [json.loads(r["json"]), r["dict"], str(r["dec"]), r["flag"]]
`);
  expect(changed).toEqual([{ b: [1, null] }, "new", "5.000", true]);
  await dataset.close();
});

test.each(["2.1", "2.2"])("blobs go with their rows, and can be given (%s)", async (version) => {
  const name = `blobs-${version}`;
  await native.run(`create_blobs("${name}", "${version}")`);
  const dataset = await openDataset(join(directory, name));
  await dataset.update({ where: "id != 3", valuesSql: { id: "id + 10" } });
  await dataset
    .mergeInsert("id")
    .whenMatchedUpdateAll()
    .execute([{ id: 12n }]);
  expect(await native.run(`out = read_blobs("${name}")`)).toEqual({
    10: [10, "x"],
    11: null,
    12: [100_000, "y"],
    3: [0, ""],
  });
  const bytes = new TextEncoder().encode("z".repeat(70_000));
  await dataset.update({ where: "id = 11", values: { b: bytes } });
  const upsert = dataset.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll();
  await upsert.execute([
    { id: 10n, b: null },
    { id: 20n, b: bytes.subarray(0, 5) },
  ]);
  await dataset.insert([{ id: 21n, b: bytes.subarray(0, 6) }, { id: 22n }]);
  expect(await native.run(`out = read_blobs("${name}")`)).toEqual({
    10: null,
    11: [70_000, "z"],
    12: [100_000, "y"],
    20: [5, "z"],
    21: [6, "z"],
    22: null,
    3: [0, ""],
  });
  await dataset.close();
});

test("a table of files 2.0: the schema changes, deletes go, new data is refused and nothing is lost", async () => {
  await native.run(
    `lance.write_dataset(pa.table({"a": [1, 2, 3], "s": [{"x": 1, "y": 2}] * 3, "z": ["p", None, "q"]}), "old", data_storage_version="2.0")`,
  );
  const dataset = await openDataset(join(directory, "old"));
  await expect(dataset.update({ values: { a: 1n } })).rejects.toMatchObject({ code: "UNSUPPORTED" });
  await expect(
    dataset
      .mergeInsert("a")
      .whenNotMatchedInsertAll()
      .execute([{ a: 9n }]),
  ).rejects.toMatchObject({
    code: "UNSUPPORTED",
  });
  await expect(dataset.addColumns({ b: "a + 1" })).rejects.toMatchObject({ code: "UNSUPPORTED" });
  await dataset
    .mergeInsert("a")
    .whenMatchedDelete()
    .execute([{ a: 2n }]);
  await dataset.addColumns(new Field("n", new Int32(), true));
  await dataset.alterColumns([{ path: "s.x", rename: "w" }]);
  await dataset.dropColumns(["z"]);
  const expected = [1, 3].map((a) => ({ a, s: { w: 1, y: 2 }, n: null }));
  expect(
    await native.run(`
d = lance.dataset("old")
d.validate()
out = [d.to_table().to_pylist(), d.data_storage_version]
`),
  ).toEqual([expected, "2.0"]);
  await dataset.close();
});
