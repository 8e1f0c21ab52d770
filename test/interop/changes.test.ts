import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, Float32, Int16, type RecordBatch, tableFromArrays } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dataset, openDataset, writeDataset } from "../../src/entry-node.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

/** Native's side: tables made alike, and what it sees in one. */
const PRELUDE = `
schema = pa.schema([
    pa.field("id", pa.int32(), False), pa.field("name", pa.string()), pa.field("size", pa.int64()),
    pa.field("tags", pa.list_(pa.string())), pa.field("vec", pa.list_(pa.float32(), 2)),
    pa.field("user", pa.struct([pa.field("age", pa.int32()), pa.field("mail", pa.string())]))])

def make_rows(ids):
    return pa.Table.from_pylist([{"id": i, "name": None if i % 7 == 0 else f"name {i}", "size": None if i % 5 == 0 else i * 10,
        "tags": None if i % 6 == 0 else [f"t{i}", None], "vec": [i, i + 0.5], "user": None if i % 4 == 0 else {"age": i, "mail": f"{i}@x"}} for i in ids], schema=schema)

def create(name, version, stable):
    d = lance.write_dataset(make_rows(range(60)), name, max_rows_per_file=25, data_storage_version=version, enable_stable_row_ids=stable)
    d.create_scalar_index("id", "BTREE")
    d.create_scalar_index("size", "BTREE")
    d.delete("id IN (3, 30, 31)")
    return d

def see(name):
    d = lance.dataset(name)
    d.validate()
    t = d.to_table()
    key = "id" if "id" in t.schema.names else t.schema.names[0]
    rows = sorted(t.to_pylist(), key=lambda row: (row[key] is None, str(row[key])))
    indices = sorted((i.name, sorted(sorted(s.fragment_ids) for s in i.segments)) for i in d.describe_indices())
    return {"rows": rows, "schema": str(t.schema), "indices": indices, "count": d.count_rows(), "config": d.config(), "metadata": {k.decode(): v.decode() for k, v in (d.schema.metadata or {}).items()}}

def ask(name, filters):
    d = lance.dataset(name)
    out = []
    for f in filters:
        found = sorted(d.to_table(columns=["id"], filter=f)["id"].to_pylist())
        flat = sorted(d.scanner(columns=["id"], filter=f, use_scalar_index=False).to_table()["id"].to_pylist())
        out.append([found, flat, d.scanner(filter=f).explain_plan()])
    return out
`;

interface Seen {
  readonly rows: Record<string, unknown>[];
  readonly schema: string;
  readonly indices: unknown;
  readonly count: number;
  readonly config: Record<string, string>;
  readonly metadata: Record<string, string>;
}

let directory: string;
let native: NativeSession;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-changes-"));
  native = openNativeSession(directory);
  await native.run(PRELUDE);
});
afterAll(async () => {
  native?.close();
  await rm(directory, { recursive: true, force: true });
});

const see = async (name: string) => (await native.run(`out = see("${name}")`)) as Seen;
const open = (name: string): Promise<Dataset> => openDataset(join(directory, name));

/** One change, as each writer makes it. `key` draws other rows each time. */
interface Change {
  readonly name: string;
  ours(dataset: Dataset, key: number): Promise<unknown>;
  /** Statements over `d` and `key`. */
  readonly native: string;
  /** Whether index coverage need not be the same: native makes a version of nothing, or another layout. */
  readonly otherCoverage?: boolean;
}

const UPSERT = (key: number) => [
  { id: key, name: "upserted", size: 7n },
  { id: 1000 + key, name: "inserted", size: null },
];

const ROW_CHANGES: Change[] = [
  {
    name: "update of values",
    ours: (d, key) => d.update({ where: `id > ${key} AND id < ${key + 9}`, values: { name: "x", size: 5 } }),
    native: `d.update({"name": "'x'", "size": "5"}, where=f"id > {key} AND id < {key + 9}")`,
  },
  {
    name: "update by expressions",
    ours: (d, key) => d.update({ where: `id % 5 = ${key % 5}`, valuesSql: { size: "size + id", name: "upper(name)" } }),
    native: `d.update({"size": "size + id", "name": "upper(name)"}, where=f"id % 5 = {key % 5}")`,
  },
  {
    name: "update of every row",
    ours: (d) => d.update({ valuesSql: { size: "size * 2" } }),
    native: `d.update({"size": "size * 2"})`,
  },
  {
    name: "upsert of some columns",
    ours: (d, key) =>
      d
        .mergeInsert("name")
        .whenMatchedUpdateAll()
        .execute([{ name: `name ${key}`, size: 1n }]),
    native: `d.merge_insert("name").when_matched_update_all().execute(pa.table({"name": [f"name {key}"], "size": pa.array([1], pa.int64())}))`,
  },
  {
    name: "upsert",
    ours: (d, key) =>
      d
        .mergeInsert("size")
        .whenMatchedUpdateAll({ where: "source.id != target.id" })
        .whenNotMatchedInsertAll()
        .execute([{ id: 2000 + key, name: "by size", size: BigInt(key * 10), vec: [1, 2] }]),
    native: `d.merge_insert("size").when_matched_update_all(condition="source.id != target.id").when_not_matched_insert_all().use_index(False).execute(pa.Table.from_pylist([{"id": 2000 + key, "name": "by size", "size": key * 10, "vec": [1, 2]}], schema=schema.remove(5).remove(3)))`,
  },
  {
    name: "find or create",
    ours: (d, key) =>
      d
        .mergeInsert(["id", "name"])
        .whenNotMatchedInsertAll()
        .execute([{ id: key, name: `name ${key}` }, ...UPSERT(key)]),
    native: `d.merge_insert(["id", "name"]).when_not_matched_insert_all().execute(pa.Table.from_pylist([{"id": key, "name": f"name {key}", "size": None}, {"id": key, "name": "upserted", "size": 7}, {"id": 1000 + key, "name": "inserted", "size": None}], schema=schema.remove(5).remove(4).remove(3)))`,
  },
  {
    name: "delete of matched rows",
    ours: (d, key) =>
      d
        .mergeInsert("id")
        .whenMatchedDelete()
        .execute([{ id: key }, { id: key + 1 }, { id: 5555 }]),
    native: `d.merge_insert("id").when_matched_delete().execute(pa.table({"id": pa.array([key, key + 1, 5555], pa.int32())}))`,
  },
  {
    name: "delete by source, within a range",
    ours: (d, key) =>
      d
        .mergeInsert("id")
        .whenNotMatchedInsertAll()
        .whenNotMatchedBySourceDelete({ where: `id < ${key} AND id > ${key - 10}` })
        .execute([{ id: key - 1 }]),
    native: `d.merge_insert("id").when_not_matched_insert_all().when_not_matched_by_source_delete(f"id < {key} AND id > {key - 10}").execute(pa.table({"id": pa.array([key - 1], pa.int32())}))`,
  },
  {
    name: "delete",
    ours: (d, key) => d.delete(`id = ${key + 2}`),
    native: `d.delete(f"id = {key + 2}")`,
  },
];

const SCHEMA_CHANGES: Change[] = [
  {
    name: "addColumns by expression",
    ours: (d, key) => d.addColumns({ [`twice${key}`]: "size * 2", [`loud${key}`]: "upper(name)" }),
    native: `d.add_columns({f"twice{key}": "size * 2", f"loud{key}": "upper(name)"})`,
  },
  {
    name: "addColumns by a function",
    ours: (d, key) =>
      d.addColumns(
        (batch: RecordBatch) => ({ [`half${key}`]: Float32Array.from(batch.getChild("id")!, (id) => Number(id) / 2) }),
        { readColumns: ["id"] },
      ),
    native: `
import pyarrow.compute as pc
@lance.batch_udf(output_schema=pa.schema([pa.field(f"half{key}", pa.float64())]))
def half(batch):
    return pa.record_batch([pc.divide(pc.cast(batch["id"], pa.float64()), 2.0)], [f"half{key}"])
d.add_columns(half, read_columns=["id"])`,
  },
  {
    name: "addColumns of nulls",
    ours: (d, key) => d.addColumns([new Field(`score${key}`, new Float32(), true)]),
    native: `d.add_columns([pa.field(f"score{key}", pa.float32())])`,
  },
  {
    name: "addColumns of a constant",
    ours: (d) => d.addColumns({ one: "CAST(1 AS int)", word: "'a'" }),
    native: `d.add_columns({"one": "CAST(1 AS int)", "word": "'a'"})`,
  },
  {
    name: "alterColumns: rename",
    ours: (d) =>
      d.alterColumns([
        { path: "user.mail", rename: "email" },
        { path: "vec", rename: "vector" },
      ]),
    native: `d.alter_columns({"path": "user.mail", "name": "email"}, {"path": "vec", "name": "vector"})`,
  },
  {
    name: "alterColumns: nullability",
    ours: (d) =>
      d.alterColumns([
        { path: "id", nullable: true },
        { path: "vec", nullable: false },
      ]),
    native: `d.alter_columns({"path": "id", "nullable": True}, {"path": "vec", "nullable": False})`,
  },
  {
    name: "alterColumns: cast of a field of a struct",
    ours: (d) => d.alterColumns([{ path: "user.age", dataType: new Int16() }]),
    native: `d.alter_columns({"path": "user.age", "data_type": pa.int16()})`,
  },
  {
    name: "dropColumns",
    ours: (d) => d.dropColumns(["tags", "user.mail", "size"]),
    native: `d.drop_columns(["tags", "user.mail", "size"])`,
  },
  {
    name: "config and metadata",
    async ours(d) {
      await d.updateConfig({ a: "1", b: "2", "lance.x": "y" });
      await d.deleteConfigKeys(["a"]);
      await d.updateSchemaMetadata({ k: "v", l: "w" });
      await d.updateSchemaMetadata({ m: "only" }, { replace: true });
      await d.updateFieldMetadata("name", { note: "text" });
    },
    native: `
d.update_config({"a": "1", "b": "2", "lance.x": "y"})
d.delete_config_keys(["a"])
d.update_schema_metadata({"k": "v", "l": "w"})
d.update_schema_metadata({"m": "only"}, replace=True)
d.update_field_metadata({"name": {"note": "text"}})`,
    otherCoverage: true,
  },
];

/** What else goes on in a table that is changed. */
const OTHER_CHANGES: Change[] = [
  {
    name: "insert",
    ours: (d, key) => d.insert(tableFromArrays({ id: Int32Array.of(3000 + key), name: ["appended"] })),
    native: `d.insert(pa.Table.from_pylist([{"id": 3000 + key, "name": "appended"}], schema=pa.schema([schema.field(0), schema.field(1)])))`,
  },
  {
    name: "compaction",
    ours: (d) => d.optimize.compactFiles(),
    native: "d.optimize.compact_files()",
  },
  {
    name: "an index anew",
    ours: (d) => d.createScalarIndex("size", "BTREE"),
    native: `d.create_scalar_index("size", "BTREE")`,
  },
];

describe.each([
  ["2.1", false],
  ["2.2", false],
  ["2.1", true],
  ["2.2", true],
] as const)("files %s, stable row ids %s", (version, stable) => {
  const suffix = `${version}-${stable}`;
  const pythonStable = stable ? "True" : "False";

  test.each([...ROW_CHANGES, ...SCHEMA_CHANGES])(
    "$name: native sees what it would have made itself",
    async (change) => {
      const name = `${change.name.replaceAll(/\W+/g, "-")}-${suffix}`;
      await native.run(`
create("${name}-ours", "${version}", ${pythonStable})
d = create("${name}-theirs", "${version}", ${pythonStable})
key = 12
${change.native}
`);
      const dataset = await open(`${name}-ours`);
      await change.ours(dataset, 12);
      const ours = await see(`${name}-ours`);
      const theirs = await see(`${name}-theirs`);
      expect(ours.rows).toEqual(theirs.rows);
      const plain = ({ schema }: Seen) => schema.replaceAll(" not null", "").replaceAll(/half12: \w+/g, "half12");
      expect(plain(ours)).toBe(plain(theirs));
      expect([ours.count, ours.config, ours.metadata]).toEqual([theirs.count, theirs.config, theirs.metadata]);
      if (change.otherCoverage !== true) expect(ours.indices).toEqual(theirs.indices);
      const filters = ["id = 12", "id > 50", "id IN (3, 13, 1012)"];
      for (const [found, flat] of (await native.run(
        `out = ask("${name}-ours", ${JSON.stringify(filters)})`,
      )) as number[][][]) {
        expect(found).toEqual(flat);
      }
      await dataset.close();
    },
  );

  test("both write one table in turn; every version is valid and read alike", async () => {
    const name = `turns-${suffix}`;
    await native.run(`d = create("${name}", "${version}", ${pythonStable})`);
    const handle = await open(name);
    let key = 5;
    const changes = [...ROW_CHANGES, ...SCHEMA_CHANGES.slice(0, 3), ...OTHER_CHANGES];
    const turns = [0, 1].flatMap((pass) => changes.map((change, i) => ({ change, isOurs: (i + pass) % 2 === 0 })));
    for (const { change, isOurs } of turns) {
      key += 2;
      if (isOurs) await change.ours(handle, key);
      else await native.run(`d = lance.dataset("${name}")\nkey = ${key}\n${change.native}`);
      const seen = await see(name);
      await handle.checkoutLatest();
      const table = await handle.toTable();
      expect(table.numRows).toBe(seen.count);
      const ids = [...table.getChild("id")!].map(Number).sort((a, b) => a - b);
      expect(ids).toEqual(seen.rows.map((row) => Number(row.id)).sort((a, b) => a - b));
      const sizes = new Map(
        table.toArray().map((row) => [`${row.id} ${row.name}`, row.size === null ? null : Number(row.size)]),
      );
      for (const row of seen.rows) expect(sizes.get(`${row.id} ${row.name}`)).toBe(row.size);
      const filters = [`id = ${key}`, "size > 100", "id < 9 OR id > 1000"];
      const answers = (await native.run(`out = ask("${name}", ${JSON.stringify(filters)})`)) as [
        number[],
        number[],
        string,
      ][];
      for (const [i, [found, flat]] of answers.entries()) {
        expect(found, `${change.name}: ${filters[i]}`).toEqual(flat);
        const mine = await handle.toTable({ columns: ["id"], filter: filters[i]! });
        expect([...mine.getChild("id")!].sort((a, b) => a - b)).toEqual(flat);
      }
    }
    await handle.close();
  });
});

test.each([false, true])(
  "an index is brought up to date after native wrote its column anew in place (stable row ids %s)",
  async (stable) => {
    const name = `in-place-${stable}`;
    await native.run(`
d = create("${name}", "2.2", ${stable ? "True" : "False"})
d.merge_insert("id").when_matched_update_all().execute(pa.table({"id": pa.array([4, 5, 40], pa.int32()), "size": pa.array([-4, -5, -40], pa.int64())}))
out = [len(f.data_files()) for f in d.get_fragments()]`);
    const dataset = await open(name);
    const done = await dataset.optimize.optimizeIndices();
    expect(done.find((index) => index.name === "size_idx")).toMatchObject({ action: "merged", numSegments: 1 });
    const filters = ["size < 0", "size = 40", "size = 50", "size = -40", "size > 500"];
    const answers = (await native.run(`out = ask("${name}", ${JSON.stringify(filters)})`)) as [number[], number[]][];
    expect(answers.map(([found]) => found)).toEqual(answers.map(([, flat]) => flat));
    expect(answers[0]![1]).toEqual([4, 5, 40]);
    for (const [i, [, flat]] of answers.entries()) {
      const mine = await dataset.toTable({ columns: ["id"], filter: filters[i]! });
      expect([...mine.getChild("id")!].sort((a, b) => a - b)).toEqual(flat);
    }
    await dataset.close();
  },
);

test("native reads a table created, appended to and overwritten here", async () => {
  const uri = join(directory, "modes");
  const create = await writeDataset([{ a: 1, b: "x" }], uri, { enableStableRowIds: true });
  await create.insert([{ a: 2 }]);
  await create.close();
  const replaced = await writeDataset([{ c: 1n }, { c: 2n }], uri, { mode: "overwrite", dataStorageVersion: "2.2" });
  await replaced.insert([{ c: 3n }]);
  expect(replaced.version).toBe(4);
  const found = await native.run(`
d = lance.dataset("modes")
d.validate()
out = [d.to_table().to_pylist(), lance.dataset("modes", version=2).to_table().to_pylist(), d.data_storage_version, d.to_table(with_row_id=True)["_rowid"].to_pylist()]
d.insert(pa.table({"c": pa.array([4], pa.int64())}))
d.validate()
`);
  expect(found).toEqual([
    [{ c: 1 }, { c: 2 }, { c: 3 }],
    [
      { a: 1, b: "x" },
      { a: 2, b: null },
    ],
    "2.2",
    [2, 3, 4],
  ]);
  await replaced.close();
});

test("writers that insert one primary key at once do not double it", async () => {
  await native.run(`
pk = pa.schema([pa.field("id", pa.int64(), False, metadata={"lance-schema:unenforced-primary-key": "true"}), pa.field("v", pa.string())])
lance.write_dataset(pa.table({"id": [1, 2], "v": ["a", "b"]}, schema=pk), "pk")
stale = lance.dataset("pk")
`);
  const first = await open("pk");
  const second = await open("pk");
  const upsert = (d: Dataset, v: string) =>
    d
      .mergeInsert()
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .execute([
        { id: 7n, v },
        { id: 2n, v },
      ]);
  expect((await upsert(first, "first")).numAttempts).toBe(1);
  const { numAttempts, numInsertedRows, numUpdatedRows } = await upsert(second, "second");
  expect([numAttempts, numInsertedRows, numUpdatedRows]).toEqual([2, 0, 2]);
  const found = await native.run(`
stats = stale.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(pa.table({"id": [7], "v": ["native"]}, schema=pk))
stale.validate()
out = [sorted(stale.to_table().to_pylist(), key=lambda row: row["id"]), stats["num_inserted_rows"]]
`);
  expect(found).toEqual([
    [
      { id: 1, v: "a" },
      { id: 2, v: "second" },
      { id: 7, v: "native" },
    ],
    0,
  ]);
  await first.close();
  await second.close();
});
