import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, FixedSizeList, Float32, Int32, Schema, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { createIndex } from "../../src/index/create-index.ts";
import { jobHandlers } from "../../src/index/jobs.ts";
import { listSegments } from "../../src/index/metadata.ts";
import { createInlinePool } from "../../src/pool/inline-pool.ts";
import type { ScannerOptions } from "../../src/query/scan-options.ts";
import { Scanner } from "../../src/query/scanner.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { createNodeFsStore, nodeFsStoreKind } from "../../src/store/node-fs.ts";
import { registerStoreKind } from "../../src/store/open-store.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { readReuseVersions } from "../../src/table/row-ids/frag-reuse.ts";
import { openSnapshot, openVersion, type Snapshot } from "../../src/table/snapshot.ts";
import { compactFiles } from "../../src/write/compact/compact-files.ts";
import type { CompactionOptions } from "../../src/write/compact/compaction-options.ts";
import { planCompaction } from "../../src/write/compact/plan-compaction.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { writeHandlers } from "../../src/write/jobs.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { inlinePool } from "../index/support.ts";
import fc from "../support/fast-check.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { createMeeting } from "../support/meeting.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const uri = "memory://compact";
const DIMENSION = 4;
const schema = new Schema([
  new Field("id", new Int32(), false),
  new Field("value", new Int32(), true),
  new Field("text", new Utf8(), true),
  new Field("vector", new FixedSizeList(DIMENSION, new Field("item", new Float32(), true)), true),
]);
const makeRow = (id: number) => ({
  id,
  value: id % 7 === 3 ? null : (id * 31) % 50,
  text: id % 5 === 0 ? null : `text ${id % 11}`,
  vector: Array.from({ length: DIMENSION }, (_, i) => Math.sin(id * (i + 1))),
});

interface TableShape {
  readonly rowsPerFragment: readonly number[];
  readonly stableRowIds?: boolean;
  readonly store?: ReturnType<typeof createMemoryStore>;
}

async function createFragments({ rowsPerFragment, stableRowIds = false, store = createMemoryStore() }: TableShape) {
  let snapshot: Snapshot | undefined;
  let id = 0;
  for (const numRows of rowsPerFragment) {
    const rows = Array.from({ length: numRows }, () => makeRow(id++));
    snapshot = snapshot
      ? await appendRows(snapshot, rows)
      : await createTable(store, await toRecordBatches(rows, { schema }), { uri, stableRowIds });
  }
  return snapshot!;
}

async function deleteIds(snapshot: Snapshot, picks: ReadonlyMap<number, readonly number[]>): Promise<Snapshot> {
  const rows = new Map([...picks].map(([fragment, offsets]) => [fragment, Uint32Array.from(offsets)]));
  return (await deleteRows(snapshot, rows, { predicate: "test" })).snapshot;
}

async function indexBoth(snapshot: Snapshot): Promise<Snapshot> {
  const shared = { pool: inlinePool };
  const numPartitions = Math.min(
    3,
    snapshot.fragments.reduce((sum, { numRows }) => sum + numRows, 0),
  );
  const scalar = await createIndex(snapshot, "value", "BTREE", shared);
  return (await createIndex(scalar.snapshot, "vector", "IVF_FLAT", { ...shared, params: { numPartitions } })).snapshot;
}

async function query(snapshot: Snapshot, options: ScannerOptions): Promise<Record<string, unknown>[]> {
  const table = await new Scanner(snapshot, options, { pool: undefined, memoryBudgetBytes: 1 << 26 }).toTable();
  return table.toArray().map((row) => ({ ...row.toJSON(), vector: undefined }));
}

const QUERIES: readonly ScannerOptions[] = [
  {},
  { filter: "value = 12", columns: ["id", "value"] },
  { filter: "value > 20 and value <= 40", columns: ["id", "text"] },
  { filter: "value is null", columns: ["id"] },
  { filter: "not (value < 30)", columns: ["id"] },
  { filter: "text = 'text 3'", columns: ["id"] },
  { nearest: { column: "vector", q: [0.3, -0.2, 0.9, 0.1], k: 6, nprobes: 3 }, columns: ["id"] },
  {
    nearest: { column: "vector", q: [-0.5, 0.5, 0, 0.2], k: 5, nprobes: 3 },
    filter: "value > 10",
    prefilter: true,
    columns: ["id"],
  },
];

/** Every query's answer by id. Row ids are part of it where they are to stay. */
async function answerAll(snapshot: Snapshot, withRowId: boolean): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const options of QUERIES) {
    const rows = await query(snapshot, { ...options, withRowId });
    answers.push(options.nearest ? rows : rows.sort((a, b) => (a.id as number) - (b.id as number)));
  }
  return answers;
}

async function plans(snapshot: Snapshot): Promise<string> {
  const scan = (options: ScannerOptions) =>
    new Scanner(snapshot, options, { pool: undefined, memoryBudgetBytes: 1 << 26 }).explainPlan();
  return (await Promise.all(QUERIES.map(scan))).join("\n");
}

test("joins small fragments and drops deleted rows", async () => {
  let snapshot = await createFragments({ rowsPerFragment: [10, 20, 5, 40] });
  snapshot = await deleteIds(snapshot, new Map([[1, [0, 5, 19]]]));
  const before = await answerAll(snapshot, false);
  const { snapshot: after, metrics } = await compactFiles(snapshot, { targetRowsPerFragment: 100 });
  expect(metrics).toEqual({ fragmentsRemoved: 4, fragmentsAdded: 1, filesRemoved: 5, filesAdded: 1, heldBack: [] });
  expect(after.fragments.map(({ id, physicalRows, numDeletedRows }) => [id, physicalRows, numDeletedRows])).toEqual([
    [4, 72, 0],
  ]);
  expect(await answerAll(after, false)).toEqual(before);
  // order is kept
  expect((await query(after, { columns: ["id"] })).map(({ id }) => id)).toEqual(
    (await query(snapshot, { columns: ["id"] })).map(({ id }) => id),
  );
  const again = await compactFiles(after, { targetRowsPerFragment: 100 });
  expect(again.snapshot.version).toBe(after.version);
  expect(again.metrics.fragmentsRemoved).toBe(0);
});

test("large tables are compacted in several commits, each of a few tasks", async () => {
  const snapshot = await createFragments({ rowsPerFragment: Array.from({ length: 12 }, () => 10) });
  const reports: number[] = [];
  const { snapshot: after, metrics } = await compactFiles(snapshot, {
    targetRowsPerFragment: 20,
    maxRowsPerCommit: 40,
    onProgress: ({ rowsRewritten, rowsToRewrite }) => reports.push(rowsRewritten / rowsToRewrite),
  });
  expect(after.fragments.map(({ physicalRows }) => physicalRows)).toEqual([20, 20, 20, 20, 20, 20]);
  // a reservation and a rewrite for every two tasks
  expect(after.version).toBe(snapshot.version + 6);
  expect(metrics.fragmentsAdded).toBe(6);
  expect(reports.at(-1)).toBe(1);
  expect(reports).toEqual([...reports].sort((a, b) => a - b));
});

test("files that end by size are not compacted for ever", async () => {
  const snapshot = await createFragments({ rowsPerFragment: [9000, 9000] });
  const { snapshot: after } = await compactFiles(snapshot, { targetRowsPerFragment: 50_000, maxBytesPerFile: 1 });
  expect(after.fragments.map(({ physicalRows }) => physicalRows)).toEqual([8192, 808, 8192, 808]);
});

test("tiny fragments are read several at once, and keep their order", async () => {
  const memory = createMemoryStore();
  await createTable(
    memory,
    await toRecordBatches(
      Array.from({ length: 60 }, (_, id) => makeRow(id)),
      { schema },
    ),
    {
      uri,
      maxRowsPerFile: 1,
    },
  );
  let underWay = 0;
  let most = 0;
  const meet = createMeeting(5);
  const store = overrideStore(memory, {
    async get(path, range, options) {
      if (!path.startsWith("data/")) return memory.get(path, range, options);
      most = Math.max(most, ++underWay);
      await meet();
      return memory.get(path, range, options).finally(() => underWay--);
    },
  });
  const { snapshot } = await compactFiles(await openSnapshot(store, { uri }));
  expect(most).toBeGreaterThan(4);
  expect(snapshot.fragments).toHaveLength(1);
  expect((await query(snapshot, { columns: ["id"] })).map(({ id }) => id)).toEqual(
    Array.from({ length: 60 }, (_, i) => i),
  );
});

describe("the plan", () => {
  const targets = { targetRowsPerFragment: 100, materializeDeletions: true, materializeDeletionsThreshold: 0.1 };
  const fragments = (...rows: (number | readonly [number, number])[]) =>
    rows.map((each, id) => {
      const [physicalRows, numDeletedRows] = typeof each === "number" ? [each, 0] : each;
      return { id, physicalRows, numDeletedRows };
    });
  const ids = (tasks: ReturnType<typeof planCompaction>) => tasks.map(({ fragmentIds }) => fragmentIds);

  test("a lone small fragment stays; one with many deletions goes, even alone", () => {
    expect(ids(planCompaction(fragments(10, 200, 10), targets, [], new Set()))).toEqual([]);
    expect(ids(planCompaction(fragments(200, [200, 21], 200), targets, [], new Set()))).toEqual([[1]]);
    expect(ids(planCompaction(fragments(200, [200, 20], 200), targets, [], new Set()))).toEqual([]);
    const keep = { ...targets, materializeDeletions: false };
    expect(ids(planCompaction(fragments(200, [200, 199], 200), keep, [], new Set()))).toEqual([]);
  });

  test("covered and uncovered fragments, and those on either side of an excluded one, are not mixed", () => {
    const small = fragments(10, 10, 10, 10, 10, 10);
    expect(ids(planCompaction(small, targets, [new Set([0, 1, 2])], new Set()))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(ids(planCompaction(small, targets, [], new Set([2])))).toEqual([
      [0, 1],
      [3, 4, 5],
    ]);
  });

  test("tasks have at least the target's rows, and no small file is left over", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(98).map((rows) => rows + 1)), (rows) => {
        const tasks = planCompaction(fragments(...rows), targets, [], new Set());
        const total = rows.reduce((sum, each) => sum + each, 0);
        if (rows.length < 2) {
          expect(tasks).toEqual([]);
          return;
        }
        expect(tasks.flatMap(({ fragmentIds }) => fragmentIds)).toEqual(rows.map((_, id) => id));
        for (const { numRows, rowsPerFile } of tasks) {
          expect(numRows).toBeGreaterThanOrEqual(Math.min(100, total));
          const files = Math.ceil(numRows / rowsPerFile);
          expect(files).toBe(Math.max(1, Math.floor(numRows / 100)));
        }
      }),
    );
  });
});

/** A table with deletions, indexes over some of its fragments, and rows appended after. */
const history = fc.record({
  rows: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 6 }),
  stableRowIds: fc.boolean(),
  deletes: fc.array(fc.record({ fragment: fc.nat(9), offsets: fc.array(fc.nat(29), { minLength: 1 }) }), {
    maxLength: 4,
  }),
  indexAfter: fc.nat(6),
  target: fc.integer({ min: 1, max: 60 }),
  maxRowsPerCommit: fc.integer({ min: 1, max: 80 }),
  deferIndexRemap: fc.boolean(),
});

async function replay({
  rows,
  stableRowIds,
  deletes,
  indexAfter,
}: typeof history extends fc.Arbitrary<infer T> ? T : never) {
  let snapshot: Snapshot | undefined;
  let id = 0;
  const store = createMemoryStore();
  const remove = async (at: Snapshot, n: number): Promise<Snapshot> => {
    const { fragment: pick, offsets } = deletes[n]!;
    const fragment = at.fragments[pick % at.fragments.length];
    if (!fragment || fragment.numRows < 2) return at;
    const picked = [...new Set(offsets.map((offset) => offset % (fragment.physicalRows - 1)))];
    return deleteIds(at, new Map([[fragment.id, picked.sort((a, b) => a - b)]]));
  };
  for (const [n, numRows] of rows.entries()) {
    if (n > 0 && n === indexAfter) snapshot = await indexBoth(snapshot!);
    const batch = Array.from({ length: numRows }, () => makeRow(id++));
    snapshot = snapshot
      ? await appendRows(snapshot, batch)
      : await createTable(store, await toRecordBatches(batch, { schema }), { uri, stableRowIds });
    if (deletes[n]) snapshot = await remove(snapshot, n);
  }
  return { store, snapshot: snapshot! };
}

async function readCovered(snapshot: Snapshot): Promise<Set<number>> {
  const segments = (await listSegments(snapshot)).filter(({ segment }) => !segment.name.startsWith("__"));
  return new Set(segments.flatMap(({ segment }) => segment.fragmentIds));
}

test("every query's answer stays, with stable ids every row id too, and the indexes stay in use", async () => {
  await fc.assert(
    fc.asyncProperty(history, async (drawn) => {
      const { snapshot } = await replay(drawn);
      const defers = drawn.deferIndexRemap && !drawn.stableRowIds;
      const before = await answerAll(snapshot, drawn.stableRowIds);
      const coveredBefore = await readCovered(snapshot);
      const options: CompactionOptions = {
        targetRowsPerFragment: drawn.target,
        maxRowsPerCommit: drawn.maxRowsPerCommit,
        deferIndexRemap: defers,
      };
      const { snapshot: after, metrics } = await compactFiles(snapshot, options);
      expect(await answerAll(after, drawn.stableRowIds)).toEqual(before);
      // opened anew, from the bytes alone
      const opened = await openSnapshot(after.store, { uri });
      expect(await answerAll(opened, drawn.stableRowIds)).toEqual(before);
      expect(opened.fragments.length).toBe(
        snapshot.fragments.length - metrics.fragmentsRemoved + metrics.fragmentsAdded,
      );
      // what was covered is covered
      const covered = await readCovered(opened);
      const rowsOf = (at: Snapshot, ids: ReadonlySet<number>) =>
        at.fragments.filter((each) => ids.has(each.id)).reduce((sum, each) => sum + each.numRows, 0);
      expect(rowsOf(opened, covered)).toBe(rowsOf(snapshot, coveredBefore));
      if (coveredBefore.size > 0) expect(await plans(opened)).toContain("ScalarIndexQuery");
      // the old version is what it was
      expect(await answerAll(await openVersion(opened, { version: snapshot.version }), drawn.stableRowIds)).toEqual(
        before,
      );
      // and indexes can be compacted once more, and deleted from
      const twice = await compactFiles(opened, { targetRowsPerFragment: 10_000 });
      expect(await answerAll(twice.snapshot, drawn.stableRowIds)).toEqual(before);
    }),
    { numRuns: 40 },
  );
});

test("an index made after a deferred compaction reserved its ids is known to hold the old addresses", async () => {
  const memory = createMemoryStore();
  const snapshot = await createFragments({ rowsPerFragment: [30, 30], store: memory });
  const { snapshot: indexed } = await createIndex(snapshot, "value", "BTREE", { pool: inlinePool, name: "early" });
  let transactions = 0;
  // The first transaction reserves ids, the second is the rewrite: before it others append, and index what there is.
  const racing = overrideStore(memory, {
    async put(path, bytes, options) {
      if (path.startsWith("_transactions/") && ++transactions === 2) {
        const newest = await appendRows(await openSnapshot(memory, { uri }), [makeRow(60)]);
        await createIndex(newest, "text", "BTREE", { pool: inlinePool, name: "late" });
      }
      return memory.put(path, bytes, options);
    },
  });
  const opened = await openSnapshot(racing, { uri });
  const { snapshot: after } = await compactFiles(opened, { targetRowsPerFragment: 1000, deferIndexRemap: true });
  const versions = new Map(after.indices.map(({ name, datasetVersion }) => [name, Number(datasetVersion)]));
  expect([...versions.keys()].sort()).toEqual(["__lance_frag_reuse", "early", "late"]);
  expect(versions.get("late")).toBeGreaterThan(indexed.version + 1);
  // Native trims what is older than every index over the rows, and takes an index past it for one of the new addresses.
  const stamp = versions.get("__lance_frag_reuse")!;
  expect(stamp).toBe(after.version - 1);
  expect(stamp).toBeGreaterThanOrEqual(versions.get("late")!);
  const reuse = after.indices.find(({ name }) => name === "__lance_frag_reuse")!;
  expect((await readReuseVersions(after, reuse))!.map(({ datasetVersion }) => Number(datasetVersion))).toEqual([stamp]);
  const found = await query(after, { columns: ["id"], filter: "text = 'text 3'" });
  expect(found.map(({ id }) => id)).toEqual([3, 14, 36, 47, 58]);
});

test("a long history has a file of its own; that of an attempt that lost its version is gone", async () => {
  const objects: MemoryObjects = new Map();
  const memory = createMemoryStore(objects);
  const perFragment = 8000;
  const small = new Schema([new Field("id", new Int32(), false)]);
  let snapshot: Snapshot | undefined;
  for (let start = 0; start < 14 * perFragment; start += perFragment) {
    const rows = Array.from({ length: perFragment }, (_, i) => ({ id: start + i }));
    snapshot = snapshot
      ? await appendRows(snapshot, rows)
      : await createTable(memory, await toRecordBatches(rows, { schema: small }), { uri });
  }
  const { snapshot: indexed } = await createIndex(snapshot!, "id", "BTREE", { pool: inlinePool });
  const odd = Uint32Array.from({ length: perFragment / 2 }, (_, i) => 2 * i + 1);
  const holes = await deleteRows(indexed, new Map(indexed.fragments.map(({ id }) => [id, odd])), { predicate: "test" });
  let transactions = 0;
  const racing = overrideStore(memory, {
    async put(path, bytes, options) {
      if (path.startsWith("_transactions/") && ++transactions === 2) {
        await appendRows(holes.snapshot, [{ id: -1 }]);
      }
      return memory.put(path, bytes, options);
    },
  });
  const options = { targetRowsPerFragment: 1_000_000, deferIndexRemap: true };
  const { snapshot: after } = await compactFiles(await openSnapshot(racing, { uri }), options);
  const files = [...objects.keys()].filter((path) => path.endsWith("/details.binpb"));
  expect(files).toHaveLength(1);
  const reuse = after.indices.find(({ name }) => name === "__lance_frag_reuse")!;
  const versions = (await readReuseVersions(after, reuse))!;
  expect(versions.map(({ datasetVersion }) => Number(datasetVersion))).toEqual([after.version - 1]);
  expect(await query(after, { filter: "id = 70004", columns: ["id"] })).toEqual([{ id: 70004, vector: undefined }]);
});

test("a delete that races with a compaction is not undone: the group is planned again", async () => {
  const snapshot = await createFragments({ rowsPerFragment: [10, 10, 10] });
  let raced = false;
  const { snapshot: after } = await compactFiles(snapshot, {
    targetRowsPerFragment: 100,
    onProgress() {
      if (raced) return;
      raced = true;
      racing = deleteIds(snapshot, new Map([[1, [3]]]));
    },
  });
  await racing;
  const ids = (await query(await openVersion(after), { columns: ["id"] })).map(({ id }) => id);
  expect(ids).toHaveLength(29);
  expect(ids).not.toContain(13);
});
let racing: Promise<Snapshot> | undefined;

test("fragments under an index that cannot be written anew are held back, or let go where told", async () => {
  const plain = await createFragments({ rowsPerFragment: [10, 10, 10, 10] });
  const indexed = await createIndex(plain, "value", "BTREE", { pool: inlinePool, fragmentIds: [0, 1] });
  const { commitIndices } = await import("../../src/index/commit.ts");
  const [{ metadata }] = (await listSegments(indexed.snapshot)) as [Awaited<ReturnType<typeof listSegments>>[number]];
  const foreign = {
    ...metadata,
    name: "foreign",
    uuid: { ...metadata.uuid!, uuid: crypto.getRandomValues(new Uint8Array(16)) },
    indexDetails: { ...metadata.indexDetails!, typeUrl: "/example.ForeignIndexDetails" },
  };
  const snapshot = await commitIndices(indexed.snapshot, [foreign], []);
  const before = await answerAll(snapshot, false);
  const held = await compactFiles(snapshot, { targetRowsPerFragment: 100 });
  expect(held.snapshot.fragments.map(({ id }) => id)).toEqual([0, 1, 4]);
  expect(held.metrics.heldBack).toEqual([{ indexName: "foreign", indexType: "Foreign", fragmentIds: [0, 1] }]);
  const dropped = await compactFiles(snapshot, { targetRowsPerFragment: 100, dropIndexCoverage: true });
  expect(dropped.metrics.heldBack).toEqual([]);
  expect(dropped.snapshot.fragments).toHaveLength(2);
  expect(await answerAll(dropped.snapshot, false)).toEqual(before);
  const coverage = (await listSegments(dropped.snapshot)).map(({ segment }) => [segment.name, segment.fragmentIds]);
  expect(coverage).toContainEqual(["foreign", [0, 1]]);
});

test.each([false, true])(
  "a crash at any write leaves the old version or the new one (stable ids: %s)",
  async (stableRowIds) => {
    const objects: MemoryObjects = new Map();
    let table = await createFragments({
      rowsPerFragment: [12, 15, 9, 20],
      stableRowIds,
      store: createMemoryStore(objects),
    });
    table = await indexBoth(await deleteIds(table, new Map([[0, [1, 2]]])));
    const before = await answerAll(table, stableRowIds);
    const options = { targetRowsPerFragment: 25, maxRowsPerCommit: 25 };
    const counting = createFaultyStore(createMemoryStore(new Map(objects)));
    await compactFiles(await openSnapshot(counting, { uri }), options);
    expect(counting.numWrites).toBeGreaterThan(10);
    for (let stopAtWrite = 1; stopAtWrite <= counting.numWrites; stopAtWrite++) {
      const stopEffect = stopAtWrite % 2 === 0 ? "none" : "full";
      const store = createMemoryStore(new Map(objects));
      const faulty = createFaultyStore(store, { stopAtWrite, stopEffect });
      const failed = await compactFiles(await openSnapshot(faulty, { uri }), options).then(
        () => false,
        (error: unknown) => isLanceError(error),
      );
      const opened = await openSnapshot(store, { uri });
      expect(await answerAll(opened, stableRowIds), `write ${stopAtWrite}`).toEqual(before);
      if (!failed) continue;
      const finished = await compactFiles(opened, options);
      expect(await answerAll(finished.snapshot, stableRowIds)).toEqual(before);
    }
  },
);

test("tasks run on a pool, which opens the table itself; a cancelled one leaves nothing", async () => {
  const directory = await mkdtemp(join(tmpdir(), "lancelet-"));
  try {
    const store = createNodeFsStore(directory);
    let snapshot: Snapshot | undefined;
    for (let from = 0; from < 90; from += 15) {
      const rows = Array.from({ length: 15 }, (_, i) => makeRow(from + i));
      snapshot = snapshot
        ? await appendRows(snapshot, rows)
        : await createTable(store, await toRecordBatches(rows, { schema }), { uri: directory, stableRowIds: true });
    }
    const before = await answerAll(await indexBoth(snapshot!), true);
    registerStoreKind(nodeFsStoreKind);
    const handlers = { ...jobHandlers, ...writeHandlers };
    const pool = { ...createInlinePool(handlers), inline: false, numWorkers: 2 };
    const list = async () => {
      const paths: string[] = [];
      for await (const { path } of store.list("")) if (!/^_(versions|transactions)/.test(path)) paths.push(path);
      return paths;
    };
    const files = await list();
    const stop = new AbortController();
    const options = { targetRowsPerFragment: 30, pool, signal: stop.signal, onProgress: () => stop.abort() };
    await expect(compactFiles(snapshot!, options)).rejects.toMatchObject({ code: "ABORTED" });
    expect(await list()).toEqual(files);
    const { snapshot: after } = await compactFiles(snapshot!, { targetRowsPerFragment: 30, pool });
    expect(after.fragments.map(({ numRows }) => numRows)).toEqual([30, 30, 30]);
    expect(await answerAll(after, true)).toEqual(before);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("a failed compaction leaves no file behind", async () => {
  const store = createMemoryStore();
  const snapshot = await indexBoth(await createFragments({ rowsPerFragment: [12, 15], store }));
  const list = async () => {
    const paths: string[] = [];
    for await (const { path } of store.list("")) if (!/^_(versions|transactions)/.test(path)) paths.push(path);
    return paths;
  };
  const before = await list();
  const refusing = createFaultyStore(store, { refusePaths: (path) => path.endsWith("page_lookup.lance") });
  const at = { ...snapshot, store: refusing };
  await expect(compactFiles(at, { targetRowsPerFragment: 100 })).rejects.toThrow();
  expect(await list()).toEqual(before);
});
