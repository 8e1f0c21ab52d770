import { expect, test } from "vitest";
import { RunCollector } from "../../src/index/ivf/collect-run.ts";
import type { PartitionRun } from "../../src/index/ivf/partition-run.ts";
import { spillRun } from "../../src/index/ivf/spill-run.ts";
import { RowWindow } from "../../src/index/ivf/stored-rows.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import fc from "../support/fast-check.ts";
import { createRandom, expectError } from "./support.ts";

const NUM_PARTITIONS = 5;

/** Rows by partition as text: id and values. */
async function readAll(run: PartitionRun, rowBytes: number, step: number): Promise<string[][]> {
  const window = new RowWindow(rowBytes);
  const found: string[][] = [];
  for (let from = 0; from < NUM_PARTITIONS; from += step) {
    const to = Math.min(NUM_PARTITIONS, from + step);
    for (const [i, piece] of (await run.read(from, to)).entries()) {
      expect(piece.numRows).toBe(run.lengths[from + i]);
      // Not at the front, so that what is before stays.
      const { values, rowIds } = window.take(piece.numRows + 1);
      rowIds[0] = 7n;
      values.fill(7, 0, rowBytes);
      piece.copyTo({ values, rowIds }, 1);
      expect([rowIds[0], ...values.subarray(0, rowBytes)]).toEqual([7n, ...new Array(rowBytes).fill(7)]);
      found.push(
        Array.from({ length: piece.numRows }, (_, row) =>
          [rowIds[row + 1], ...values.subarray((row + 1) * rowBytes, (row + 2) * rowBytes)].join(" "),
        ),
      );
    }
  }
  return found;
}

test("rows come back by partition, in the order they came, from memory and from a file, run after run", async () => {
  const store = createMemoryStore();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 3, 4, 12, 127, 132, 4096),
      fc.array(fc.array(fc.nat(800), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: NUM_PARTITIONS }),
      async (rowBytes, runs, step) => {
        const collected = new RunCollector({ numPartitions: NUM_PARTITIONS, rowBytes });
        const random = createRandom(rowBytes + step);
        for (const [number, batches] of runs.entries()) {
          const expected: string[][] = Array.from({ length: NUM_PARTITIONS }, () => []);
          for (const count of batches) {
            const values = Uint8Array.from({ length: count * rowBytes }, () => random() * 256);
            const rowIds = BigUint64Array.from({ length: count }, () => BigInt(Math.floor(random() * 2 ** 40)));
            const partitions = Uint32Array.from({ length: count }, () => Math.floor(random() ** 2 * NUM_PARTITIONS));
            partitions.forEach((partition, row) => {
              const bytes = values.subarray(row * rowBytes, (row + 1) * rowBytes);
              expected[partition]!.push([rowIds[row], ...bytes].join(" "));
            });
            collected.append({ values, rowIds }, partitions);
            values.fill(0);
            rowIds.fill(0n);
            partitions.fill(0);
          }
          const total = batches.reduce((sum, count) => sum + count, 0);
          expect(collected.numRows).toBe(total);
          expect(collected.byteLength).toBeGreaterThanOrEqual(total * (rowBytes + 8));
          const run = collected.finish();
          expect(await readAll(run, rowBytes, step)).toEqual(expected);
          const scratch = { store, path: (name: string) => name };
          const name = `run-${rowBytes}-${step}-${number}`;
          await store.delete(name);
          const spilled = await spillRun(run, { rowBytes, scratch, name });
          collected.clear();
          expect(collected.numRows).toBe(0);
          expect(await readAll(spilled, rowBytes, step)).toEqual(expected);
          await store.delete(name);
          if (total > 0) await expectError(spilled.read(0, NUM_PARTITIONS), "IO");
        }
      },
    ),
    { numRuns: 25 },
  );
});
