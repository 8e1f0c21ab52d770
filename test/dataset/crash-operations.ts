import { Field, Float32, Int64, LargeBinary, type RecordBatch, Schema, Table, vectorFromArray } from "apache-arrow";
import { type Dataset, isLanceError, openDataset, writeDataset } from "../../src/index.ts";
import type { Store } from "../../src/store/store.ts";
import { inlinePool, makeRows, SCHEMA } from "./support.ts";

const options = { schema: SCHEMA, maxRowsPerFile: 12, pool: inlinePool };
const vectorIndex = { numPartitions: 2, maxIterations: 3, pool: inlinePool };
const BRANCH = "side";

/** One call that writes, and what it needs. */
export interface CrashOperation {
  readonly name: string;
  /** Default: that of {@link prepareTable}. `nothing`: no table yet. */
  readonly start?: "nothing" | "blobs";
  /** Handles are of `branch`, default the main one. */
  readonly branch?: string;
  /** Removes versions itself. */
  readonly cleans?: boolean;
  /** Moves rows or gives them ids: done with stable row ids too. */
  readonly rows?: boolean;
  /** Changes no version, tag or branch that a reader sees. */
  readonly silent?: boolean;
  run(dataset: Dataset, store: Store): Promise<unknown>;
}

/** Two indexes that cover three of four fragments, deleted rows, a tag on an old version and a branch with two more. */
export async function prepareTable(store: Store, stableRowIds: boolean): Promise<void> {
  const dataset = await writeDataset(makeRows(0, 36), store, { ...options, enableStableRowIds: stableRowIds });
  await dataset.createScalarIndex("size", "BTREE", { pool: inlinePool });
  await dataset.createIndex("vector", "IVF_FLAT", vectorIndex);
  await dataset.tags.create("first", 1);
  await dataset.delete("id % 9 = 4");
  const branch = await dataset.createBranch(BRANCH);
  await branch.insert(makeRows(100, 10));
  await branch.delete("id % 5 = 1");
  await branch.tags.create("aside");
  await (await dataset.createBranch("spare")).insert(makeRows(200, 5));
  await dataset.insert(makeRows(36, 10));
}

const BLOBS = new Schema([
  new Field("id", new Int64(), false),
  new Field("b", new LargeBinary(), true, new Map([["lance-encoding:blob", "true"]])),
]);
/** In the file, packed beside it, and in a file of its own. */
const makeBlobs = (first: number) =>
  [10, 200_000, 5_000_000].map((size, i) => ({ id: BigInt(first + i), b: new Uint8Array(size).fill(i + 1) }));

export async function prepareBlobs(store: Store): Promise<void> {
  await writeDataset(makeBlobs(0), store, { schema: BLOBS, dataStorageVersion: "2.2", pool: inlinePool });
}

const upsertRows = [
  { id: 3, size: 1000, name: "three" },
  { id: 15, size: 1001, name: "fifteen" },
  { id: 500, size: 1002, name: "new" },
];

function doubleSizes(batch: RecordBatch): RecordBatch {
  const doubled = Array.from(batch.getChild("size")!, (size) => Number(size ?? 0) * 2);
  return new Table({ doubled: vectorFromArray(doubled, new Float32()) }).batches[0]!;
}

/** Where a crash left a branch half made, it is removed first. */
async function makeBranch(dataset: Dataset, name: string, reference?: { branch: string }): Promise<void> {
  try {
    await dataset.createBranch(name, reference);
  } catch (error) {
    if (!isLanceError(error, "ALREADY_EXISTS") || error.details.listed !== false) throw error;
    await dataset.branches.delete(name, { force: true });
    await dataset.createBranch(name, reference);
  }
}

/** Every call that writes to a table. */
export const CRASH_OPERATIONS: readonly CrashOperation[] = [
  { name: "create", start: "nothing", run: (_, store) => writeDataset(makeRows(0, 30), store, options) },
  { name: "append", rows: true, run: (d) => d.insert(makeRows(60, 20), { maxRowsPerFile: 8 }) },
  { name: "append of blobs", start: "blobs", run: (d) => d.insert(makeBlobs(3)) },
  { name: "overwrite", rows: true, run: (d) => d.insert(makeRows(60, 20), { mode: "overwrite", maxRowsPerFile: 8 }) },
  { name: "delete", rows: true, run: (d) => d.delete("id % 3 = 0 OR id BETWEEN 12 AND 23") },
  { name: "delete of all", rows: true, run: (d) => d.delete("true") },
  {
    name: "update",
    rows: true,
    run: (d) => d.update({ where: "id % 7 < 2", values: { name: "x" }, valuesSql: { size: "id" } }),
  },
  {
    name: "mergeInsert, update",
    rows: true,
    run: (d) => d.mergeInsert("id").whenMatchedUpdateAll().execute(upsertRows),
  },
  {
    name: "mergeInsert, insert",
    rows: true,
    run: (d) => d.mergeInsert("id").whenNotMatchedInsertAll().execute(upsertRows),
  },
  {
    name: "mergeInsert, upsert by an index",
    rows: true,
    run: (d) =>
      d
        .mergeInsert("size")
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute([{ id: 700, size: 5000, name: "by size" }]),
  },
  { name: "mergeInsert, delete", rows: true, run: (d) => d.mergeInsert("id").whenMatchedDelete().execute(upsertRows) },
  {
    name: "mergeInsert, delete by source",
    rows: true,
    run: (d) =>
      d.mergeInsert("id").whenNotMatchedBySourceDelete({ where: "id > 20" }).whenMatchedUpdateAll().execute(upsertRows),
  },
  { name: "addColumns, expression", run: (d) => d.addColumns({ twice: "size * 2", one: "1" }) },
  { name: "addColumns, nulls", run: (d) => d.addColumns(new Field("score", new Float32(), true)) },
  { name: "addColumns, function", run: (d) => d.addColumns(doubleSizes, { readColumns: ["size"] }) },
  { name: "alterColumns, rename", run: (d) => d.alterColumns([{ path: "size", rename: "bytes" }]) },
  { name: "alterColumns, cast", run: (d) => d.alterColumns([{ path: "id", dataType: new Int64() }]) },
  { name: "alterColumns, nullable", run: (d) => d.alterColumns([{ path: "id", nullable: true }]) },
  { name: "dropColumns", run: (d) => d.dropColumns(["name"]) },
  { name: "updateConfig", run: (d) => d.updateConfig({ a: "b" }) },
  { name: "updateTableMetadata", run: (d) => d.updateTableMetadata({ a: "b" }) },
  { name: "updateSchemaMetadata", run: (d) => d.updateSchemaMetadata({ a: "b" }) },
  { name: "updateFieldMetadata", run: (d) => d.updateFieldMetadata("name", { a: "b" }) },
  { name: "restore", rows: true, run: (d) => d.restore(2) },
  { name: "tags.create", run: (d) => d.tags.create("now") },
  { name: "tags.update", run: (d) => d.tags.update("first", 3) },
  { name: "tags.delete", run: (d) => d.tags.delete("first") },
  { name: "createBranch", run: (d) => makeBranch(d, "other") },
  { name: "createBranch, of a branch", run: (d) => makeBranch(d, "other/one", { branch: BRANCH }) },
  {
    name: "branches.delete",
    run: (d) => d.branches.delete("spare", { force: true }),
  },
  { name: "append, on a branch", branch: BRANCH, run: (d) => d.insert(makeRows(60, 9)) },
  { name: "delete, on a branch", rows: true, branch: BRANCH, run: (d) => d.delete("id < 20") },
  {
    name: "compactFiles, on a branch",
    branch: BRANCH,
    run: (d) => d.optimize.compactFiles({ targetRowsPerFragment: 100 }),
  },
  { name: "compactFiles", rows: true, run: (d) => d.optimize.compactFiles({ targetRowsPerFragment: 100 }) },
  {
    name: "compactFiles, deferred",
    run: (d) => d.optimize.compactFiles({ targetRowsPerFragment: 100, deferIndexRemap: true }),
  },
  { name: "optimizeIndices, BTREE", run: (d) => d.optimize.optimizeIndices({ indexNames: ["size_idx"] }) },
  { name: "optimizeIndices, IVF_FLAT", run: (d) => d.optimize.optimizeIndices({ indexNames: ["vector_idx"] }) },
  {
    name: "optimizeIndices, retrained",
    run: (d) => d.optimize.optimizeIndices({ indexNames: ["vector_idx"], retrain: true }),
  },
  { name: "createIndex, BTREE", run: (d) => d.createScalarIndex("name", "BTREE", { pool: inlinePool }) },
  { name: "createIndex, BTREE anew", run: (d) => d.createScalarIndex("size", "BTREE", { pool: inlinePool }) },
  { name: "createIndex, IVF_FLAT anew", run: (d) => d.createIndex("vector", "IVF_FLAT", vectorIndex) },
  {
    name: "segments built by hand and merged",
    async run(d) {
      const model = await d.trainIndexModel("vector", "IVF_FLAT", vectorIndex);
      const segments = [];
      for (const id of d.fragmentIds) {
        segments.push(
          await d.createIndexUncommitted("vector", "IVF_FLAT", { ...vectorIndex, fragmentIds: [id], model }),
        );
      }
      const merged = await d.mergeExistingIndexSegments(segments.slice(0, 3), { pool: inlinePool });
      await d.commitExistingIndexSegments("vector_idx", "vector", [merged, ...segments.slice(3)]);
    },
  },
  { name: "dropIndex", run: (d) => d.dropIndex("vector_idx") },
  {
    name: "cleanupOldVersions",
    cleans: true,
    silent: true,
    run: (d) => d.cleanupOldVersions({ retainVersions: 1, errorIfTaggedOldVersions: false, deleteUnverified: true }),
  },
];

/** Opens as the operation needs; where there is no table yet the handle is not used. */
export async function runOperation(store: Store, operation: CrashOperation): Promise<void> {
  if (operation.start === "nothing") return void (await operation.run(undefined as never, store));
  const main = await openDataset(store, { pool: inlinePool });
  const dataset = operation.branch === undefined ? main : await main.checkoutBranch(operation.branch);
  await operation.run(dataset, store);
}
