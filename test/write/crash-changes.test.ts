import { Field, Float32, Int32, Int64, Schema, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { mergeInsert } from "../../src/write/merge-insert/merge-insert.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { overwriteTable } from "../../src/write/rows/overwrite-table.ts";
import { updateRows } from "../../src/write/rows/update-rows.ts";
import { addColumns } from "../../src/write/schema/add-columns.ts";
import { alterColumns } from "../../src/write/schema/alter-columns.ts";
import { dropColumns } from "../../src/write/schema/drop-columns.ts";
import { updateMetadata } from "../../src/write/schema/update-config.ts";
import { createFaultyStore, type FaultPlan } from "../support/faulty-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { ENVIRONMENT, listPaths, readRows } from "./support.ts";

registerJobHandlers(loadJobs);
useTestRuntime();

const uri = "memory://t";
const SCHEMA = new Schema([
  new Field("id", new Int32(), false),
  new Field("name", new Utf8(), true),
  new Field("size", new Int64(), true),
]);
const rows = Array.from({ length: 30 }, (_, id) => ({ id, name: `name ${id}`, size: BigInt(id) }));

/** Every change of rows and columns, each of which takes several writes. */
const OPERATIONS: Readonly<Record<string, (snapshot: Snapshot) => Promise<unknown>>> = {
  update: (s) => updateRows(s, { where: "id % 2 = 0", valuesSql: { size: "size + 100" } }, ENVIRONMENT),
  mergeInsert: (s) =>
    mergeInsert(
      s,
      {
        on: ["id"],
        matched: { action: "update" },
        notMatched: "insert",
        notMatchedBySource: { action: "delete", where: "id > 20" },
      },
      [
        { id: 3, name: "three", size: 3n },
        { id: 13, name: "thirteen", size: 3n },
        { id: 99, name: "new", size: 9n },
      ],
      ENVIRONMENT,
    ),
  "addColumns of values": (s) => addColumns(s, { twice: "size * 2", label: "concat(name, '!')" }),
  "addColumns of nulls": (s) => addColumns(s, new Field("score", new Float32(), true)),
  "alterColumns by name": (s) => alterColumns(s, [{ path: "name", rename: "title" }]),
  "alterColumns by cast": (s) => alterColumns(s, [{ path: "size", dataType: new Int32() }]),
  dropColumns: (s) => dropColumns(s, ["name"]),
  overwrite: async (s) =>
    overwriteTable(s, await toRecordBatches([{ other: "x" }, { other: "y" }]), { maxRowsPerFile: 1 }),
  updateConfig: (s) => updateMetadata(s, "config", { a: "b" }),
};

async function prepare(): Promise<MemoryObjects> {
  const objects: MemoryObjects = new Map();
  const store = createMemoryStore(objects);
  const source = await toRecordBatches(rows, { schema: SCHEMA });
  const first = await createTable(store, source, { uri, maxRowsPerFile: 10, stableRowIds: true });
  await deleteRows(first, new Map([[1, Uint32Array.of(1, 2)]]), { predicate: "some" });
  return objects;
}

const prepared = prepare();
const copy = async (): Promise<MemoryObjects> => new Map(await prepared);

/** Version, columns and rows, as text. */
async function describeState(store: Store): Promise<string> {
  const snapshot = await openSnapshot(store, { uri });
  const read = await readRows(snapshot);
  return JSON.stringify([snapshot.version, snapshot.manifest.config, read], (_, value) =>
    typeof value === "bigint" ? Number(value) : value,
  );
}

async function run(objects: MemoryObjects, operation: (snapshot: Snapshot) => Promise<unknown>, plan: FaultPlan = {}) {
  const store = createFaultyStore(createMemoryStore(objects), plan);
  const error = await openSnapshot(store, { uri })
    .then(operation)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  return { error, store };
}

describe.each(Object.entries(OPERATIONS))("%s", (_, operation) => {
  test("a crash at any write leaves the old version or the new one, and it can be done again", async () => {
    const before = await describeState(createMemoryStore(await copy()));
    const whole = await copy();
    const { error, store } = await run(whole, operation);
    expect(error).toBeUndefined();
    const after = await describeState(createMemoryStore(whole));
    expect(after).not.toBe(before);
    const outcomes = new Set<string>();
    for (let stopAtWrite = 1; stopAtWrite <= store.numWrites; stopAtWrite++) {
      for (const stopEffect of ["none", "partial", "full"] as const) {
        const objects = await copy();
        await run(objects, operation, { stopAtWrite, stopEffect });
        const state = await describeState(createMemoryStore(objects));
        expect([before, after]).toContain(state);
        outcomes.add(state);
        if (state === after) continue;
        expect((await run(objects, operation)).error).toBeUndefined();
        expect(await describeState(createMemoryStore(objects))).toBe(after);
      }
    }
    expect(outcomes.size).toBe(2);
  });

  test("without room it fails, and nothing is left", async () => {
    const whole = await copy();
    const { store } = await run(whole, operation);
    const before = await describeState(createMemoryStore(await copy()));
    const files = await listPaths(createMemoryStore(await copy()));
    let failures = 0;
    for (let part = 0; part < 8; part++) {
      const objects = await copy();
      const { error } = await run(objects, operation, { quotaBytes: Math.floor((store.bytesWritten * part) / 8) });
      if (error === undefined) continue;
      failures++;
      expect(error).toMatchObject({ code: "QUOTA_EXCEEDED" });
      expect(await describeState(createMemoryStore(objects))).toBe(before);
      expect(await listPaths(createMemoryStore(objects))).toEqual(files);
    }
    expect(failures).toBeGreaterThan(3);
  });
});
