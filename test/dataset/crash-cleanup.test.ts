import { describe, expect, test } from "vitest";
import { createMemoryStore, type Dataset, openDataset } from "../../src/index.ts";
import type { MemoryObjects } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { createFaultyStore, type FaultPlan } from "../support/faulty-store.ts";
import { compareFiles } from "../support/referenced-files.ts";
import { CRASH_OPERATIONS, type CrashOperation, prepareBlobs, prepareTable, runOperation } from "./crash-operations.ts";
import { codeOf, copyObjects, inlinePool } from "./support.ts";

const NOTHING_LEFT = { unnamed: [], missing: [] };
const q = Array.from({ length: 8 }, (_, i) => i / 9);

const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, one) => (typeof one === "bigint" ? Number(one) : one));

/** What a reader sees of a version; of its layout only where it is asked for. */
async function describeVersion(dataset: Dataset, layout: boolean): Promise<unknown[]> {
  const rows = (await dataset.toTable({ withRowId: layout })).toArray().map((row) => row.toJSON());
  if (!layout) rows.sort((a, b) => Number(a.id) - Number(b.id));
  const indices = await dataset.describeIndices();
  const names = indices.map(({ name }) => name);
  const answers: unknown[] = [];
  if (names.includes("size_idx")) {
    const column = indices.find(({ name }) => name === "size_idx")!.fieldNames[0]!;
    const filter = `${column} < 30`;
    const found = await dataset.toTable({ columns: ["id"], filter });
    const flat = await dataset.toTable({ columns: ["id"], filter, useScalarIndex: false });
    expect(found.toArray().map(String)).toEqual(flat.toArray().map(String));
  }
  if (names.includes("vector_idx")) {
    const nearest = { column: "vector", q, k: 8, nprobes: 2 };
    answers.push((await dataset.toTable({ columns: ["id"], nearest })).toArray().map((row) => row.id));
  }
  return [
    `${dataset.schema} ${JSON.stringify([...dataset.schema.metadata])}`,
    dataset.schema.fields.map(({ nullable, metadata }) => [nullable, [...metadata]]),
    rows,
    [dataset.config(), dataset.tableMetadata()],
    names,
    answers,
    ...(layout
      ? [dataset.fragmentIds, indices.map(({ segments }) => segments.map(({ fragmentIds }) => fragmentIds))]
      : []),
  ];
}

/** Everything a store's table shows: its newest version, tags, and branches. `absent` where there is no table. */
async function describeTable(store: Store, layout = true): Promise<string> {
  const main = await openDataset(store, { pool: inlinePool }).catch((error) => {
    if (error.code === "NOT_FOUND") return undefined;
    throw error;
  });
  if (main === undefined) return "absent";
  const branches: unknown[] = [];
  for (const name of Object.keys(await main.branches.list()).sort()) {
    branches.push(name, await describeVersion(await main.checkoutBranch(name), layout));
  }
  const tags: unknown[] = [];
  for (const [name, { branch, version }] of Object.entries(await main.tags.list())) {
    tags.push(name, branch, version, (await main.checkoutVersion(name)).fragmentIds);
  }
  return toJson([await describeVersion(main, layout), tags, branches]);
}

/** Rows of every version of every line. */
async function readVersions(store: Store): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const main = await openDataset(store, { pool: inlinePool });
  for (const branch of ["main", ...Object.keys(await main.branches.list())]) {
    const line = await main.checkoutBranch(branch);
    for (const { version } of await line.versions()) {
      const table = await (await line.checkoutVersion(version)).toTable({ withRowId: true });
      found.set(`${branch} ${version}`, toJson(table.toArray()));
    }
  }
  return found;
}

/** Removes what no version names, on the main line and on every branch. */
async function cleanUp(store: Store, retainVersions: number): Promise<void> {
  const main = await openDataset(store, { pool: inlinePool });
  const options = { retainVersions, deleteUnverified: true, errorIfTaggedOldVersions: false };
  // Branches first: what they alone had of the main line is free then.
  for (const branch of [...Object.keys(await main.branches.list()), "main"]) {
    const { failedDeletes } = await (await main.checkoutBranch(branch)).cleanupOldVersions(options);
    expect(failedDeletes).toBe(0);
  }
}

/** The table is what it was, with the debris gone; then also without its old versions. */
async function checkCleanUp(store: Store): Promise<void> {
  const before = await describeTable(store);
  if (before === "absent") return;
  const versions = await readVersions(store);
  await cleanUp(store, 1_000_000);
  expect(await compareFiles(store)).toEqual(NOTHING_LEFT);
  expect(await readVersions(store)).toEqual(versions);
  await cleanUp(store, 1);
  expect(await compareFiles(store)).toEqual(NOTHING_LEFT);
  expect(await describeTable(store)).toBe(before);
  for (const [version, rows] of await readVersions(store)) expect(rows).toBe(versions.get(version));
}

async function prepare({ start }: CrashOperation, stableRowIds: boolean): Promise<MemoryObjects> {
  const objects: MemoryObjects = new Map();
  if (start === "blobs") await prepareBlobs(createMemoryStore(objects));
  else if (start === undefined) await prepareTable(createMemoryStore(objects), stableRowIds);
  return objects;
}

/** What a crash left, but for names drawn anew: two that are alike show the same. */
function describeFiles(objects: MemoryObjects): string {
  const lines = Array.from(objects, ([path, { bytes }]) => `${path.replace(/[0-9a-f-]{20,}/g, "*")} ${bytes.length}`);
  return lines.sort().join();
}

describe.each([false, true])("stable row ids: %s", (stableRowIds) => {
  test.each(CRASH_OPERATIONS.filter(({ rows }) => rows === true || !stableRowIds))(
    "a crash at any write of $name leaves the old table or the new one, and debris a clean-up removes",
    async (operation) => {
      const base = await prepare(operation, stableRowIds);
      const before = await describeTable(createMemoryStore(copyObjects(base)));
      const whole = createMemoryStore(copyObjects(base));
      const counting = createFaultyStore(whole);
      await runOperation(counting, operation);
      const after = await describeTable(whole);
      const meaning = await describeTable(whole, false);
      if (operation.silent !== true) expect(after).not.toBe(before);
      const oldVersions = operation.start === "nothing" ? new Map() : await readVersions(createMemoryStore(base));
      await checkCleanUp(whole);

      const outcomes = new Set<string>();
      const seen = new Set<string>();
      const crash = async (plan: FaultPlan) => {
        const objects = copyObjects(base);
        const store = createMemoryStore(objects);
        const faulty = createFaultyStore(store, plan);
        await codeOf(runOperation(faulty, operation));
        expect(faulty.stopped).toBe(true);
        const left = describeFiles(objects);
        if (seen.has(left)) return;
        seen.add(left);
        const state = await describeTable(store);
        expect([before, after]).toContain(state);
        outcomes.add(state);
        if (state !== "absent" && operation.cleans !== true) {
          const versions = await readVersions(store);
          const lost = [...oldVersions].filter(([version, rows]) => versions.get(version) !== rows);
          expect(lost.map(([version]) => version).filter((version) => !isGone(version, state))).toEqual([]);
        }
        // Again on what was left: debris is in nobody's way.
        if (state === before && operation.cleans !== true) {
          const again = createMemoryStore(copyObjects(objects));
          await runOperation(again, operation);
          expect(await describeTable(again, false)).toBe(meaning);
        }
        await checkCleanUp(store);
      };
      for (let stopAtWrite = 1; stopAtWrite <= counting.numWrites; stopAtWrite++) {
        for (const stopEffect of ["none", "full"] as const) await crash({ stopAtWrite, stopEffect });
      }
      if (operation.silent !== true) expect(outcomes.size).toBe(2);
    },
  );
});

/** Versions of a branch that was deleted. */
function isGone(version: string, state: string): boolean {
  const branch = version.split(" ")[0]!;
  return branch !== "main" && !state.includes(JSON.stringify(branch));
}

test("a crash at any write of copyTo leaves no table or the whole one; copied again, nothing else is there", async () => {
  const source = createMemoryStore();
  await prepareTable(source, false);
  const dataset = await openDataset(source, { pool: inlinePool });
  const rows = async (store: Store) =>
    toJson((await (await openDataset(store, { pool: inlinePool })).toTable()).toArray());
  const counting = createFaultyStore(createMemoryStore());
  await dataset.copyTo(counting);
  for (let stopAtWrite = 1; stopAtWrite <= counting.numWrites; stopAtWrite++) {
    for (const stopEffect of ["none", "full"] as const) {
      const store = createMemoryStore();
      await codeOf(dataset.copyTo(createFaultyStore(store, { stopAtWrite, stopEffect })));
      if ((await describeTable(store)) !== "absent") expect(await rows(store)).toBe(await rows(source));
      await dataset.copyTo(store);
      expect(await compareFiles(store)).toEqual(NOTHING_LEFT);
      expect(await rows(store)).toBe(await rows(source));
    }
  }
  expect(counting.numWrites).toBeGreaterThan(10);
});

test("what is left of a branch stays while it may be in the making, and while a branch that left from it is there", async () => {
  const objects: MemoryObjects = new Map();
  const store = createMemoryStore(objects);
  await prepareTable(store, false);
  const main = await openDataset(store, { pool: inlinePool });
  await main.createBranch("child", { branch: "spare" });
  objects.delete("_refs/branches/spare.json");
  const before = [...objects.keys()];
  await main.cleanupOldVersions({ retainVersions: 1000 });
  expect([...objects.keys()]).toEqual(before);
  await main.cleanupOldVersions({ retainVersions: 1000, deleteUnverified: true });
  expect([...objects.keys()]).toEqual(before);
  expect(await (await main.checkoutBranch("child")).countRows()).toBe(37);
  await expect(main.branches.delete("spare", { force: true })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await main.branches.delete("child");
  await expect(main.createBranch("spare")).rejects.toMatchObject({
    code: "ALREADY_EXISTS",
    details: { listed: false },
  });
  await expect(main.branches.delete("spare")).rejects.toMatchObject({ code: "NOT_FOUND" });
  const planned = await main.cleanupOldVersions({ retainVersions: 1000, deleteUnverified: true, dryRun: true });
  expect(await main.cleanupOldVersions({ retainVersions: 1000, deleteUnverified: true })).toEqual(planned);
  expect([...objects.keys()].filter((path) => path.startsWith("tree/spare/"))).toEqual([]);
  expect(await compareFiles(store)).toEqual(NOTHING_LEFT);
  await main.createBranch("spare");
});
