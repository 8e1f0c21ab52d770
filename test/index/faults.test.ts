import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, FixedSizeList, Float32, Int32 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { createIndex } from "../../src/index/create-index.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, SegmentQuery } from "../../src/index/segment.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import {
  createFragments,
  createRandom,
  expectError,
  getCommittedSegments,
  inlinePool,
  readRows,
  URI,
  type Value,
} from "./support.ts";

useTestRuntime();

const VECTORS = new FixedSizeList(8, new Field("item", new Float32(), true));
const FAMILIES = {
  BTREE: {
    type: new Int32(),
    makeValue: (random: () => number): Value => (random() < 0.1 ? null : Math.floor(random() * 50)),
    query: { kind: "range", lower: { value: 10, inclusive: true }, upper: null } as SegmentQuery,
    params: { zoneSize: 32 },
  },
  IVF_FLAT: {
    type: VECTORS,
    makeValue: (random: () => number): Value => Float32Array.from({ length: 8 }, () => random()),
    query: {
      kind: "vector",
      q: new Float32Array(8).fill(0.4),
      k: 9,
      minimumNprobes: 4,
      maximumNprobes: 4,
    } as SegmentQuery,
    params: { numPartitions: 4, maxIterations: 3 },
  },
  IVF_HNSW_SQ: {
    type: VECTORS,
    makeValue: (random: () => number): Value => Float32Array.from({ length: 8 }, () => random()),
    query: {
      kind: "vector",
      q: new Float32Array(8).fill(0.4),
      k: 9,
      minimumNprobes: 2,
      maximumNprobes: 2,
    } as SegmentQuery,
    params: { numPartitions: 2, maxIterations: 3, m: 4, efConstruction: 10 },
  },
} as const;
type FamilyName = keyof typeof FAMILIES;
const NAMES = Object.keys(FAMILIES) as FamilyName[];

const open = (objects: MemoryObjects) => openSnapshot(createMemoryStore(objects), { uri: URI });

async function prepare(name: FamilyName, sizes = [120, 80]) {
  const { type, makeValue } = FAMILIES[name];
  const random = createRandom(1);
  const objects: MemoryObjects = new Map();
  const fragments = sizes.map((size) => Array.from({ length: size }, () => makeValue(random)));
  const snapshot = await createFragments(createMemoryStore(objects), type, fragments);
  return { objects, snapshot };
}

const build = (snapshot: Snapshot, name: FamilyName) =>
  createIndex(snapshot, "v", name, {
    pool: { ...inlinePool, numWorkers: 2 },
    params: FAMILIES[name].params,
    maxAttempts: 1,
  });

async function search(snapshot: Snapshot, segments: readonly IndexSegment[], query: SegmentQuery): Promise<string> {
  const answer = await searchSegments(snapshot, segments, query);
  return "trueRows" in answer ? answer.trueRows.ids().join() : answer.rowIds.join();
}

describe.each(NAMES)("%s", (name) => {
  const { query } = FAMILIES[name];

  test("whichever write crashes, the table opens at the old version or at the new one, whole", async () => {
    const dry = await prepare(name);
    const counting = createFaultyStore(createMemoryStore(dry.objects));
    await build({ ...dry.snapshot, store: counting }, name);
    expect(counting.numWrites).toBeGreaterThan(10);
    const seen = new Set<number>();
    for (let stopAtWrite = 1; stopAtWrite <= counting.numWrites; stopAtWrite++) {
      for (const stopEffect of ["none", "partial", "full"] as const) {
        const { objects, snapshot } = await prepare(name, [20, 9]);
        const before = await readRows(snapshot);
        const dying = createFaultyStore(createMemoryStore(objects), { stopAtWrite, stopEffect });
        await build({ ...snapshot, store: dying }, name).catch((error: unknown) => {
          if (!isLanceError(error)) throw error;
        });
        const reopened = await open(objects);
        seen.add(reopened.version - snapshot.version);
        expect(await readRows(reopened)).toEqual(before);
        const committed = reopened.indices.length === 0 ? [] : await getCommittedSegments(reopened, "v_idx");
        expect(committed.map(({ fragmentIds }) => fragmentIds)).toEqual(
          reopened.version === snapshot.version ? [] : [[0], [1]],
        );
        if (committed.length > 0) await search(reopened, committed, query);
        // And it can be built after all.
        expect((await build(reopened, name)).segments).toHaveLength(2);
      }
    }
    expect([...seen].sort()).toEqual([0, 1]);
  });

  test("the index answers with every data page refused", async () => {
    const { objects, snapshot } = await prepare(name);
    const { snapshot: committed, segments } = await build(snapshot, name);
    const expected = await search(committed, segments, query);
    expect(expected).not.toBe("");
    const store = createFaultyStore(createMemoryStore(objects), { refusePaths: /^data\// });
    const reopened = await openSnapshot(store, { uri: URI });
    expect(await search(reopened, await getCommittedSegments(reopened, "v_idx"), query)).toBe(expected);
  });

  test("damaged files are coded errors, or do no harm", async () => {
    const { objects, snapshot } = await prepare(name);
    const { snapshot: committed, segments } = await build(snapshot, name);
    const expected = await search(committed, segments, query);
    const codes = new Map<string, number>();
    const attempt = async (plan: Parameters<typeof createFaultyStore>[1]): Promise<void> => {
      const store = createFaultyStore(createMemoryStore(objects), plan);
      const damaged = { ...committed, store };
      const outcome = await search(damaged, segments, query).catch((error: unknown) => {
        if (!isLanceError(error)) throw error;
        return error.code;
      });
      codes.set(outcome, (codes.get(outcome) ?? 0) + 1);
    };
    for (let seed = 0; seed < 300; seed++)
      await attempt({ bitFlips: { seed, count: 1 + (seed % 5), paths: /^_indices\// } });
    for (const file of segments[0]!.files!) {
      await attempt({ truncatePaths: (path: string) => path.endsWith(file.path) });
      await attempt({ shortReads: (path: string) => path.endsWith(file.path) });
    }
    expect(codes.get("CORRUPT")).toBeGreaterThan(0);
    for (const outcome of codes.keys()) {
      if (/^[A-Z]/.test(outcome)) expect(["CORRUPT", "UNSUPPORTED", "NOT_FOUND", "IO"]).toContain(outcome);
    }
    expect(codes.get(expected) ?? 0).toBeGreaterThan(0);
  });

  test("a file that is gone names its path", async () => {
    const { objects, snapshot } = await prepare(name);
    const { snapshot: committed, segments } = await build(snapshot, name);
    const path = `_indices/${segments[0]!.uuid}/${segments[0]!.files![0]!.path}`;
    objects.delete(path);
    const error = await expectError(
      search({ ...committed, store: createMemoryStore(objects) }, segments, query),
      "NOT_FOUND",
    );
    expect(error.message).toContain(path);
  });
});

test.each(NAMES)("%s: a failed build leaves no folder behind in a file system", async (name) => {
  const directory = await mkdtemp(join(tmpdir(), "lancelet-faults-"));
  try {
    const { type, makeValue } = FAMILIES[name];
    const random = createRandom(2);
    const values = () => Array.from({ length: 50 }, () => makeValue(random));
    const snapshot = await createFragments(createNodeFsStore(directory), type, [values(), values()]);
    const before = await readdir(directory);
    const refusePaths = /page_lookup|auxiliary/;
    const store = createFaultyStore(createNodeFsStore(directory), { refusePaths });
    await expectError(build({ ...snapshot, store }, name), "IO");
    expect(await readdir(directory)).toEqual(before);
  } finally {
    await rm(directory, { recursive: true });
  }
});
