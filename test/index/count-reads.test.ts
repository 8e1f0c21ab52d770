import { expect, test } from "vitest";
import { withReadCounts } from "../../src/index/count-reads.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { withCoalescing } from "../../src/store/with-coalescing.ts";
import { createCountingStore } from "../support/counting-store.ts";

test.each<[string, readonly (readonly [offset: number, length: number])[]]>([
  [
    "the same slice, asked for by several at once",
    [
      [8, 20],
      [8, 20],
      [8, 20],
    ],
  ],
  [
    "slices of one request, one of which is all of it",
    [
      [8, 5],
      [8, 20],
      [10, 2],
    ],
  ],
  [
    "slices that are neighbours, and one far away",
    [
      [0, 5],
      [5, 5],
      [900, 7],
    ],
  ],
])("%s: counted as the host sees them", async (_, slices) => {
  const memory = createMemoryStore();
  await memory.put("a", new Uint8Array(1000), { mode: "create" });
  const host = createCountingStore(memory);
  const counts = { reads: 0, bytes: 0 };
  const store = withReadCounts(withCoalescing(host, { maxGapBytes: 10 }), counts);
  await Promise.all(slices.map(([offset, length]) => store.get("a", { offset, length })));
  expect(counts).toEqual({ reads: host.gets().length, bytes: host.bytesRead() });
});
