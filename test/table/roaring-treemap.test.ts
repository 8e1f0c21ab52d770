import { expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import { listRangesWithout } from "../../src/table/row-ids/range-rank.ts";
import { decodeRanges, encodeRangeBitmap, joinTreemap, splitTreemap } from "../../src/table/row-ids/roaring-treemap.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const values = fc.oneof(
  fc.uniqueArray(fc.nat(400_000), { maxLength: 300 }),
  fc
    .tuple(fc.nat(300_000), fc.integer({ min: 5000, max: 20_000 }), fc.nat(6))
    .map(([from, count, step]) => Array.from({ length: count }, (_, i) => from + i * (1 + (step % 3)))),
);
const expand = (ranges: readonly (readonly [number, number])[]) =>
  ranges.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i));

test("ranges are written as the kernel reads them, and its bitmaps are read as ranges", async () => {
  const kernels = await loadCoreKernels();
  fc.assert(
    fc.property(values, (drawn) => {
      const sorted = Uint32Array.from(drawn).sort();
      const size = 1_000_000;
      const ranges = decodeRanges(kernels.encodeRoaring(sorted));
      expect(expand(ranges)).toEqual([...sorted]);
      expect([...kernels.decodeRoaring(encodeRangeBitmap(ranges), size)]).toEqual([...sorted]);
      expect(decodeRanges(encodeRangeBitmap(ranges))).toEqual(ranges);
      const gaps = listRangesWithout(sorted, size);
      expect(gaps.reduce((sum, [start, end]) => sum + end - start, 0)).toBe(size - sorted.length);
      const treemap = joinTreemap([
        { high: 3, bitmap: kernels.encodeRoaring(sorted) },
        { high: 70_000, bitmap: encodeRangeBitmap(gaps) },
      ]);
      const [first, second] = splitTreemap(treemap);
      expect([first!.high, second!.high]).toEqual([3, 70_000]);
      expect(decodeRanges(first!.bitmap)).toEqual(ranges);
      expect(decodeRanges(second!.bitmap)).toEqual(gaps);
    }),
    { numRuns: 40 },
  );
});

test("four billion values in runs cost their bytes", () => {
  const ranges: [number, number][] = [[0, 2 ** 32]];
  expect(decodeRanges(encodeRangeBitmap(ranges))).toEqual(ranges);
});

test("any bytes are ranges in order, or are refused with a code", () => {
  const seeds = [
    encodeRangeBitmap([
      [1, 5],
      [70_000, 70_010],
    ]),
    joinTreemap([{ high: 1, bitmap: encodeRangeBitmap([[0, 3]]) }]),
  ];
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 80 }),
        fc.tuple(fc.nat(1), fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 })).map(([which, changes]) => {
          const bytes = seeds[which]!.slice();
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          return bytes;
        }),
      ),
      (bytes) => {
        for (const read of [
          decodeRanges,
          (each: Uint8Array) => splitTreemap(each).map(({ bitmap }) => decodeRanges(bitmap)),
        ]) {
          try {
            const found = read(bytes).flat(2) as number[];
            expect(found.length).toBeLessThan(100_000);
          } catch (error) {
            expect(isLanceError(error, "CORRUPT")).toBe(true);
          }
        }
      },
    ),
    { numRuns: 2000 },
  );
});
