import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { columnValues } from "../format/support.ts";
import { type NativeSession, useNativeSession } from "./native-session.ts";

let directory: string;
let native: NativeSession;

useNativeSession(async (session) => {
  ({ directory, native } = session);
  await native.run(`
def rows(start, count, nulls):
    make = lambda i: None if nulls and i % 5 == 4 else {
        "a": i, "b": None if i % 3 == 0 else i / 2, "in": {"x": i % 100, "t": f"t{i}"}, "l": [{"k": f"k{j}", "n": i * j} for j in range(i % 4)]}
    type_ = pa.struct([("a", pa.int32()), ("b", pa.float32()), ("in", pa.struct([("x", pa.int16()), ("t", pa.string())])), ("l", pa.list_(pa.struct([("k", pa.string()), ("n", pa.int32())])))])
    return pa.table({"id": pa.array(range(start, start + count)), "s": pa.array([make(i) for i in range(start, start + count)], type_)})
def write(version):
    nulls = version != "2.0"
    d = lance.write_dataset(rows(0, 300, nulls), version, data_storage_version=version)
    d.delete("id % 11 = 3")
    d.alter_columns({"path": "s.b", "data_type": pa.float64()})
    d.insert(rows(300, 50, nulls).cast(d.schema))
    d.alter_columns({"path": "s.in.x", "data_type": pa.int64()})
    return [[[list(f.fields) for f in x.data_files()] for x in d.get_fragments()], d.to_table().to_pylist()]
`);
});

// Native itself cannot read such a table of files 2.0.
describe.each(["2.1", "2.2"])("a struct over several files %s", (version) => {
  test("is what native reads", async () => {
    const [files, wanted] = (await native.run(`out = write("${version}")`)) as [
      number[][][],
      { id: number; s: unknown }[],
    ];
    // Leaves moved to other files, one at a time.
    expect(files[0]!.length).toBe(3);
    const dataset = await openDataset(createNodeFsStore(join(directory, version)));
    const table = await dataset.scanner({ batchSize: 64 }).toTable();
    expect(columnValues(table.batches, "s")).toEqual(wanted.map((row) => row.s));
    const indices = [280, 0, 7, 7, 299];
    const taken = await dataset.take(indices);
    expect(columnValues(taken.batches, "s")).toEqual(indices.map((index) => wanted[index]!.s));
  });
});
