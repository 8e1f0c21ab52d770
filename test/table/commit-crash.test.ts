import { expect, test } from "vitest";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { commit } from "../../src/table/commit/commit.ts";
import type { RebasableOperation } from "../../src/table/commit/operation.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { appendOf, createIndexOf, createTable, operation, stageDelete, stageFragment, stageIndex } from "./support.ts";

useTestRuntime();

const set = { updateEntries: [{ key: "k", value: "v" }] };
const OPERATIONS: Readonly<Record<RebasableOperation["case"], (snapshot: Snapshot) => Promise<RebasableOperation>>> = {
  append: async () => appendOf(stageFragment(3)),
  delete: (snapshot) => stageDelete(snapshot, { 0: [1] }),
  update: async (snapshot) => {
    const { updatedFragments } = (await stageDelete(snapshot, { 0: [1] })).value;
    return operation("update", { updatedFragments, newFragments: [stageFragment(1)] });
  },
  createIndex: async () => createIndexOf([await stageIndex("b_idx", [0], 1)]),
  rewrite: async ({ fragments }) =>
    operation("rewrite", { groups: [{ oldFragments: [fragments[2]!.proto], newFragments: [stageFragment()] }] }),
  merge: async ({ manifest, fragments }) =>
    operation("merge", { fragments: fragments.map(({ proto }) => proto), schema: manifest.fields }),
  project: async ({ manifest }) => operation("project", { schema: manifest.fields.slice(0, 1) }),
  overwrite: async ({ manifest }) => operation("overwrite", { fragments: [stageFragment(9)], schema: manifest.fields }),
  updateConfig: async () => operation("updateConfig", { configUpdates: set }),
  reserveFragments: async () => operation("reserveFragments", { numFragments: 2 }),
  restore: async () => operation("restore", { version: 1n }),
};

/** What a reader sees of a version. */
const contentOf = ({ fragments, indices, manifest }: Snapshot) => [
  fragments.map(({ id, numRows, proto }) => [id, numRows, proto.files.length]),
  indices.map((index) => index.name),
  manifest.fields.map((field) => field.name),
  manifest.config,
  manifest.maxFragmentId,
];

/**
 * Ours is stale where `races` is set: another commit came between, so deletion vectors are united on the way.
 */
test.each(
  Object.keys(OPERATIONS).flatMap((name) => [
    [name, "alone", false] as const,
    ...(name === "merge" || name === "overwrite" ? [] : [[name, "over another commit", true] as const]),
  ]),
)("a crash at every write of %s %s leaves the old version or the new one", async (name, _, races) => {
  const objects: MemoryObjects = new Map();
  const base = await createTable(createMemoryStore(objects), 3);
  const indexed = await commit(base, createIndexOf([await stageIndex("a_idx", [0, 1, 2])]));
  const staged = await OPERATIONS[name as keyof typeof OPERATIONS](indexed);
  if (races) await commit(indexed, await stageDelete(indexed, { 0: [7] }));
  const version = races ? 3 : 2;
  const before = contentOf(await openSnapshot(createMemoryStore(objects), { uri: "t" }));
  const run = async (plan: Parameters<typeof createFaultyStore>[1]) => {
    const copy: MemoryObjects = new Map(objects);
    const store = createMemoryStore(copy);
    const faulty = createFaultyStore(store, plan);
    const stale = await openSnapshot(faulty, { uri: "t", version: 2 });
    const error = await commit(stale, staged, { maxRetries: 0 }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    const latest = await openSnapshot(store, { uri: "t" });
    return { error, latest, numWrites: faulty.numWrites, copy };
  };
  const whole = await run({});
  expect(whole.error).toBeUndefined();
  expect(whole.latest.version).toBe(version + 1);
  const after = contentOf(whole.latest);
  let landed = 0;
  for (let stopAtWrite = 1; stopAtWrite <= whole.numWrites; stopAtWrite++) {
    for (const stopEffect of ["none", "partial", "full"] as const) {
      const { error, latest } = await run({ stopAtWrite, stopEffect });
      expect(latest.version === version || latest.version === version + 1).toBe(true);
      expect(contentOf(latest)).toEqual(latest.version === version ? before : after);
      if (error === undefined) expect(latest.version).toBe(version + 1);
      if (latest.version === version + 1) landed++;
      // Whoever comes after goes on from there.
      const next = await commit(latest, operation("reserveFragments", { numFragments: 1 }));
      expect(next.version).toBe(latest.version + 1);
    }
  }
  expect(landed).toBeGreaterThan(0);
  // A write that is refused, as when space runs out, leaves nothing behind.
  for (const quotaBytes of [0, 100, 400, 700]) {
    const { error, latest, copy } = await run({ quotaBytes });
    if (error === undefined) continue;
    expect(error).toMatchObject({ code: "QUOTA_EXCEEDED" });
    expect(latest.version).toBe(version);
    expect([...copy.keys()].filter((path) => !objects.has(path))).toEqual([]);
  }
});
