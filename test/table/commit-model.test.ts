import { expect, test } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import { commit, isRetryableConflict } from "../../src/table/commit/commit.ts";
import type { RebasableOperation } from "../../src/table/commit/operation.ts";
import { readDeletions } from "../../src/table/deletions/deletions.ts";
import { encodeRowIds } from "../../src/table/row-ids/encode-row-ids.ts";
import { decodeRowVersions, encodeRowVersions } from "../../src/table/row-ids/row-versions.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { appendOf, createTable, decodeRowIds, operation, stageDelete, stageFragment } from "./support.ts";

useTestRuntime();

interface Row {
  readonly id: bigint;
  readonly createdAt: bigint;
  readonly updatedAt: bigint;
  readonly fragmentId: number;
  readonly offset: number;
}

/** Every live row of a version, by its stable id. */
async function readRows(snapshot: Snapshot): Promise<Map<bigint, Row>> {
  const rows = new Map<bigint, Row>();
  for (const fragment of snapshot.fragments) {
    const { id: fragmentId, physicalRows, proto } = fragment;
    const deleted = new Set((await readDeletions(snapshot, fragment)) ?? []);
    const ids = decodeRowIds(proto.inlineRowIds!, physicalRows);
    const created = decodeRowVersions(proto.inlineCreatedAtVersions, physicalRows);
    const updated = decodeRowVersions(proto.inlineLastUpdatedAtVersions, physicalRows);
    for (let offset = 0; offset < physicalRows; offset++) {
      if (deleted.has(offset)) continue;
      const id = ids[offset]!;
      if (rows.has(id)) throw new Error(`row ${id} stands twice in version ${snapshot.version}`);
      rows.set(id, { id, createdAt: created[offset]!, updatedAt: updated[offset]!, fragmentId, offset });
    }
  }
  return rows;
}

/** What an acknowledged commit meant, in row ids alone. */
interface Intent {
  readonly version: number;
  readonly kind: "append" | "delete" | "update" | "compact" | "config";
  readonly ids: readonly bigint[];
  readonly added: number;
}

function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

/** Deletion files hold all deletions of a fragment, those before included. */
async function stageDeletions(snapshot: Snapshot, rows: readonly Row[]) {
  const offsets: Record<number, number[]> = {};
  const removed: number[] = [];
  for (const fragment of snapshot.fragments) {
    const mine = rows.filter(({ fragmentId }) => fragmentId === fragment.id).map(({ offset }) => offset);
    if (mine.length === 0) continue;
    const all = [...mine, ...((await readDeletions(snapshot, fragment)) ?? [])].sort((a, b) => a - b);
    if (all.length === fragment.physicalRows) removed.push(fragment.id);
    else offsets[fragment.id] = all;
  }
  return (await stageDelete(snapshot, offsets, removed)).value;
}

async function stage(snapshot: Snapshot, random: () => number): Promise<[RebasableOperation, Omit<Intent, "version">]> {
  const rows = [...(await readRows(snapshot)).values()];
  const pick = (count: number) =>
    [...new Set(Array.from({ length: count }, () => rows[Math.floor(random() * rows.length)]!))].filter(Boolean);
  const die = random();
  if (rows.length < 20 || die < 0.3) {
    const count = 1 + Math.floor(random() * 8);
    return [appendOf(stageFragment(count)), { kind: "append", ids: [], added: count }];
  }
  if (die < 0.5) {
    const chosen = pick(3);
    const value = await stageDeletions(snapshot, chosen);
    return [
      { case: "delete", value },
      { kind: "delete", ids: chosen.map(({ id }) => id), added: 0 },
    ];
  }
  if (die < 0.75) {
    const chosen = pick(3);
    const added = random() < 0.5 ? 1 : 0;
    const value = await stageDeletions(snapshot, chosen);
    const fragment = stageFragment(chosen.length + added);
    fragment.inlineRowIds = encodeRowIds(BigUint64Array.from(chosen.map(({ id }) => id)));
    const update = operation("update", {
      updatedFragments: value.updatedFragments,
      removedFragmentIds: value.deletedFragmentIds,
      newFragments: [fragment],
    });
    return [update, { kind: "update", ids: chosen.map(({ id }) => id), added }];
  }
  if (die < 0.9 && snapshot.fragments.length > 2) {
    const from = Math.floor(random() * (snapshot.fragments.length - 1));
    const old = snapshot.fragments.slice(from, from + 2);
    const kept = rows.filter(({ fragmentId }) => old.some(({ id }) => id === fragmentId));
    const fragment = stageFragment(kept.length);
    fragment.inlineRowIds = encodeRowIds(BigUint64Array.from(kept.map(({ id }) => id)));
    fragment.inlineCreatedAtVersions = encodeRowVersions(BigUint64Array.from(kept.map((row) => row.createdAt)));
    fragment.inlineLastUpdatedAtVersions = encodeRowVersions(BigUint64Array.from(kept.map((row) => row.updatedAt)));
    const oldFragments = old.map(({ proto }) => proto);
    const newFragments = kept.length === 0 ? [] : [fragment];
    return [operation("rewrite", { groups: [{ oldFragments, newFragments }] }), { kind: "compact", ids: [], added: 0 }];
  }
  const entry = { key: `k${Math.floor(random() * 1e9)}`, value: "1" };
  return [
    operation("updateConfig", { configUpdates: { updateEntries: [entry] } }),
    { kind: "config", ids: [], added: 0 },
  ];
}

/**
 * Eight writers at one table, each with a handle as stale as it happens to be. Every acknowledged commit is one
 * version; played in their order on a plain map of rows, they give what each version holds.
 */
test.each([1, 2, 3, 4])(
  "random histories of eight writers are explained by the order of their versions (seed %i)",
  async (seed) => {
    const store = createMemoryStore();
    const first = await createTable(store, 3, { stableRowIds: true });
    const intents: Intent[] = [];
    let conflicts = 0;
    const write = async (writer: number) => {
      const random = createRandom(seed * 1000 + writer);
      const slow = createFaultyStore(store, { latencyMs: random() });
      let snapshot = await openSnapshot(slow, { uri: "t" });
      for (let step = 0; step < 12; step++) {
        if (random() < 0.5) snapshot = await openSnapshot(slow, { uri: "t" });
        for (;;) {
          const [staged, intent] = await stage(snapshot, random);
          try {
            snapshot = await commit(snapshot, staged);
            intents.push({ ...intent, version: snapshot.version });
            break;
          } catch (error) {
            if (!isRetryableConflict(error)) throw error;
            conflicts++;
            snapshot = await openSnapshot(slow, { uri: "t" });
          }
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));

    intents.sort((a, b) => a.version - b.version);
    expect(intents.map(({ version }) => version)).toEqual(Array.from({ length: 96 }, (_, i) => i + 2));
    expect(conflicts).toBeGreaterThan(0);
    const model = new Map<bigint, { createdAt: bigint; updatedAt: bigint }>();
    for (let id = 0n; id < 300n; id++) model.set(id, { createdAt: 1n, updatedAt: 1n });
    let nextRowId = 300n;
    for (const { version, kind, ids, added } of intents) {
      const now = BigInt(version);
      for (const id of ids) {
        const row = model.get(id);
        // A row two of them deleted or moved would be missing here.
        expect(row, `row ${id}, of ${kind} at version ${version}`).toBeDefined();
        if (kind === "delete") model.delete(id);
        else row!.updatedAt = now;
      }
      for (let i = 0; i < added; i++) model.set(nextRowId++, { createdAt: now, updatedAt: now });
      const snapshot = await openSnapshot(store, { uri: "t", version });
      const rows = await readRows(snapshot);
      expect(snapshot.manifest.nextRowId).toBe(nextRowId);
      expect([...rows.keys()].sort()).toEqual([...model.keys()].sort());
      for (const [id, { createdAt, updatedAt }] of rows) expect({ createdAt, updatedAt }).toEqual(model.get(id));
    }
    expect(first.version).toBe(1);
  },
  60_000,
);
