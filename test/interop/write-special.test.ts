import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Binary,
  Bool,
  DateDay,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Float64,
  Int8,
  Int32,
  Int64,
  LargeBinary,
  List,
  Schema,
  Struct,
  Table,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { type TabularData, toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

useTestRuntime();

let directory: string;
let native: NativeSession;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-"));
  native = openNativeSession(directory);
});
afterAll(async () => {
  native.close();
  await rm(directory, { recursive: true, force: true });
});

async function write(name: string, data: TabularData, options: { schema?: Schema; storageVersion?: string }) {
  const store = createNodeFsStore(join(directory, name));
  const source = await toRecordBatches(data, options.schema ? { schema: options.schema } : {});
  const { storageVersion } = options;
  return createTable(store, source, { uri: name, ...(storageVersion ? { storageVersion } : {}) });
}

const named = (extension: string) => new Map([["ARROW:extension:name", extension]]);
const packed = new Map([["lance-encoding:packed", "true"]]);
const item = (type: Float32 | Utf8 | Struct, metadata?: Map<string, string>) => new Field("item", type, true, metadata);

describe.each(["2.1", "2.2"])("native reads what has a way of its own (%s)", (storageVersion) => {
  const short = storageVersion.replace(".", "");

  test("JSON, also within lists and structs", async () => {
    const json = (name: string) => new Field(name, new Utf8(), true, named("arrow.json"));
    const schema = new Schema([
      json("j"),
      new Field("s", new Struct([json("inner"), new Field("n", new Int32(), true)]), true),
      new Field("l", new List(json("item")), true),
    ]);
    const values = [{ a: [1, 2.5, null, true, "ü"], b: {} }, "plain", 3, null, [], { big: 12345678901234 }, -0.5];
    const rows = values.map((value, i) => ({
      j: value === null ? null : JSON.stringify(value),
      s: i % 3 === 0 ? null : { inner: JSON.stringify(value), n: i },
      l: i % 4 === 0 ? null : [JSON.stringify(value), null],
    }));
    const name = `json-${short}`;
    const written = await write(name, rows, { schema, storageVersion });
    await appendRows(written, [{ j: { more: 1 } }]);
    const found = (await native.run(`
d = lance.dataset("${name}")
d.validate()
t = d.to_table()
load = lambda v: None if v is None else json.loads(v)
out = [str(t.schema.field("j").type), [load(v) for v in t["j"].to_pylist()],
  [v and load(v["inner"]) for v in t["s"].to_pylist()], [v and [load(x) for x in v] for v in t["l"].to_pylist()],
  d.to_table(filter="json_get_int(j, 'more') = 1")["j"].to_pylist()]`)) as unknown[];
    expect(found).toEqual([
      "extension<arrow.json>",
      [...values, { more: 1 }],
      [...values.map((value, i) => (i % 3 === 0 ? null : value)), null],
      [...values.map((value, i) => (i % 4 === 0 ? null : [value, null])), null],
      ['{"more":1}'],
    ]);
  });

  test("brain floats, alone and in vectors", async () => {
    const schema = new Schema([
      new Field("b", new FixedSizeBinary(2), true, named("lance.bfloat16")),
      new Field(
        "v",
        new FixedSizeList(2, new Field("item", new FixedSizeBinary(2), true, named("lance.bfloat16"))),
        true,
      ),
    ]);
    const name = `brain-${short}`;
    await write(
      name,
      [
        { b: 1.5, v: [1, -2] },
        { b: null, v: null },
        { b: 3.140625, v: [0.5, 4] },
      ],
      {
        schema,
        storageVersion,
      },
    );
    const found = await native.run(`
import struct
d = lance.dataset("${name}")
d.validate()
def value(x):
    if x is None: return None
    raw = bytes(x) if isinstance(x, bytes) else None
    return struct.unpack("<f", b"\\0\\0" + raw)[0] if raw is not None else float(x)
t = d.to_table()
def storage(c):
    c = c.combine_chunks()
    return c.storage if isinstance(c, pa.ExtensionArray) else c
b = storage(t["b"])
v = t["v"].combine_chunks()
items = v.values.storage if isinstance(v.values, pa.ExtensionArray) else v.values
out = [[value(x) for x in b.to_pylist()], [value(x) for x in items.to_pylist()][:2]]`);
    expect(found).toEqual([
      [1.5, null, 3.140625],
      [1, -2],
    ]);
  });

  test("vectors of booleans with nulls, where zipped rows are asked for: native cannot read those", async () => {
    const zipped = new Map([["lance-encoding:structural-encoding", "fullzip"]]);
    const type = new FixedSizeList(16, new Field("item", new Bool(), true));
    const rows = Array.from({ length: 300 }, (_, i) => ({
      b: i % 9 === 0 ? null : Array.from({ length: 16 }, (_, k) => (k % 5 === 1 ? null : (i >> (k & 7)) % 2 === 0)),
    }));
    const name = `bits-${short}`;
    await write(name, rows, { schema: new Schema([new Field("b", type, true, zipped)]), storageVersion });
    expect(await native.run(`out = lance.dataset("${name}").to_table().to_pylist()`)).toEqual(rows);
  });

  test("packed structs, also in lists", async () => {
    const fixed = new Struct([new Field("a", new Int32(), false), new Field("b", new Float64(), false)]);
    const fields = [new Field("p", fixed, true, packed), new Field("l", new List(item(fixed, packed)), true)];
    const wide = new Struct([
      new Field("a", new Int64(), false),
      new Field("t", new Utf8(), false),
      new Field("v", new FixedSizeList(3, item(new Float32())), false),
    ]);
    if (storageVersion === "2.2") fields.push(new Field("w", wide, true, packed));
    const rows = Array.from({ length: 3000 }, (_, i) => ({
      p: i % 5 === 0 ? null : { a: i, b: i / 2 },
      l: i % 7 === 0 ? null : Array.from({ length: i % 4 }, (_, k) => (k === 2 ? null : { a: k, b: i })),
      ...(storageVersion === "2.2"
        ? { w: i % 3 === 0 ? null : { a: BigInt(i), t: `word ${i % 50}`, v: [i, 1, 2] } }
        : {}),
    }));
    const name = `packed-${short}`;
    await write(name, rows, { schema: new Schema(fields), storageVersion });
    const found = await native.run(`
d = lance.dataset("${name}")
d.validate()
out = [d.to_table().to_pylist(), d.take([7, 2999, 4]).to_pylist()]`);
    const plain = JSON.parse(JSON.stringify(rows, (_, value) => (typeof value === "bigint" ? Number(value) : value)));
    expect(found).toEqual([plain, [plain[7], plain[2999], plain[4]]]);
  });

  test("dictionaries stay dictionaries, and take rows of other ones", async () => {
    const type = new Dictionary(new Utf8(), new Int8());
    const words = vectorFromArray(["a", null, "b", "a"], type);
    const dates = vectorFromArray(
      [new Date(0), null, new Date(0), new Date(864e5)],
      new Dictionary(new DateDay(), new Int32()),
    );
    const name = `dictionary-${short}`;
    const written = await write(name, new Table({ words, dates }), { storageVersion });
    await appendRows(written, [{ words: "zebra", dates: null }, { words: null }]);
    await appendRows(
      await openSnapshot(written.store, { uri: name }),
      new Table({ words: vectorFromArray(["b"], new Utf8()) }),
    );
    const found = await native.run(`
d = lance.dataset("${name}")
d.validate()
t = d.to_table()
out = [str(t.schema.field("words").type), t["words"].to_pylist(), str(t.schema.field("dates").type), d.count_rows("words = 'b'")]`);
    expect(found).toEqual([
      "dictionary<values=string, indices=int8, ordered=0>",
      ["a", null, "b", "a", "zebra", null, "b"],
      "date32[day]",
      2,
    ]);
  });

  test("blobs: in the file, packed beside it, in files of their own", async () => {
    const blob = new Map([["lance-encoding:blob", "true"]]);
    const schema = new Schema([
      new Field("id", new Int32(), true),
      new Field("b", new LargeBinary(), true, blob),
      new Field("s", new Struct([new Field("inner", new LargeBinary(), true, blob)]), true),
    ]);
    const sizes = [10, null, 0, 65_536, 65_537, 200_000, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1, 100];
    const bytes = (size: number, seed: number) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed) & 255);
    const rows = sizes.map((size, id) => ({
      id,
      b: size === null ? null : bytes(size, id),
      s: id % 3 === 0 ? null : { inner: id % 3 === 1 ? null : bytes(id * 10, id) },
    }));
    const name = `blobs-${short}`;
    const written = await write(name, rows, { schema, storageVersion });
    await appendRows(written, [{ id: 9, b: bytes(70_000, 9) }]);
    const found = (await native.run(`
import os
d = lance.dataset("${name}")
d.validate()
def check(blob, size, seed):
    data = blob.read()
    return len(data) == size and data == bytes((i * 31 + seed) & 255 for i in range(size))
def by_row(column, rows):
    blobs = d.take_blobs(column, indices=rows)
    return blobs
sizes = {i: s for i, s in enumerate(json.loads('${JSON.stringify(sizes)}') + [70000]) if s is not None}
rows = list(sizes)
blobs = [b for b in by_row("b", rows) if b is not None]
inner = [b for b in by_row("s.inner", [2, 5, 8]) if b is not None]
out = [len(blobs), [check(b, sizes[i], i) for i, b in zip(rows, blobs)], [check(b, i * 10, i) for i, b in zip([2, 5, 8], inner)],
  d.to_table(columns=["b"])["b"].null_count, sum(len(f) for _, _, f in os.walk("${name}/data"))]`)) as unknown[];
    expect(found).toEqual([
      9,
      Array(9).fill(true),
      [true, true, true],
      1,
      // Two data files; a pack, a file of the largest, a pack of the append.
      storageVersion === "2.2" ? 5 : 2,
    ]);
  });
});

test("blobs made as native's blob_array makes them", async () => {
  const struct = new Struct([new Field("data", new LargeBinary(), true), new Field("uri", new Utf8(), true)]);
  const schema = new Schema([new Field("b", struct, true, named("lance.blob.v2"))]);
  await write("blob-field", [{ b: Uint8Array.of(1, 2) }, { b: null }, { b: { data: Uint8Array.of(3) } }], {
    schema,
    storageVersion: "2.2",
  });
  const found = await native.run(`
d = lance.dataset("blob-field")
d.validate()
out = [str(d.schema.field("b").type), [list(b.read()) for b in d.take_blobs("b", indices=[0, 2])]]
lance.write_dataset(pa.table([lance.blob_array([b"more"])], schema=pa.schema([lance.blob_field("b")])), "blob-field", mode="append")
out.append(lance.dataset("blob-field").count_rows())`);
  expect(found).toEqual(["extension<lance.blob.v2<BlobType>>", [[1, 2], [3]], 4]);
});

test("blobs of bytes with 32-bit offsets are stored as large_binary", async () => {
  const schema = new Schema([new Field("b", new Binary(), true, new Map([["lance-encoding:blob", "true"]]))]);
  await write("blob-binary", [{ b: Uint8Array.of(5) }], { schema, storageVersion: "2.1" });
  const found = await native.run(`
d = lance.dataset("blob-binary")
out = [list(b.read()) for b in d.take_blobs("b", indices=[0])]`);
  expect(found).toEqual([[5]]);
});
