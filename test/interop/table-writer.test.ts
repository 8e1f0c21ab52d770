import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { tableFromArrays } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { ALL_TYPES, makeBatches } from "../format-write/random-tables.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

const run = promisify(execFile);
let directory: string;
beforeAll(async () => {
  useTestRuntime();
  directory = await mkdtemp(join(tmpdir(), "lancelet-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function runNatively(script: string): Promise<unknown> {
  const python = process.env.LANCELET_PYTHON;
  if (!python) throw new Error("set LANCELET_PYTHON to a Python that has pylance; npm test does");
  const path = join(directory, "script.py");
  await writeFile(path, `import json, lance, pyarrow as pa\n${script}`);
  const { stdout } = await run(python, [path], { cwd: directory });
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

test.each(["2.1", "2.2"])(
  "native Lance validates, filters, appends to, deletes from, compacts and indexes what we wrote (%s)",
  async (storageVersion) => {
    const name = `table-${storageVersion}`;
    const store = createNodeFsStore(join(directory, name));
    const rows = Array.from({ length: 1000 }, (_, i) => ({ id: i, text: `row ${i}`, vector: [i, i + 1, i + 2, 0] }));
    const created = await createTable(store, await toRecordBatches(rows), {
      uri: name,
      storageVersion,
      maxRowsPerFile: 300,
    });
    const appended = await appendRows(created, [{ id: 1000, text: null, vector: new Float32Array(4) }]);
    expect(appended.fragments.map((fragment) => fragment.physicalRows)).toEqual([300, 300, 300, 100, 1]);
    const offsets = new Map([
      [0, Uint32Array.of(5, 7, 5)],
      [3, Uint32Array.from({ length: 100 }, (_, i) => i)],
    ]);
    const deleted = await deleteRows(appended, offsets, { predicate: "id IN (5, 7) OR id BETWEEN 900 AND 999" });
    expect(deleted.numDeletedRows).toBe(102);
    expect(deleted.snapshot.fragments.map((fragment) => fragment.id)).toEqual([0, 1, 2, 4]);
    const found = await runNatively(`
d = lance.dataset("${name}")
d.validate()
out = [d.version, d.count_rows(), d.count_rows("id >= 5 and id < 10"), d.to_table(filter="text is null")["id"].to_pylist()]
out.append(d.take([5, 897])["text"].to_pylist())
d.insert(pa.table({"id": [2000.0], "text": ["native"], "vector": pa.array([[1, 2, 3, 4]], pa.list_(pa.float32(), 4))}))
d.delete("id = 6 or id = 300")
d.create_scalar_index("id", "BTREE")
out.append(d.to_table(filter="id = 2000")["text"].to_pylist())
d.optimize.compact_files()
d.validate()
out += [d.count_rows(), d.data_storage_version]
print(json.dumps(out))
`);
    expect(found).toEqual([3, 899, 3, [1000], ["row 6", "row 899"], ["native"], 898, storageVersion]);
    const reopened = await openSnapshot(store, { uri: name });
    expect(reopened.version).toBeGreaterThan(6);
  },
);

test("native Lance reads every type out of a table, dictionary columns as such", async () => {
  const data = makeBatches(ALL_TYPES, [500, 700], { seed: 3 });
  const store = createNodeFsStore(join(directory, "types"));
  await createTable(store, await toRecordBatches(data.batches), { uri: "types" });
  const arrays = tableFromArrays({ word: ["a", "b", "a", "c"], n: Int32Array.of(1, 2, 3, 4) });
  await createTable(createNodeFsStore(join(directory, "words")), await toRecordBatches(arrays), { uri: "words" });
  const found = await runNatively(`
d = lance.dataset("types")
d.validate()
w = lance.dataset("words").to_table()
print(json.dumps([d.count_rows(), len(d.schema.names), str(w.schema.field("word").type), w["word"].to_pylist(), w["n"].to_pylist()]))
`);
  expect(found).toEqual([
    1200,
    Object.keys(ALL_TYPES).length,
    "dictionary<values=string, indices=int32, ordered=0>",
    ["a", "b", "a", "c"],
    [1, 2, 3, 4],
  ]);
});

test.each(["2.1", "2.2"])("tables native Lance wrote and evolved take our rows and deletes (%s)", async (version) => {
  const name = `native-${version}`;
  await runNatively(`
t = pa.table({"gone": [1, 2], "id": pa.array([1, 2], pa.int64()), "when": pa.array([1, None], pa.timestamp("us", "UTC")),
  "tags": [["a", None], None], "v": pa.array([[1, 2], None], pa.list_(pa.float32(), 2))})
d = lance.write_dataset(t, "${name}", data_storage_version="${version}", enable_stable_row_ids=True)
d.drop_columns(["gone"])
d.add_columns({"twice": "id * 2"})
d.delete("id = 2")
print("[]")
`);
  const store = createNodeFsStore(join(directory, name));
  const before = await openSnapshot(store, { uri: name });
  const rows = [
    { id: 3, when: new Date(5), tags: ["b"], v: [3, 4], twice: 6n },
    { id: 4n, tags: [], twice: null },
  ];
  const appended = await appendRows(before, rows);
  await deleteRows(appended, new Map([[1, Uint32Array.of(1)]]), { predicate: "id = 4" });
  const found = await runNatively(`
d = lance.dataset("${name}")
d.validate()
d.insert(pa.table({"id": pa.array([9], pa.int64())}, schema=None).append_column("twice", pa.array([1], pa.int64())))
t = d.to_table(with_row_id=True)
print(json.dumps([t["id"].to_pylist(), [x and x.microsecond for x in t["when"].to_pylist()], t["tags"].to_pylist(), t["v"].to_pylist(), t["twice"].to_pylist(), t["_rowid"].to_pylist(), d.data_storage_version]))
`);
  expect(found).toEqual([
    [1, 3, 9],
    [1, 5000, null],
    [["a", null], ["b"], null],
    [[1, 2], [3, 4], null],
    [2, 6, 1],
    [0, 2, 4],
    version,
  ]);
});
