import { fromBinary } from "@bufbuild/protobuf";
import type { Table } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createMemoryStore,
  createPool,
  type Dataset,
  type IndexSegment,
  isLanceError,
  openDataset,
  writeDataset,
} from "../../src/index.ts";
import { kernelMemoryBytes } from "../../src/kernels/memory.ts";
import { TransactionSchema } from "../../src/proto/gen/lance/transaction_pb.ts";
import type { MemoryObjects } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { readManifest } from "../../src/table/manifest/read-manifest.ts";
import { encodeManifestFile } from "../../src/table/manifest/write-manifest.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { guardAllocations } from "./guard-allocations.ts";
import {
  codeOf,
  compareNearest,
  copyObjects,
  createRandom,
  DIMENSION,
  findNearest,
  idsOf,
  inlinePool,
  listPaths,
  makeRows,
  makeVector,
  readIds,
  rowIdsOf,
  SCHEMA,
} from "./support.ts";

const q = makeVector(() => 0.7);
const KINDS = ["manifest", "transaction", "hint", "data", "deletion", "page_data", "page_lookup", "index", "auxiliary"];
const base: MemoryObjects = new Map();

const open = (store: Store): Promise<Dataset> => openDataset(store, { pool: inlinePool });

/** Two fragments, three indexes, some rows deleted in each fragment. */
async function createTable(store: Store): Promise<Dataset> {
  const dataset = await writeDataset(makeRows(0, 240), store, {
    schema: SCHEMA,
    maxRowsPerFile: 120,
    pool: inlinePool,
  });
  await dataset.createScalarIndex("size", "BTREE", { zoneSize: 32 });
  await dataset.createScalarIndex("name", "BTREE");
  await dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 4, maxIterations: 4 });
  await dataset.delete("id % 9 = 4");
  return dataset;
}

function kindOf(path: string): string {
  if (path.endsWith(".manifest")) return "manifest";
  if (path.endsWith(".txn")) return "transaction";
  if (path.endsWith("hint.json")) return "hint";
  if (path.startsWith("data/")) return "data";
  if (path.startsWith("_deletions/")) return "deletion";
  return path.slice(path.lastIndexOf("/") + 1).split(".")[0]!;
}

/** A flipped bit may have renamed the column. */
const idsIn = (table: Table): unknown => (table.getChild("id") ? idsOf(table) : "no such column");

const QUESTIONS: readonly ((dataset: Dataset) => Promise<unknown>)[] = [
  async (dataset) => dataset.countRows(),
  async (dataset) =>
    (await dataset.toTable({ withRowId: true }))
      .toArray()
      .map((row) => JSON.stringify(row.toJSON(), (_, value) => (typeof value === "bigint" ? String(value) : value))),
  async (dataset) => idsIn(await dataset.toTable({ filter: "size < 30" })),
  async (dataset) => idsIn(await dataset.toTable({ filter: "name = 'name 7' OR size IS NULL" })),
  async (dataset) => dataset.countRows("NOT (name > 'name 2')"),
  async (dataset) =>
    rowIdsOf(
      await dataset.toTable({ columns: [], nearest: { column: "vector", q, k: 9, nprobes: 4 }, withRowId: true }),
    ),
  async (dataset) => idsIn(await dataset.toTable({ nearest: { column: "vector", q, k: 9, useIndex: false } })),
  async (dataset) => idsIn(await dataset.take([3, 200, 3])),
  async (dataset) => (await dataset.indexStatistics("vector_idx")).numIndexedRows,
  async (dataset) => (await dataset.versions()).map(({ version }) => version),
  async (dataset) => dataset.delete("size = 3"),
];

type Answers = (string | { readonly answer: unknown })[];

/** Every question's answer or error code. Anything but a LanceError fails the test, and so does a huge allocation. */
async function ask(objects: MemoryObjects): Promise<Answers> {
  const store = createMemoryStore(objects);
  const answers: Answers = [];
  for (const question of QUESTIONS) {
    try {
      answers.push({ answer: await question(await open(store)) });
    } catch (error) {
      if (!isLanceError(error)) throw error;
      answers.push(error.code);
    }
  }
  return answers;
}

let truth: Answers;
let guard: ReturnType<typeof guardAllocations>;
beforeAll(async () => {
  await createTable(createMemoryStore(base));
  truth = await ask(copyObjects(base));
  expect(truth.every((answer) => typeof answer === "object")).toBe(true);
  expect(new Set([...base.keys()].map(kindOf))).toEqual(new Set(KINDS));
  guard = guardAllocations(256 * 2 ** 20);
});
afterAll(() => {
  guard.release();
  expect(kernelMemoryBytes()).toBeLessThan(256 * 2 ** 20);
});

const CODES = [
  "CORRUPT",
  "UNSUPPORTED",
  "NOT_FOUND",
  "IO",
  "SCHEMA_MISMATCH",
  "INVALID_ARGUMENT",
  "INDEX_NOT_FOUND",
  "DIMENSION_MISMATCH",
];
const newestManifest = () => [...base.keys()].filter((path) => kindOf(path) === "manifest").sort()[0]!;
const pathsOf = (kind: string): string[] =>
  [...base.keys()].filter((path) => kindOf(path) === kind && (kind !== "manifest" || path === newestManifest()));

describe.each(KINDS)("a broken %s file", (kind) => {
  const isAdvice = kind === "hint" || kind === "transaction";

  test("cut short anywhere, is an error or the right answer, never another one", async () => {
    const random = createRandom(KINDS.indexOf(kind) + 1);
    let errors = 0;
    for (const path of pathsOf(kind)) {
      const whole = base.get(path)!.bytes;
      const lengths = [
        0,
        1,
        whole.length - 1,
        whole.length >> 1,
        ...Array.from({ length: 6 }, () => Math.floor(random() * whole.length)),
      ];
      for (const length of lengths) {
        const objects = copyObjects(base);
        objects.set(path, { bytes: whole.slice(0, length), modifiedMs: 0 });
        const answers = await ask(objects);
        answers.forEach((answer, i) => {
          if (typeof answer === "object") expect(answer, `question ${i}, ${path} cut to ${length}`).toEqual(truth[i]);
          else expect(CODES, `question ${i}, ${path} cut to ${length}`).toContain(answer);
        });
        errors += answers.filter((answer) => typeof answer === "string").length;
      }
    }
    if (isAdvice) expect(errors).toBe(0);
    else expect(errors).toBeGreaterThan(pathsOf(kind).length * 5);
  });

  test("with flipped bits, is an error or an answer", async () => {
    const random = createRandom(100 + KINDS.indexOf(kind));
    const paths = pathsOf(kind);
    let errors = 0;
    const numCases = 60;
    for (let i = 0; i < numCases; i++) {
      const path = paths[i % paths.length]!;
      const bytes = base.get(path)!.bytes.slice();
      const numFlips = 1 + (i % 3);
      for (let flip = 0; flip < numFlips; flip++) {
        // Half of them near the end, where the sizes and offsets of a Lance file stand.
        const near = i % 2 === 0 ? Math.min(bytes.length, 400) : bytes.length;
        bytes[bytes.length - 1 - Math.floor(random() * near)]! ^= 1 << Math.floor(random() * 8);
      }
      const objects = copyObjects(base);
      objects.set(path, { bytes, modifiedMs: 0 });
      const answers = await ask(objects);
      for (const answer of answers) if (typeof answer === "string") expect(CODES).toContain(answer);
      if (isAdvice) expect(answers, path).toEqual(truth);
      errors += answers.filter((answer) => typeof answer === "string").length;
    }
    if (!isAdvice) expect(errors).toBeGreaterThan(0);
    expect(guard.largest()).toBeLessThan(256 * 2 ** 20);
  });
});

describe("a manifest from the future", () => {
  async function withFlags(flags: { reader?: bigint; writer?: bigint }): Promise<Store> {
    const objects = copyObjects(base);
    const store = createMemoryStore(objects);
    const path = newestManifest();
    const file = (await readManifest(store, path))!;
    if (flags.reader) file.manifest.readerFeatureFlags |= flags.reader;
    if (flags.writer) file.manifest.writerFeatureFlags |= flags.writer;
    const { indexSection, transaction } = file;
    expect(fromBinary(TransactionSchema, transaction as Uint8Array).uuid).not.toBe("");
    const bytes = encodeManifestFile(file.manifest, { indexSection, transaction: transaction as Uint8Array });
    objects.set(path, { bytes, modifiedMs: 0 });
    return store;
  }

  test("with an unknown reader flag is not opened", async () => {
    await expect(open(await withFlags({ reader: 1n << 40n }))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      details: { unknownFlags: String(1n << 40n), action: "read" },
    });
  });

  test("with an unknown writer flag is read, and every write is refused", async () => {
    const store = await withFlags({ writer: 1n << 41n });
    const before = await listPaths(store);
    const dataset = await open(store);
    expect(await dataset.countRows()).toBe((truth[0] as { answer: number }).answer);
    expect(idsOf(await dataset.toTable({ filter: "size < 30" }))).toEqual((truth[2] as { answer: number[] }).answer);
    for (const write of [
      () => dataset.insert(makeRows(1000, 5)),
      () => dataset.delete("id = 1"),
      () => dataset.createScalarIndex("id", "BTREE"),
      () => dataset.dropIndex("size_idx"),
    ]) {
      expect(await codeOf(write())).toBe("UNSUPPORTED");
    }
    expect(await listPaths(store)).toEqual(before);
  });
});

describe("arguments that name nothing", () => {
  test.each<[string, (dataset: Dataset, segments: IndexSegment[]) => Promise<unknown>, string]>([
    ["an unknown index", (dataset) => dataset.indexStatistics("nope"), "INDEX_NOT_FOUND"],
    ["dropping an unknown index", (dataset) => dataset.dropIndex("nope"), "INDEX_NOT_FOUND"],
    ["an index on an unknown column", (dataset) => dataset.createScalarIndex("nope", "BTREE"), "INVALID_ARGUMENT"],
    ["an unknown index type", (dataset) => dataset.createIndex("vector", "IVF_NOPE"), "UNSUPPORTED"],
    ["a vector index on text", (dataset) => dataset.createIndex("name", "IVF_FLAT"), "SCHEMA_MISMATCH"],
    ["a B-tree on vectors", (dataset) => dataset.createScalarIndex("vector", "BTREE"), "SCHEMA_MISMATCH"],
    [
      "an unknown metric",
      (dataset) => dataset.createIndex("vector", "IVF_FLAT", { metric: "taxicab" }),
      "INVALID_ARGUMENT",
    ],
    [
      "a fragment that does not exist",
      (dataset) => dataset.createIndexUncommitted("size", "BTREE", { fragmentIds: [0, 77] }),
      "NOT_FOUND",
    ],
    ["scanning a fragment that does not exist", (dataset) => dataset.toTable({ fragmentIds: [77] }), "NOT_FOUND"],
    [
      "a query of the wrong dimension",
      (dataset) => dataset.toTable({ nearest: { column: "vector", q: [1, 2, 3] } }),
      "DIMENSION_MISMATCH",
    ],
    [
      "inserting vectors of the wrong dimension",
      (dataset) => dataset.insert([{ id: 1, vector: [1, 2, 3] }]),
      "DIMENSION_MISMATCH",
    ],
    ["a version that does not exist", (dataset) => dataset.checkoutVersion(99), "NOT_FOUND"],
    ["no segments", (dataset) => dataset.commitExistingIndexSegments("x", "size", []), "INVALID_ARGUMENT"],
    [
      "a segment twice",
      (dataset, [a]) => dataset.commitExistingIndexSegments("x", "size", [a!, a!]),
      "SEGMENT_OVERLAP",
    ],
    [
      "overlapping segments",
      (dataset, [a, b]) => dataset.commitExistingIndexSegments("x", "size", [a!, b!]),
      "SEGMENT_OVERLAP",
    ],
    [
      "merging overlapping segments",
      (dataset, [a, b]) => dataset.mergeExistingIndexSegments([a!, b!]),
      "SEGMENT_OVERLAP",
    ],
    [
      "a segment of another column",
      (dataset, [a]) => dataset.commitExistingIndexSegments("x", "name", [a!]),
      "SEGMENT_INCOMPATIBLE",
    ],
    [
      "a segment whose file is gone",
      (dataset, [a]) =>
        dataset.commitExistingIndexSegments("x", "size", [{ ...a!, uuid: "00000000-0000-4000-8000-000000000000" }]),
      "NOT_FOUND",
    ],
    [
      "a segment of another size",
      (dataset, [a]) =>
        dataset.commitExistingIndexSegments("x", "size", [
          { ...a!, files: a!.files!.map((file) => ({ ...file, sizeBytes: file.sizeBytes + 1 })) },
        ]),
      "CORRUPT",
    ],
    [
      "a segment over a fragment that never was",
      (dataset, [a]) => dataset.commitExistingIndexSegments("x", "size", [{ ...a!, fragmentIds: [0, 5] }]),
      "NOT_FOUND",
    ],
  ])("%s: %#", async (_, call, code) => {
    const store = createMemoryStore(copyObjects(base));
    const dataset = await open(store);
    const segments = [
      await dataset.createIndexUncommitted("size", "BTREE", { fragmentIds: [0, 1] }),
      await dataset.createIndexUncommitted("size", "BTREE", { fragmentIds: [1] }),
    ];
    const { version } = dataset;
    expect(await codeOf(call(dataset, segments))).toBe(code);
    expect((await open(store)).version).toBe(version);
  });

  test("a closed pool", async () => {
    const dataset = await open(createMemoryStore(copyObjects(base)));
    const pool = createPool();
    await pool.close();
    expect(await codeOf(dataset.createScalarIndex("id", "BTREE", { pool }))).toBe("INVALID_ARGUMENT");
    expect(await dataset.describeIndices()).toHaveLength(3);
  });
});

describe("NaN, infinite, zero and NULL vectors", () => {
  const dirty = makeRows(0, 120).map((row) => {
    if (row.id % 10 === 1) return { ...row, vector: Array<number>(DIMENSION).fill(Number.NaN) };
    if (row.id % 10 === 2) return { ...row, vector: [...makeVector(() => 0.5).slice(1), Number.POSITIVE_INFINITY] };
    if (row.id % 10 === 3) return { ...row, vector: Array<number>(DIMENSION).fill(0) };
    if (row.id % 10 === 4) return { ...row, vector: null };
    return row;
  });

  test.each(["l2", "cosine", "dot"])(
    "%s: the index and the flat search give the finite rows, and the same",
    async (metric) => {
      const store = createMemoryStore();
      const dataset = await writeDataset(dirty, store, { schema: SCHEMA, maxRowsPerFile: 50, pool: inlinePool });
      await dataset.createIndex("vector", "IVF_FLAT", { metric, numPartitions: 3 });
      const finite = dirty.filter(({ vector }) => vector?.every(Number.isFinite));
      const rows = metric === "cosine" ? finite.filter(({ vector }) => vector!.some((x) => x !== 0)) : finite;
      const expected = findNearest(rows, q, 50, metric);
      const nearest = { column: "vector", q, k: 50, metric, nprobes: 3 };
      expect(compareNearest(await dataset.toTable({ nearest }), expected)).toBe(null);
      for (const useIndex of [true, false]) {
        const distances = (await dataset.toTable({ nearest: { ...nearest, k: 500, useIndex } })).getChild("_distance")!;
        expect(Array.from(distances, Number).every((distance) => !Number.isNaN(distance))).toBe(true);
      }
    },
  );

  test("NaN in a query is refused, by index and flat", async () => {
    const dataset = await open(createMemoryStore(copyObjects(base)));
    const bad = [...q.slice(1), Number.NaN];
    for (const useIndex of [true, false]) {
      expect(await codeOf(dataset.toTable({ nearest: { column: "vector", q: bad, useIndex } }))).toBe(
        "INVALID_ARGUMENT",
      );
    }
  });

  test("a column of NULL vectors only has an index that answers nothing", async () => {
    const rows = makeRows(0, 40).map((row) => ({ ...row, vector: null }));
    const dataset = await writeDataset(rows, createMemoryStore(), { schema: SCHEMA, pool: inlinePool });
    const code = await codeOf(dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 1 }));
    expect([null, "INVALID_ARGUMENT"]).toContain(code);
    expect((await dataset.toTable({ nearest: { column: "vector", q } })).numRows).toBe(0);
  });
});

describe("no space left", () => {
  test.each<[string, (dataset: Dataset) => Promise<unknown>]>([
    ["an insert", (dataset) => dataset.insert(makeRows(240, 400), { maxRowsPerFile: 50 })],
    ["a B-tree build", (dataset) => dataset.createScalarIndex("id", "BTREE")],
    ["a vector build", (dataset) => dataset.createIndex("vector", "IVF_FLAT", { name: "again", numPartitions: 4 })],
  ])("during %s: QUOTA_EXCEEDED, nothing lost, nothing left", async (_, write) => {
    const probe = createFaultyStore(createMemoryStore(copyObjects(base)));
    await write(await open(probe));
    const { bytesWritten } = probe;
    for (const share of [0, 0.3, 0.6, 0.85]) {
      const store = createMemoryStore(copyObjects(base));
      const before = await listPaths(store);
      const faulty = createFaultyStore(store, { quotaBytes: Math.floor(bytesWritten * share) });
      expect(await codeOf(write(await open(faulty)))).toBe("QUOTA_EXCEEDED");
      expect(await listPaths(store)).toEqual(before);
      expect(await ask(copyObjects(new Map(await snapshotOf(store))))).toEqual(truth);
    }
  });
});

async function snapshotOf(store: Store): Promise<[string, { bytes: Uint8Array; modifiedMs: number }][]> {
  const paths = await listPaths(store);
  return Promise.all(paths.map(async (path) => [path, { bytes: (await store.get(path))!.bytes, modifiedMs: 0 }]));
}

describe("a cancelled build", () => {
  test.each(["size", "vector"])("of %s: ABORTED, the table as it was, no debris", async (column) => {
    const store = createMemoryStore();
    const dataset = await writeDataset(makeRows(0, 6000), store, {
      schema: SCHEMA,
      maxRowsPerFile: 2000,
      pool: inlinePool,
    });
    const before = await listPaths(store);
    const stages = column === "vector" ? (["train", "build"] as const) : (["build"] as const);
    for (const stage of stages) {
      const cancel = new AbortController();
      const type = column === "vector" ? "IVF_FLAT" : "BTREE";
      let cancelled = false;
      const build = dataset.createIndex(column, type, {
        signal: cancel.signal,
        memoryBudgetBytes: 2 ** 20,
        ...(column === "vector" ? { numPartitions: 16 } : {}),
        onProgress(progress) {
          if (progress.kind !== stage || progress.finished) return;
          cancelled = true;
          cancel.abort();
        },
      });
      expect(await codeOf(build)).toBe("ABORTED");
      expect(cancelled).toBe(true);
      expect(await listPaths(store)).toEqual(before);
      expect(dataset.version).toBe(1);
      expect(await dataset.describeIndices()).toEqual([]);
    }
    expect((await readIds(await open(store))).length).toBe(6000);
    await dataset.createIndex(
      column,
      column === "vector" ? "IVF_FLAT" : "BTREE",
      column === "vector" ? { numPartitions: 2 } : {},
    );
    expect(await dataset.describeIndices()).toHaveLength(1);
  });
});
