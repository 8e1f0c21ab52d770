import { Field, FixedSizeList, Float32 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { createIndexUncommitted } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { LoadGate } from "../../src/index/load-gate.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, VectorQuery } from "../../src/index/segment.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments, createRandom, expectError, getCommittedSegments, inlinePool, URI } from "./support.ts";

useTestRuntime();

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("a gate", () => {
  test("lets in what fits, in turn; what is larger than all goes alone", async () => {
    const gate = new LoadGate(100);
    const inside = new Set<string>();
    const leaving = new Map<string, () => void>();
    const enter = async (name: string, bytes: number) => {
      const leave = await gate.enter(bytes);
      inside.add(name);
      leaving.set(name, () => {
        inside.delete(name);
        leave();
        leave();
      });
    };
    for (const [name, bytes] of [
      ["a", 60],
      ["b", 40],
      ["c", 30],
      ["large", 500],
      ["d", 1],
    ] as const)
      void enter(name, bytes);
    await settle();
    expect([...inside]).toEqual(["a", "b"]);
    leaving.get("b")!();
    await settle();
    expect([...inside]).toEqual(["a", "c"]);
    leaving.get("a")!();
    await settle();
    // Nobody overtakes the large one.
    expect([...inside]).toEqual(["c"]);
    leaving.get("c")!();
    await settle();
    expect([...inside]).toEqual(["large"]);
    leaving.get("large")!();
    await settle();
    expect([...inside]).toEqual(["d"]);
  });

  test("who stops waiting lets the others go on", async () => {
    const gate = new LoadGate(10);
    const leave = await gate.enter(8);
    const abort = new AbortController();
    const waiting = gate.enter(9, abort.signal);
    const behind = gate.enter(2);
    abort.abort();
    await expectError(waiting, "ABORTED");
    (await behind)();
    leave();
    (await gate.enter(10))();
  });
});

test("a search of many segments within a small budget holds few partitions at once, and answers as ever", async () => {
  const dimension = 64;
  const random = createRandom(4);
  const makeVector = () => Float32Array.from({ length: dimension }, () => random() - 0.5);
  const store = createMemoryStore();
  const type = new FixedSizeList(dimension, new Field("item", new Float32(), true));
  const fragments = Array.from({ length: 12 }, () => Array.from({ length: 800 }, makeVector));
  const snapshot = await createFragments(store, type, fragments);
  const segments: IndexSegment[] = [];
  for (const { id } of snapshot.fragments) {
    const params = { numPartitions: 2 };
    segments.push(
      await createIndexUncommitted(snapshot, "v", "IVF_FLAT", { pool: inlinePool, fragmentIds: [id], params }),
    );
  }
  await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);

  let underWay = 0;
  let most = 0;
  let isOpen = false;
  const slow = overrideStore(store, {
    async get(path, range, options) {
      if (isOpen && path.endsWith("auxiliary.idx")) most = Math.max(most, ++underWay);
      await settle();
      try {
        return await store.get(path, range, options);
      } finally {
        if (isOpen && path.endsWith("auxiliary.idx")) underWay--;
      }
    },
  });
  const opened = await openSnapshot(slow, { uri: URI });
  const committed = await getCommittedSegments(opened, "v_idx");
  const query: VectorQuery = { kind: "vector", q: makeVector(), k: 30, minimumNprobes: 2, maximumNprobes: 2 };
  const search = (memoryBudgetBytes: number) => searchSegments(opened, committed, query, { memoryBudgetBytes });
  const partitionBytes = 400 * (8 + dimension * 4);
  const small = partitionBytes * 2;
  const expected = await search(64 << 20);
  await search(small);
  isOpen = true;
  const found = await search(small);
  expect(found.metrics.partsLoaded).toBeGreaterThan(12);
  expect(found.rowIds).toEqual(expected.rowIds);
  expect(found.distances).toEqual(expected.distances);
  // Of 24 partitions two columns each; without a gate all segments load at once.
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(10);
  expect((await search(1)).rowIds).toEqual(expected.rowIds);
});
