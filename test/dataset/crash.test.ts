import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createMemoryStore, type Dataset, openDataset, writeDataset } from "../../src/index.ts";
import type { MemoryObjects } from "../../src/store/memory.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store, StoreWriter } from "../../src/store/store.ts";
import { createFaultyStore, type FaultPlan, type FaultyStore } from "../support/faulty-store.ts";
import {
  codeOf,
  compareNearest,
  copyObjects,
  findNearest,
  idsOf,
  inlinePool,
  listPaths,
  makeRows,
  makeVector,
  type Row,
  readIds,
  SCHEMA,
} from "./support.ts";

const q = makeVector(() => 0.2);
const options = { schema: SCHEMA, maxRowsPerFile: 60, pool: inlinePool };

/** What a table is to hold at one version. */
interface State {
  readonly version: number;
  readonly rows: readonly Row[];
  readonly indexes: readonly string[];
}

/** One write to a table, and the states before and after it. */
interface Operation {
  readonly name: string;
  readonly before: State | null;
  readonly after: State;
  run(store: Store): Promise<unknown>;
}

const rows = makeRows(0, 150);
const indexed = ["size_idx", "vector_idx"];
const open = (store: Store): Promise<Dataset> => openDataset(store, { pool: inlinePool });
const buildVector = { numPartitions: 3, maxIterations: 4, pool: inlinePool };

const OPERATIONS: Operation[] = [
  {
    name: "create",
    before: null,
    after: { version: 1, rows, indexes: [] },
    run: (store) => writeDataset(rows, store, options),
  },
  {
    name: "append",
    before: { version: 3, rows, indexes: indexed },
    after: { version: 4, rows: [...rows, ...makeRows(150, 70)], indexes: indexed },
    run: async (store) => (await open(store)).insert(makeRows(150, 70), { maxRowsPerFile: 40 }),
  },
  {
    name: "delete",
    before: { version: 3, rows, indexes: indexed },
    after: { version: 4, rows: rows.filter(({ id }) => id % 3 !== 0 && id < 120), indexes: indexed },
    run: async (store) => (await open(store)).delete("id % 3 = 0 OR id >= 120"),
  },
  {
    name: "createScalarIndex",
    before: { version: 1, rows, indexes: [] },
    after: { version: 2, rows, indexes: ["size_idx"] },
    run: async (store) => (await open(store)).createScalarIndex("size", "BTREE", { pool: inlinePool }),
  },
  {
    name: "createIndex",
    before: { version: 1, rows, indexes: [] },
    after: { version: 2, rows, indexes: ["vector_idx"] },
    run: async (store) => (await open(store)).createIndex("vector", "IVF_FLAT", buildVector),
  },
  {
    name: "createScalarIndex over one that is there",
    before: { version: 3, rows, indexes: indexed },
    after: { version: 4, rows, indexes: indexed },
    run: async (store) => (await open(store)).createScalarIndex("size", "BTREE", { zoneSize: 16, pool: inlinePool }),
  },
  {
    name: "train, build of three segments, merge of two, commit",
    before: { version: 1, rows, indexes: [] },
    after: { version: 2, rows, indexes: ["vector_idx"] },
    async run(store) {
      const dataset = await open(store);
      const model = await dataset.trainIndexModel("vector", "IVF_FLAT", buildVector);
      const build = (id: number) =>
        dataset.createIndexUncommitted("vector", "IVF_FLAT", { ...buildVector, fragmentIds: [id], model });
      const segments = [await build(0), await build(1), await build(2)];
      const merged = await dataset.mergeExistingIndexSegments(segments.slice(0, 2), { pool: inlinePool });
      await dataset.commitExistingIndexSegments("vector_idx", "vector", [merged, segments[2]!]);
    },
  },
];

/** The table the operation starts from. */
async function prepare(operation: Operation, store: Store): Promise<void> {
  if (!operation.before) return;
  const dataset = await writeDataset(rows, store, options);
  if (operation.before.indexes.length === 0) return;
  await dataset.createScalarIndex("size", "BTREE", { pool: inlinePool });
  await dataset.createIndex("vector", "IVF_FLAT", buildVector);
}

/** Opens what the crash left: the old or the new version, whole, answering as a plain loop over its rows does. */
async function checkTable(store: Store, operation: Operation): Promise<"old" | "new"> {
  if (!operation.before && (await codeOf(open(store))) === "NOT_FOUND") return "old";
  const dataset = await open(store);
  const state = dataset.version === operation.before?.version ? operation.before : operation.after;
  await checkState(dataset, state);
  return state === operation.after ? "new" : "old";
}

async function checkState(dataset: Dataset, state: State): Promise<void> {
  expect(dataset.version).toBe(state.version);
  expect(await dataset.countRows()).toBe(state.rows.length);
  expect(await readIds(dataset)).toEqual(state.rows.map(({ id }) => id));
  expect((await dataset.describeIndices()).map(({ name }) => name).sort()).toEqual(state.indexes);
  const wanted = state.rows.filter(({ size }) => size !== null && size < 30).map(({ id }) => id);
  expect(idsOf(await dataset.toTable({ filter: "size < 30" }))).toEqual(wanted);
  const found = await dataset.toTable({ columns: ["id"], nearest: { column: "vector", q, k: 10, nprobes: 3 } });
  expect(compareNearest(found, findNearest(state.rows, q, 10))).toBe(null);
  const all = await dataset.versions();
  expect(all.map(({ version }) => version)).toEqual(Array.from({ length: state.version }, (_, i) => i + 1));
}

/** Runs the operation on a store that stops, then again on the healthy one. */
async function crashAndRecover(store: Store, operation: Operation, plan: FaultPlan): Promise<"old" | "new"> {
  const faulty = createFaultyStore(store, plan);
  const code = await codeOf(operation.run(faulty));
  expect(faulty.stopped).toBe(true);
  const state = await checkTable(store, operation);
  // What was reported done is done; a failure may yet have landed, and then says so.
  if (code === null) expect(state).toBe("new");
  // Debris is in nobody's way: the same write goes through on what is left.
  if (state === "old") {
    await operation.run(store);
    expect(await checkTable(store, operation)).toBe("new");
  }
  return state;
}

async function countWrites(operation: Operation, store: Store): Promise<number> {
  const faulty: FaultyStore = createFaultyStore(store);
  await operation.run(faulty);
  expect(await checkTable(store, operation)).toBe("new");
  return faulty.numWrites;
}

describe.each(OPERATIONS)("a process that dies during $name", (operation) => {
  test("at any write leaves the old or the new version, whole", async () => {
    const base: MemoryObjects = new Map();
    await prepare(operation, createMemoryStore(base));
    const numWrites = await countWrites(operation, createMemoryStore(copyObjects(base)));
    expect(numWrites).toBeGreaterThan(2);
    const seen = { old: 0, new: 0 };
    for (let stopAtWrite = 1; stopAtWrite <= numWrites; stopAtWrite++) {
      for (const stopEffect of ["none", "partial", "full"] as const) {
        const objects = copyObjects(base);
        const state = await crashAndRecover(createMemoryStore(objects), operation, { stopAtWrite, stopEffect });
        seen[state]++;
        // Every file that was there is still there, as it was.
        const mutable = "_versions/latest_version_hint.json";
        for (const [path, object] of base) if (path !== mutable) expect(objects.get(path), path).toBe(object);
      }
    }
    expect(seen.old).toBeGreaterThan(0);
    expect(seen.new).toBeGreaterThan(0);
  });
});

test("an operation that fails but lives on removes what it wrote", async () => {
  for (const operation of OPERATIONS.filter(({ before }) => before !== null)) {
    const objects: MemoryObjects = new Map();
    const store = createMemoryStore(objects);
    await prepare(operation, store);
    const before = await listPaths(store);
    // Only the version itself is refused: everything else was written by then.
    const refused = createFaultyStore(store, { refusePaths: /^_versions\/[^/]*\.manifest$/ });
    const reads = createFaultyStore(store);
    const half: Store = { ...pick(reads), put: refused.put.bind(refused) };
    expect(await codeOf(operation.run(half)), operation.name).toBe("IO");
    const left = (await listPaths(store)).filter((path) => !before.includes(path));
    // Segments built by hand belong to the caller until they are committed.
    const byHand = operation.name.startsWith("train") ? /^_indices\// : /^$/;
    expect(
      left.filter((path) => !byHand.test(path)),
      operation.name,
    ).toEqual([]);
    await checkTable(store, operation);
  }
});

function pick(store: Store): Store {
  const { capabilities } = store;
  return {
    capabilities,
    get: store.get.bind(store),
    put: store.put.bind(store),
    createWriter: store.createWriter.bind(store),
    list: store.list.bind(store),
    delete: store.delete.bind(store),
    describe: () => undefined,
  };
}

/** A dead process gives its open files back to the system; here that has to be done for it. */
function keepWriters(store: Store): { store: Store; closeAll(): Promise<unknown> } {
  const writers: StoreWriter[] = [];
  const kept = overrideStore(store, {
    async createWriter(path, writerOptions) {
      const writer = await store.createWriter(path, writerOptions);
      writers.push(writer);
      return writer;
    },
  });
  return { store: kept, closeAll: () => Promise.all(writers.map((writer) => writer.abort())) };
}

test("on a file system, dying during an append or an index build", async () => {
  const directory = await mkdtemp(join(tmpdir(), "lancelet-crash-"));
  try {
    for (const name of ["append", "createIndex"]) {
      const operation = OPERATIONS.find((each) => each.name === name)!;
      const base = join(directory, name);
      await prepare(operation, createNodeFsStore(base));
      await cp(base, `${base}-count`, { recursive: true });
      const numWrites = await countWrites(operation, createNodeFsStore(`${base}-count`));
      for (let stopAtWrite = 1; stopAtWrite <= numWrites; stopAtWrite++) {
        const copy = `${base}-${stopAtWrite}`;
        await cp(base, copy, { recursive: true });
        const { store, closeAll } = keepWriters(createNodeFsStore(copy));
        await crashAndRecover(store, operation, { stopAtWrite, stopEffect: "partial" });
        await closeAll();
        await rm(copy, { recursive: true });
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
