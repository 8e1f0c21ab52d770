import { create } from "@bufbuild/protobuf";
import {
  type Data,
  Field,
  FixedSizeList,
  Float32,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
  Vector,
} from "apache-arrow";
import { beforeAll, describe, expect, test } from "vitest";
import { fromArrowSchema } from "../../src/format/from-arrow-schema.ts";
import type { RowSelection } from "../../src/format/read/file.ts";
import type { LanceField, LanceSchema } from "../../src/format/schema.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { type DataFile, DataFileSchema, DataFragmentSchema } from "../../src/proto/gen/lance/table_pb.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { commit } from "../../src/table/commit/commit.ts";
import { createDatasetManifest } from "../../src/table/commit/create-dataset.ts";
import { addressesOf, toRowAddress } from "../../src/table/row-ids/row-addresses.ts";
import { createColumnSource } from "../../src/table/rows/column-source.ts";
import { scanFragment } from "../../src/table/rows/scan-fragment.ts";
import { takeAddresses } from "../../src/table/rows/take.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { appendOf, stageDelete } from "./support.ts";

useTestRuntime();

const ROWS = 5000;
const ARROW = new Schema([
  new Field("id", new Int32(), false),
  new Field("text", new Utf8(), true),
  new Field("vector", new FixedSizeList(4, new Field("item", new Float32(), true)), false),
  new Field("late", new Int32(), true),
]);
const SCHEMA = fromArrowSchema(ARROW);

const idOf = (fragment: number, row: number) => fragment * 1_000_000 + row;
const textOf = (fragment: number, row: number) => (row % 11 === 0 ? null : `${fragment}/${row}`);

function makeColumn(name: string, fragment: number, start: number, rows: number): Data {
  const at = Array.from({ length: rows }, (_, i) => start + i);
  if (name === "text") {
    const values = at.map((row) => textOf(fragment, row));
    const bytes = values.map((value) => new TextEncoder().encode(value ?? ""));
    const valueOffsets = new Int32Array(rows + 1);
    const nullBitmap = new Uint8Array((rows >> 3) + 1);
    values.forEach((value, i) => {
      valueOffsets[i + 1] = valueOffsets[i]! + bytes[i]!.length;
      if (value !== null) nullBitmap[i >> 3]! |= 1 << (i & 7);
    });
    const data = new Uint8Array(valueOffsets[rows]!);
    for (const [i, part] of bytes.entries()) data.set(part, valueOffsets[i]!);
    return makeData({ type: new Utf8(), length: rows, nullCount: -1, nullBitmap, valueOffsets, data });
  }
  if (name === "vector") {
    const data = Float32Array.from(
      { length: rows * 4 },
      (_, i) => idOf(fragment, start + Math.floor(i / 4)) + (i % 4) / 4,
    );
    const type = ARROW.fields[2]!.type as FixedSizeList<Float32>;
    return makeData({
      type,
      length: rows,
      nullCount: 0,
      child: makeData({ type: new Float32(), length: rows * 4, data }),
    });
  }
  return makeData({
    type: new Int32(),
    length: rows,
    nullCount: 0,
    data: Int32Array.from(at, (row) => idOf(fragment, row)),
  });
}

/** One data file with some of the columns, in small pages, written in uneven batches. */
async function writeFile(
  store: Store,
  fragment: number,
  names: readonly string[],
  pageBytes: number,
): Promise<DataFile> {
  const schema: LanceSchema = { fields: SCHEMA.fields.filter((field) => names.includes(field.name)), metadata: {} };
  const fields = ARROW.fields.filter((field) => names.includes(field.name));
  const path = `f${fragment}-${names.join("-")}.lance`;
  const writer = await createLanceFileWriter(store, `data/${path}`, { schema, maxPageBytes: pageBytes });
  for (let start = 0; start < ROWS; start += 700) {
    const rows = Math.min(700, ROWS - start);
    const children = fields.map((field) => makeColumn(field.name, fragment, start, rows));
    await writer.write(
      new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length: rows, nullCount: 0, children })),
    );
  }
  const file = await writer.finish();
  return create(DataFileSchema, {
    path,
    fields: [...file.fieldIds],
    columnIndices: [...file.columnIndices],
    fileMajorVersion: file.majorVersion,
    fileMinorVersion: file.minorVersion,
    fileSizeBytes: BigInt(file.sizeBytes),
  });
}

let objects: Map<string, { bytes: Uint8Array; modifiedMs: number }>;

/** Fragment 0: one file, `late` in none. 1: three files. 2: `text` rewritten in a second file, tombstoned in the first. */
beforeAll(async () => {
  objects = new Map();
  const store = createMemoryStore(objects);
  const whole = await writeFile(store, 0, ["id", "text", "vector"], 4096);
  const parts = [
    await writeFile(store, 1, ["id", "late"], 2048),
    await writeFile(store, 1, ["vector"], 16384),
    await writeFile(store, 1, ["text"], 1000),
  ];
  const stale = await writeFile(store, 9, ["id", "text", "vector", "late"], 8192);
  const text = stale.fields.indexOf(1);
  stale.fields[text] = -2;
  const fresh = await writeFile(store, 2, ["text"], 8192);
  const fragments = [[whole], parts, [stale, fresh]].map((files) =>
    create(DataFragmentSchema, { files, physicalRows: BigInt(ROWS) }),
  );
  await createDatasetManifest(store, { uri: "memory://t", schema: SCHEMA, fragments });
});

const open = () => openSnapshot(createMemoryStore(new Map(objects)), { uri: "memory://t" });
const field = (name: string): LanceField => SCHEMA.fields.find((candidate) => candidate.name === name)!;
/** Fragment 2's first file was written as fragment 9. */
const origin = (fragment: number, name: string) => (fragment === 2 && name !== "text" ? 9 : fragment);

function expectRow(batch: RecordBatch, at: number, fragment: number, row: number): void {
  const get = (name: string) => batch.getChild(name)?.get(at);
  for (const { name } of batch.schema.fields) {
    const from = origin(fragment, name);
    if (name === "text") expect(get(name)).toBe(textOf(from, row));
    else if (name === "vector")
      expect([...get(name)]).toEqual([0, 1, 2, 3].map((i) => Math.fround(idOf(from, row) + i / 4)));
    else if (name === "late" && fragment === 0) expect(get(name)).toBeNull();
    else expect(get(name)).toBe(idOf(from, row));
  }
}

const SELECTIONS: Record<string, { rows: RowSelection; offsets: number[] }> = {
  all: { rows: { kind: "all" }, offsets: Array.from({ length: ROWS }, (_, i) => i) },
  ranges: {
    rows: {
      kind: "ranges",
      ranges: [
        [0, 3],
        [3, 3],
        [690, 1500],
        [4999, 5000],
      ],
    },
    offsets: [0, 1, 2, ...Array.from({ length: 810 }, (_, i) => 690 + i), 4999],
  },
  indices: {
    rows: { kind: "indices", indices: Uint32Array.of(0, 1, 699, 700, 4998) },
    offsets: [0, 1, 699, 700, 4998],
  },
  nothing: { rows: { kind: "indices", indices: new Uint32Array(0) }, offsets: [] },
};

describe.each([0, 1, 2])("fragment %i", (id) => {
  test.each(Object.entries(SELECTIONS))("scans %s, columns in the order asked for", async (_, { rows, offsets }) => {
    const snapshot = await open();
    for (const names of [["late", "vector", "text", "id"], ["text"], ["late"], []]) {
      for (const batchRows of [256, 100_000]) {
        let done = 0;
        for await (const batch of scanFragment(snapshot, snapshot.fragments[id]!, names.map(field), rows, {
          batchRows,
        })) {
          expect(batch.numRows).toBeLessThanOrEqual(batchRows);
          expect(batch.schema.fields.map((one) => one.name)).toEqual(names);
          for (let i = 0; i < batch.numRows; i += names.length > 1 ? 13 : 101)
            expectRow(batch, i, id, offsets[done + i]!);
          done += batch.numRows;
        }
        expect(done).toBe(offsets.length);
      }
    }
  });
});

test("files whose batches end at different rows are joined row by row", async () => {
  const snapshot = await open();
  let seed = 1;
  /** The same files, their batches cut anew at odd places. */
  const files: typeof snapshot.files = {
    ...snapshot.files,
    async open(path, options) {
      const file = await snapshot.files.open(path, options);
      return {
        ...file,
        numRows: file.numRows,
        async *read(columns, rows, how) {
          for await (const batch of file.read(columns, rows, how)) {
            for (let start = 0; start < batch.numRows; ) {
              seed = (seed * 1103515245 + 12345) % 2 ** 31;
              const end = Math.min(batch.numRows, start + 1 + (seed % 97));
              yield batch.slice(start, end);
              start = end;
            }
          }
        },
      };
    },
  };
  const fields = ["vector", "late", "text", "id"].map(field);
  let done = 0;
  for await (const batch of scanFragment({ ...snapshot, files }, snapshot.fragments[1]!, fields, { kind: "all" })) {
    for (let i = 0; i < batch.numRows; i++) expectRow(batch, i, 1, done + i);
    done += batch.numRows;
  }
  expect(done).toBe(ROWS);
});

test("selections that leave the fragment, or go back, are refused", async () => {
  const snapshot = await open();
  const scan = async (rows: RowSelection) => {
    for await (const _ of scanFragment(snapshot, snapshot.fragments[0]!, [field("id")], rows));
  };
  await expect(scan({ kind: "indices", indices: Uint32Array.of(5000) })).rejects.toMatchObject({
    code: "NOT_FOUND",
    details: { row: 5000 },
  });
  await expect(scan({ kind: "ranges", ranges: [[0, 5001]] })).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(scan({ kind: "indices", indices: Uint32Array.of(5, 5) })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  });
  await expect(
    scan({
      kind: "ranges",
      ranges: [
        [4, 8],
        [7, 9],
      ],
    }),
  ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("a data file shorter than its fragment says is CORRUPT, one that is gone NOT_FOUND", async () => {
  const snapshot = await open();
  const [fragment] = snapshot.fragments;
  const scan = async (one: typeof fragment) => {
    for await (const _ of scanFragment(snapshot, one!, [field("id")], { kind: "all" }));
  };
  for (const physicalRows of [4999, 5001]) {
    await expect(scan({ ...fragment!, physicalRows })).rejects.toMatchObject({ code: "CORRUPT" });
  }
  const gone = {
    ...fragment!,
    proto: { ...fragment!.proto, files: [{ ...fragment!.proto.files[0]!, path: "gone.lance" }] },
  };
  await expect(scan(gone)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("an aborted scan stops", async () => {
  const snapshot = await open();
  const controller = new AbortController();
  const scan = async () => {
    const options = { batchRows: 100, signal: controller.signal };
    for await (const _ of scanFragment(snapshot, snapshot.fragments[0]!, [field("id")], { kind: "all" }, options))
      controller.abort();
  };
  await expect(scan()).rejects.toMatchObject({ code: "ABORTED" });
});

describe("take", () => {
  const names = ["text", "id", "vector", "late"];

  test("keeps order and repeats over all fragments", async () => {
    const snapshot = await open();
    const wanted = [
      [2, 4999],
      [0, 0],
      [1, 77],
      [0, 0],
      [2, 0],
      [1, 77],
      [1, 76],
      [0, 4999],
      [2, 4999],
    ] as const;
    const addresses = BigUint64Array.from(wanted, ([fragment, row]) => toRowAddress(fragment, row));
    const batch = await takeAddresses(snapshot, addresses, names.map(field));
    expect(batch.numRows).toBe(wanted.length);
    wanted.forEach(([fragment, row], i) => {
      expectRow(batch, i, fragment, row);
    });
  });

  test("of ascending rows, of one fragment and of several", async () => {
    const snapshot = await open();
    const offsets = Uint32Array.from({ length: 900 }, (_, i) => i * 5);
    const one = await takeAddresses(snapshot, addressesOf(1, offsets), names.map(field));
    offsets.forEach((row, i) => {
      if (i % 50 === 0) expectRow(one, i, 1, row);
    });
    const two = await takeAddresses(
      snapshot,
      new BigUint64Array([...addressesOf(0, offsets), ...addressesOf(2, offsets)]),
      names.map(field),
    );
    expect(two.numRows).toBe(1800);
    expectRow(two, 899, 0, 4495);
    expectRow(two, 900, 2, 0);
  });

  test("of nothing, and of no columns", async () => {
    const snapshot = await open();
    const none = await takeAddresses(snapshot, new BigUint64Array(0), names.map(field));
    expect([none.numRows, none.schema.fields.map((one) => one.name)]).toEqual([0, names]);
    const bare = await takeAddresses(snapshot, addressesOf(0, Uint32Array.of(3, 4)), []);
    expect([bare.numRows, bare.numCols]).toEqual([2, 0]);
  });

  test("of what is not there names it", async () => {
    const snapshot = await open();
    await expect(takeAddresses(snapshot, addressesOf(7, Uint32Array.of(0)), [field("id")])).rejects.toMatchObject({
      code: "NOT_FOUND",
      details: { fragmentId: 7, known: [0, 1, 2] },
    });
    await expect(takeAddresses(snapshot, addressesOf(1, Uint32Array.of(1, 5000)), [field("id")])).rejects.toMatchObject(
      {
        code: "NOT_FOUND",
        details: { fragmentId: 1, row: 5000, physicalRows: 5000 },
      },
    );
  });

  test("of one row costs the tail and the value, then the value alone", async () => {
    const counting = createCountingStore(createMemoryStore(objects));
    const snapshot = await openSnapshot(counting, { uri: "memory://t" });
    const reads = async (name: string, row: number) => {
      counting.reset();
      await takeAddresses(snapshot, addressesOf(0, Uint32Array.of(row)), [field(name)]);
      return counting.gets(/^data\//).length;
    };
    expect(await reads("id", 4321)).toBeLessThanOrEqual(3);
    expect(await reads("id", 4320)).toBeLessThanOrEqual(1);
    expect(await reads("vector", 10)).toBeLessThanOrEqual(2);
    expect(await reads("vector", 11)).toBeLessThanOrEqual(1);
    expect(await reads("text", 10)).toBeLessThanOrEqual(2);
    expect(await reads("late", 10)).toBe(0);
  });
});

describe("column source", () => {
  const withDeletions = async (): Promise<Snapshot> => {
    const snapshot = await open();
    const rows = Array.from({ length: 3000 }, (_, i) => i).filter((i) => i % 3 === 0 || i < 600);
    return commit(snapshot, await stageDelete(snapshot, { 1: rows }));
  };
  const live = (row: number) => row >= 3000 || !(row % 3 === 0 || row < 600);

  test("gives live rows with their addresses", async () => {
    const snapshot = await withDeletions();
    const source = createColumnSource(snapshot, "text", [1, 0]);
    expect(source.fragmentIds).toEqual([0, 1]);
    const seen: string[] = [];
    for await (const { values, rowIds } of source.batches({ batchRows: 500 })) {
      expect(values.length).toBe(rowIds.length);
      const vector = new Vector([values]);
      rowIds.forEach((address, i) => {
        const [fragment, row] = [Number(address >> 32n), Number(address & 0xffffffffn)];
        if (i % 17 === 0) expect(vector.get(i)).toBe(textOf(fragment, row));
        seen.push(`${fragment}/${row}`);
      });
    }
    const rows = Array.from({ length: ROWS }, (_, i) => i);
    expect(seen).toEqual([...rows.map((row) => `0/${row}`), ...rows.filter(live).map((row) => `1/${row}`)]);
    expect(source.numRows).toBe(seen.length);
  });

  test("samples evenly, the same rows for the same seed, none deleted, none twice", async () => {
    const snapshot = await withDeletions();
    const source = createColumnSource(snapshot, "vector", [0, 1, 2]);
    const take = async (seed: number, rows = 600) => {
      const taken: bigint[] = [];
      for await (const { rowIds } of source.sample(rows, { seed })) taken.push(...rowIds);
      return taken;
    };
    const sample = await take(1);
    expect(sample).toHaveLength(600);
    expect(new Set(sample).size).toBe(600);
    expect(await take(1)).toEqual(sample);
    expect(await take(2)).not.toEqual(sample);
    for (const fragment of [0, 1, 2]) {
      const share = sample.filter((address) => address >> 32n === BigInt(fragment)).length;
      expect(Math.abs(share - (600 * snapshot.fragments[fragment]!.numRows) / source.numRows)).toBeLessThanOrEqual(1);
    }
    expect(sample.filter((address) => address >> 32n === 1n && !live(Number(address & 0xffffffffn)))).toEqual([]);
    for await (const { values, rowIds } of source.sample(50)) {
      const vector = new Vector([values]);
      rowIds.forEach((address, i) => {
        const from = origin(Number(address >> 32n), "vector");
        expect(vector.get(i).get(0)).toBe(Math.fround(idOf(from, Number(address & 0xffffffffn))));
      });
    }
    expect(new Set(await take(1, 1_000_000)).size).toBe(source.numRows);
    expect(await take(1, 0)).toEqual([]);
  });

  test("gives stable row ids where the table has them", async () => {
    const store = createMemoryStore(new Map(objects));
    const fragments = (await open()).manifest.fragments.slice(0, 2);
    for await (const { path } of store.list("_versions/")) await store.delete(path);
    let snapshot = await createDatasetManifest(store, { uri: "u", schema: SCHEMA, fragments, stableRowIds: true });
    snapshot = await commit(snapshot, await stageDelete(snapshot, { 1: [0, 2] }));
    snapshot = await commit(snapshot, appendOf(fragments[0]!));
    const ids = async (options: { rowIdDomain?: "stableRowId" }) => {
      const all: bigint[] = [];
      for await (const { rowIds } of createColumnSource(snapshot, "id", [1, 2], options).batches()) all.push(...rowIds);
      return all;
    };
    const stable = await ids({ rowIdDomain: "stableRowId" });
    expect(stable.slice(0, 3)).toEqual([5001n, 5003n, 5004n]);
    expect(stable.at(-1)).toBe(14_999n);
    expect((await ids({})).slice(0, 2)).toEqual([toRowAddress(1, 1), toRowAddress(1, 3)]);
  });

  test("names what it does not find", async () => {
    const snapshot = await open();
    expect(() => createColumnSource(snapshot, "nope", [0])).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining("id, text, vector, late") }),
    );
    expect(() => createColumnSource(snapshot, "id", [0, 5])).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  });
});
