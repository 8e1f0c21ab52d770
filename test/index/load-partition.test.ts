import { expect, test } from "vitest";
import type { IvfHeader } from "../../src/index/ivf/header.ts";
import { loadPartition } from "../../src/index/ivf/load-partition.ts";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const ROW_BYTES = 4096;
const BLOCK_ROWS = 32;
const ROWS = 1700;

test("rows of a large partition are rearranged in short calls, which start on blocks and meet", async () => {
  const values = Uint8Array.from({ length: ROWS * ROW_BYTES }, (_, i) => i % 251);
  const rowIds = BigUint64Array.from({ length: ROWS }, (_, i) => BigInt(i));
  const ranges: (readonly [number, number])[] = [];
  const header = {
    file: { path: "auxiliary.idx" },
    offsets: [0],
    lengths: [ROWS],
    storage: {
      rowBytes: ROW_BYTES,
      blockRows: BLOCK_ROWS,
      async *readBatches() {
        yield { values, rowIds };
      },
      arrange(held: { bytes(): Uint8Array }, range: readonly [number, number]) {
        ranges.push(range);
        held
          .bytes()
          .subarray(range[0] * ROW_BYTES, range[1] * ROW_BYTES)
          .reverse();
      },
    },
  } as unknown as IvfHeader;
  const part = await loadPartition(await loadCoreKernels(), header, 0);
  expect(ranges.map(([from]) => from % BLOCK_ROWS)).toEqual(ranges.map(() => 0));
  expect(ranges.map(([from]) => from)).toEqual([0, ...ranges.slice(0, -1).map(([, to]) => to)]);
  expect(ranges.at(-1)![1]).toBe(ROWS);
  expect(Math.max(...ranges.map(([from, to]) => (to - from) * ROW_BYTES))).toBeLessThanOrEqual(2 ** 21);
  const expected = ranges.flatMap(([from, to]) => [
    ...values
      .subarray(from * ROW_BYTES, (from + 1) * ROW_BYTES)
      .toReversed()
      .subarray(0, 4),
    ...values
      .subarray((to - 1) * ROW_BYTES, to * ROW_BYTES)
      .toReversed()
      .subarray(0, 4),
  ]);
  const found = ranges.flatMap(([from, to]) => {
    const held = part.values.bytes();
    return [
      ...held.subarray((to - 1) * ROW_BYTES, (to - 1) * ROW_BYTES + 4),
      ...held.subarray(from * ROW_BYTES, from * ROW_BYTES + 4),
    ];
  });
  expect(found).toEqual(expected);
  part.free();
});
