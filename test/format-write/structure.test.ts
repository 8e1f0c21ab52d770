import {
  type DataType,
  Field,
  FixedSizeList,
  Float32,
  Int8,
  Int32,
  LargeBinary,
  List,
  Map_,
  Schema,
  Struct,
  Utf8,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { fromArrowSchema } from "../../src/format/from-arrow-schema.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { planColumns } from "../../src/format/write/leaf-column.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const item = (type: DataType) => new Field("item", type, true);
const point = new Struct([new Field("x", new Int32(), true), new Field("label", new Utf8(), true)]);
const packed = new Map([["packed", "TRUE"]]);
const map = new Map_(
  new Field(
    "entries",
    new Struct([new Field("key", new Utf8(), false), new Field("value", point, true)]),
    false,
  ) as never,
);

async function listPaths(store: ReturnType<typeof createMemoryStore>): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list("")) paths.push(path);
  return paths;
}

test("file columns are the leaves, in pre-order of the fields", () => {
  const schema = fromArrowSchema(
    new Schema([
      new Field("i", new Int8(), true),
      new Field(
        "s",
        new Struct([new Field("l", new List(item(point)), true), new Field("v", new Float32(), true)]),
        true,
      ),
      new Field("m", map, true),
      new Field("p", point, true, packed),
    ]),
  );
  const { leaves } = planColumns(schema);
  expect(leaves.map(({ path, field, numLists }) => [path, field.id, numLists])).toEqual([
    ["i", 0, 0],
    ["s.l.item.x", 4, 1],
    ["s.l.item.label", 5, 1],
    ["s.v", 6, 0],
    ["m.entries.key", 9, 1],
    ["m.entries.value.x", 11, 1],
    ["m.entries.value.label", 12, 1],
    // The fields of a packed struct are in its own column.
    ["p", 13, 0],
  ]);
});

describe("types with no way into a file name their field", () => {
  test.each<[string, Field, "2.1" | "2.2", string]>([
    ["a map in 2.1", new Field("o", new Struct([new Field("m", map, true)]), true), "2.1", "o.m"],
    ["a fixed-size list of structs in 2.1", new Field("f", new FixedSizeList(2, item(point)), true), "2.1", "f"],
    [
      "one within a struct",
      new Field("o", new Struct([new Field("f", new FixedSizeList(2, item(point)), true)]), true),
      "2.2",
      "o.f",
    ],
    [
      "a list within one",
      new Field("f", new FixedSizeList(2, item(new Struct([new Field("l", new List(item(new Int8())), true)]))), true),
      "2.2",
      "f.item.l",
    ],
    ["text in a packed struct in 2.1", new Field("p", point, true, packed), "2.1", "p"],
    [
      "a list in a packed struct",
      new Field("p", new Struct([new Field("l", new List(item(new Int8())), true)]), true, packed),
      "2.2",
      "p.l",
    ],
    [
      "blobs in lists in 2.1",
      new Field(
        "l",
        new List(new Field("item", new LargeBinary(), true, new Map([["lance-encoding:blob", "true"]]))),
        true,
      ),
      "2.1",
      "l.item",
    ],
    ["a struct without fields", new Field("e", new Struct([]), true), "2.2", "e"],
  ])("%s", (_, field, version, path) => {
    const schema = fromArrowSchema(new Schema([field]));
    const plan = () => planColumns(schema, version);
    expect(plan).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED", details: expect.objectContaining({ field: path }) }),
    );
  });

  test("nulls within a packed struct are refused, not lost", async () => {
    const type = new Struct([new Field("x", new Int32(), true), new Field("y", new Int32(), true)]);
    const schema = new Schema([new Field("p", type, true, packed)]);
    const source = await toRecordBatches([{ p: null }, { p: { x: 1, y: null } }], { schema });
    await expect(createTable(createMemoryStore(), source, { uri: "t" })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      details: { field: "p.y", row: 1 },
    });
  });
});

describe("blobs beside a file", () => {
  const blob = new Map([
    ["ARROW:extension:name", "lance.blob.v2"],
    ["lance-encoding:blob-inline-size-threshold", "10"],
    ["lance-encoding:blob-dedicated-size-threshold", "100"],
    ["lance-encoding:blob-pack-file-size-threshold", "60"],
  ]);
  const schema = new Schema([new Field("b", new LargeBinary(), true, blob), new Field("n", new Int8(), false)]);
  const lance = fromArrowSchema(schema, { promoteBlobs: true });
  const rows = [10, 11, 40, 41, 100, 101].map((size) => ({ b: new Uint8Array(size).fill(size), n: 1 }));

  test("go by the thresholds of their column, and away when the file is given up", async () => {
    const store = createMemoryStore();
    const write = async () => {
      const writer = await createLanceFileWriter(store, "data/f.lance", { schema: lance, version: "2.2" });
      for await (const batch of (await toRecordBatches(rows, { schema })).batches) await writer.write(batch);
      return writer;
    };
    await (await write()).abort();
    expect(await listPaths(store)).toEqual([]);
    const { blobPaths } = await (await write()).finish();
    // Packs of 11 + 40, 41 and 100 bytes, and one blob of its own.
    const sizes = await Promise.all(blobPaths.map(async (path) => (await store.get(path))!.totalBytes));
    expect(sizes).toEqual([51, 41, 100, 101]);
    expect(blobPaths[1]).toBe("data/f/01000000000000000000000000000000.blob");
    expect((await listPaths(store)).toSorted()).toEqual([...blobPaths, "data/f.lance"].toSorted());
  });

  test("a table that is not made leaves none", async () => {
    const store = createMemoryStore();
    async function* source() {
      yield rows;
      yield [{ b: new Uint8Array(200), n: null }];
    }
    await expect(
      createTable(store, await toRecordBatches(source(), { schema }), { uri: "t", storageVersion: "2.2" }),
    ).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    expect(await listPaths(store)).toEqual([]);
  });
});
