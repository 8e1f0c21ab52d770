import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { RecordBatch } from "apache-arrow";
import { expect, test } from "vitest";
import { fileColumns, openLanceFile } from "../../src/format/read/file.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { createMemoryStore, type Dataset, type IndexSegment, openDataset, writeDataset } from "../../src/index.ts";
import { IVFSchema } from "../../src/proto/gen/lance/index_pb.ts";
import type { Store } from "../../src/store/store.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { compareNearest, findNearest, idsOf, inlinePool, makeRows, makeVector, rowIdsOf, SCHEMA } from "./support.ts";

const NUM_ROWS = 400;
const DELETED = new Set([3, 4, 5, 150, 399]);
const live = makeRows(0, NUM_ROWS).filter(({ id }) => !DELETED.has(id));
const q = makeVector(() => 0.6);
const addressOf = (id: number): bigint => (BigInt(Math.floor(id / 100)) << 32n) + BigInt(id % 100);

/** Four fragments of 100 rows, an index of two segments per column, then five rows deleted. */
async function createIndexed(store: Store): Promise<void> {
  const dataset = await writeDataset(makeRows(0, NUM_ROWS), store, { schema: SCHEMA, maxRowsPerFile: 100 });
  const model = await dataset.trainIndexModel("vector", "IVF_FLAT", { numPartitions: 4, pool: inlinePool });
  for (const [column, type] of [
    ["size", "BTREE"],
    ["name", "BTREE"],
    ["vector", "IVF_FLAT"],
  ] as const) {
    const segments: IndexSegment[] = [];
    for (const fragmentIds of [
      [0, 2],
      [1, 3],
    ]) {
      const more = type === "IVF_FLAT" ? { numPartitions: 4, model } : {};
      segments.push(
        await dataset.createIndexUncommitted(column, type, { fragmentIds, pool: inlinePool, ...more } as never),
      );
    }
    await dataset.commitExistingIndexSegments(`${column}_idx`, column, segments);
  }
  await dataset.delete(`id IN (${[...DELETED].join(", ")})`);
}

test("with the data files refused, covered questions are answered from the index files alone", async () => {
  const inner = createMemoryStore();
  await createIndexed(inner);
  const store = createFaultyStore(inner, { refuseReads: /^data\// });
  const dataset = await openDataset(store, { pool: inlinePool, cacheBytes: 0 });

  const filters: [string, (row: (typeof live)[number]) => boolean][] = [
    ["size < 20", ({ size }) => size !== null && size < 20],
    ["size IS NULL", ({ size }) => size === null],
    ["NOT (size >= 20)", ({ size }) => size !== null && size < 20],
    [
      "size IN (1, 2, 3, 70) OR name = 'name 7'",
      (row) => [1, 2, 3, 70].includes(row.size ?? -1) || row.name === "name 7",
    ],
    [
      "size BETWEEN 10 AND 50 AND name LIKE 'name 1%'",
      (row) => row.size !== null && row.size >= 10 && row.size <= 50 && !!row.name?.startsWith("name 1"),
    ],
  ];
  for (const [filter, matches] of filters) {
    const wanted = live.filter(matches).map(({ id }) => addressOf(id));
    expect(wanted.length).toBeGreaterThan(0);
    expect(await dataset.countRows(filter), filter).toBe(wanted.length);
    expect(rowIdsOf(await dataset.toTable({ columns: [], filter, withRowId: true })), filter).toEqual(wanted);
  }

  const nearest = { column: "vector", q, k: 12, nprobes: 4 };
  const found = await dataset.toTable({ columns: [], nearest, withRowId: true });
  const wanted = findNearest(live, q, 12);
  expect(rowIdsOf(found)).toEqual(wanted.map(({ id }) => addressOf(id)));
  const both = await dataset.toTable({ columns: [], nearest, filter: "size < 20", prefilter: true, withRowId: true });
  const small = findNearest(
    live.filter(({ size }) => size !== null && size < 20),
    q,
    12,
  );
  expect(rowIdsOf(both)).toEqual(small.map(({ id }) => addressOf(id)));

  // The same questions need the data without the index, and so does a column of the answer.
  const refused = { code: "IO", details: { refused: true } };
  await expect(
    dataset.toTable({ columns: [], filter: "size < 20", withRowId: true, useScalarIndex: false }),
  ).rejects.toMatchObject(refused);
  await expect(
    dataset.toTable({ columns: [], nearest: { ...nearest, useIndex: false }, withRowId: true }),
  ).rejects.toMatchObject(refused);
  await expect(dataset.toTable({ columns: ["id"], filter: "size < 20" })).rejects.toMatchObject(refused);
});

/** Rewrites an index file of one segment without one row, with our own writer, and tells the segment its new size. */
async function removeRow(store: Store, segment: IndexSegment, name: string, address: bigint): Promise<IndexSegment> {
  const path = `_indices/${segment.uuid}/${name}`;
  const file = await openLanceFile(store, path);
  const idColumn = file.schema.fields.findIndex((field) => field.name === "ids" || field.name === "_rowid");
  const batches: RecordBatch[] = [];
  for await (const batch of file.read(fileColumns(file), { kind: "all" })) batches.push(batch);
  expect(batches).toHaveLength(1);
  const ids = batches[0]!.data.children[idColumn]!.values as BigUint64Array;
  const row = ids.indexOf(address);
  expect(row, `row of ${address} in ${name}`).toBeGreaterThanOrEqual(0);
  const ivf = file.metadata["lance:ivf"];
  const buffer = ivf === undefined ? undefined : await file.readGlobalBuffer(Number(ivf));

  const { fields, metadata } = file.schema;
  const rest = [batches[0]!.slice(0, row), batches[0]!.slice(row + 1)].filter((part) => part.numRows > 0);
  const writer = await createLanceFileWriter(store, path, { schema: { fields, metadata }, metadata: file.metadata });
  for (const part of rest) await writer.write(part);
  if (buffer) {
    const message = fromBinary(IVFSchema, buffer);
    const partition = message.offsets.findLastIndex(
      (offset, i) => Number(offset) <= row && row < Number(offset) + message.lengths[i]!,
    );
    message.lengths[partition]!--;
    message.offsets = message.offsets.map((offset, i) => (i > partition ? offset - 1n : offset));
    writer.setMetadata(
      "lance:ivf",
      String(await writer.addGlobalBuffer(toBinary(IVFSchema, create(IVFSchema, message)))),
    );
  }
  const { sizeBytes } = await writer.finish();
  return { ...segment, files: segment.files!.map((each) => (each.path === name ? { path: name, sizeBytes } : each)) };
}

async function buildOne(dataset: Dataset, column: string, type: string): Promise<IndexSegment> {
  const more = type === "IVF_FLAT" ? { numPartitions: 3 } : {};
  return dataset.createIndexUncommitted(column, type, { fragmentIds: dataset.fragmentIds, pool: inlinePool, ...more });
}

test("a row taken out of a B-tree's page file is gone from the answer", async () => {
  const store = createMemoryStore();
  const rows = makeRows(0, NUM_ROWS);
  const dataset = await writeDataset(rows, store, { schema: SCHEMA, maxRowsPerFile: 100, pool: inlinePool });
  const filter = "size >= 90";
  const wanted = rows.filter(({ size }) => size !== null && size >= 90).map(({ id }) => id);
  const segment = await removeRow(
    store,
    await buildOne(dataset, "size", "BTREE"),
    "page_data.lance",
    addressOf(wanted[3]!),
  );
  await dataset.commitExistingIndexSegments("size_idx", "size", [segment]);
  const fresh = await openDataset(store, { pool: inlinePool });
  expect(idsOf(await fresh.toTable({ filter }))).toEqual(wanted.filter((_, i) => i !== 3));
  expect(await fresh.countRows(filter)).toBe(wanted.length - 1);
  expect(idsOf(await fresh.toTable({ filter, useScalarIndex: false }))).toEqual(wanted);
});

test("a vector taken out of an IVF's storage is gone from the answer", async () => {
  const store = createMemoryStore();
  const rows = makeRows(0, NUM_ROWS);
  const dataset = await writeDataset(rows, store, { schema: SCHEMA, maxRowsPerFile: 100, pool: inlinePool });
  const nearest = findNearest(rows, q, 9);
  const gone = nearest[2]!.id;
  const built = await buildOne(dataset, "vector", "IVF_FLAT");
  await dataset.commitExistingIndexSegments("vector_idx", "vector", [
    await removeRow(store, built, "auxiliary.idx", addressOf(gone)),
  ]);
  const fresh = await openDataset(store, { pool: inlinePool });
  const query = { column: "vector", q, k: 8, nprobes: 3 };
  const found = await fresh.toTable({ nearest: query });
  expect(
    compareNearest(
      found,
      nearest.filter(({ id }) => id !== gone),
    ),
  ).toBe(null);
  expect(idsOf(found)).not.toContain(gone);
  expect(idsOf(await fresh.toTable({ nearest: { ...query, useIndex: false } }))).toContain(gone);
});
