import {
  Bool,
  type Data,
  type DataType,
  Field,
  Float64,
  Int32,
  Int64,
  LargeUtf8,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { fromArrowSchema } from "../../src/format/from-arrow-schema.ts";
import { fileColumns, openLanceFile, type RowSelection } from "../../src/format/read/file.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createRandom, makeLanceSchema } from "./random-tables.ts";

useTestRuntime();

const item = new Field("item", new Int32(), true);
/** How a column's values are drawn, one row after the other. */
const KINDS: Readonly<Record<string, { type: DataType; draw: (random: () => number, row: number) => unknown }>> = {
  runs: { type: new Int32(), draw: (_, row) => Math.floor(row / 60) },
  few: { type: new Int64(), draw: (random) => 2n ** 50n * BigInt(Math.floor(random() * 7)) },
  small: { type: new Int64(), draw: (random) => BigInt(Math.floor(random() * 900)) },
  constant: { type: new Int32(), draw: () => -7 },
  floats: { type: new Float64(), draw: (random) => random() },
  words: { type: new Utf8(), draw: (random) => ["red", "green", "", "żółć"][Math.floor(random() * 4)] },
  texts: { type: new Utf8(), draw: (random, row) => `package ${row} of ${random().toString(36)}` },
  long: { type: new LargeUtf8(), draw: (random, row) => `chapter ${row} `.repeat(1 + Math.floor(random() * 60)) },
  same: { type: new Utf8(), draw: () => "the same text in every row, longer than the page says inline" },
  lists: {
    type: new List(item),
    draw: (random) =>
      Array.from({ length: Math.floor(random() * 4) }, () => (random() < 0.1 ? null : Math.floor(random() * 50))),
  },
  sparse: { type: new List(item), draw: (random) => (random() < 0.99 ? [] : [1, 2, 3]) },
};

const show = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : (part?.toArray?.() ?? part)));

const tables = fc.record({
  numRows: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1000, max: 9000 })),
  nulls: fc.constantFrom(0, 0.01, 0.5, 1),
  maxPageBytes: fc.constantFrom(2000, 60_000, 1 << 23),
  seed: fc.integer(),
});

describe.each(["2.1", "2.2"] as const)("files %s", (version) => {
  test.each(Object.keys(KINDS))("%s: whatever encoding a page got, rows come back, all and some", async (name) => {
    const { type, draw } = KINDS[name]!;
    const schema = new Schema([new Field("a", type, true)]);
    await fc.assert(
      fc.asyncProperty(tables, async ({ numRows, nulls, maxPageBytes, seed }) => {
        const random = createRandom(seed);
        const values = Array.from({ length: numRows }, (_, row) => (random() < nulls ? null : draw(random, row)));
        const column = vectorFromArray(values as never[], type as never) as Vector;
        const children = column.data as unknown as Data[];
        const store = createMemoryStore();
        const writer = await createLanceFileWriter(store, "f", {
          schema: makeLanceSchema(schema),
          version,
          maxPageBytes,
        });
        for (const child of children) {
          await writer.write(
            new RecordBatch(
              schema,
              makeData({ type: new Struct(schema.fields), length: child.length, children: [child] }),
            ),
          );
        }
        await writer.finish();
        const file = await openLanceFile(store, "f");
        const read = async (rows: RowSelection) => {
          const found: string[] = [];
          for await (const batch of file.read(fileColumns(file), rows)) {
            for (let row = 0; row < batch.numRows; row++) found.push(show(batch.getChildAt(0)!.get(row)));
          }
          return found;
        };
        const expected = Array.from({ length: numRows }, (_, row) => show(column.get(row)));
        expect(await read({ kind: "all" })).toEqual(expected);
        const some = Array.from({ length: 20 }, () => Math.floor(random() * numRows)).sort((a, b) => a - b);
        const picks = [...new Set(some)];
        expect(await read({ kind: "indices", indices: Uint32Array.from(picks) } as RowSelection)).toEqual(
          picks.map((row) => expected[row]),
        );
        file.close();
      }),
      { numRuns: 8, seed: 7 },
    );
  });
});

test.each(["2.1", "2.2"] as const)(
  "%s: a row of more levels than a chunk holds is zipped, whatever its items",
  async (version) => {
    const lists = [[[true, null], ...Array.from({ length: 70_000 }, () => []), [false]], null, [], [[true], null]];
    for (const type of [new Bool(), new Int32(), new Utf8()] as DataType[]) {
      const inner = new List(new Field("item", type, true));
      const schema = new Schema([new Field("a", new List(new Field("item", inner, true)), true)]);
      const draw = (value: boolean | null) =>
        value === null || type instanceof Bool ? value : type instanceof Int32 ? Number(value) : String(value);
      const values = lists.map((row) => row?.map((list) => list?.map(draw) ?? null) ?? null);
      const child = vectorFromArray(values as never[], schema.fields[0]!.type as never).data[0] as Data;
      const store = createMemoryStore();
      const writer = await createLanceFileWriter(store, "f", { schema: fromArrowSchema(schema), version });
      await writer.write(
        new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: 4, children: [child] })),
      );
      await writer.finish();
      const file = await openLanceFile(store, "f");
      const found: string[] = [];
      for await (const batch of file.read(fileColumns(file), { kind: "all" })) {
        for (let row = 0; row < batch.numRows; row++) found.push(show(batch.getChildAt(0)!.get(row)));
      }
      expect(found).toEqual(values.map(show));
      file.close();
    }
  },
);
