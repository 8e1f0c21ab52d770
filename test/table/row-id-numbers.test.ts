import { expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { appendRowIdRange, encodeRowIds } from "../../src/table/row-ids/encode-row-ids.ts";
import { listRowNumbers, sortNumbers } from "../../src/table/row-ids/row-id-numbers.ts";
import { expandRowIds, findHighest, readRowIdPieces } from "../../src/table/row-ids/row-id-pieces.ts";
import { createGiveWay } from "../../src/tasks/give-way.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();
const giveWay = createGiveWay(undefined);

const FORMS: Readonly<Record<string, BigUint64Array>> = {
  none: new BigUint64Array(0),
  range: BigUint64Array.from({ length: 100 }, (_, i) => BigInt(i) + 7n),
  holes: BigUint64Array.from({ length: 1000 }, (_, i) => BigInt(i + Math.floor(i / 90))),
  bitmap: BigUint64Array.from({ length: 1000 }, (_, i) => BigInt(2 * i + (i % 3 === 0 ? 1 : 0)) + 2n ** 33n - 500n),
  sorted: BigUint64Array.from({ length: 100 }, (_, i) => BigInt(i * i * 1000)),
  wide: BigUint64Array.from({ length: 100 }, (_, i) => BigInt(i) * 2n ** 40n),
  unordered: BigUint64Array.from({ length: 100 }, (_, i) => BigInt((i * 37) % 101)),
  stretches: BigUint64Array.from({ length: 400 }, (_, i) => BigInt((i * 100) % 399)),
};

for (const [name, ids] of Object.entries(FORMS)) {
  test(`row ids as they are stored (${name}): as doubles, the highest, and with a range behind`, async () => {
    const bytes = encodeRowIds(ids);
    const pieces = readRowIdPieces(bytes, ids.length);
    expect(expandRowIds(pieces)).toEqual(ids);
    expect(await listRowNumbers(pieces, giveWay)).toEqual(Float64Array.from(ids, Number));
    expect(findHighest(pieces)).toBe(ids.slice().sort().at(-1));
    const longer = readRowIdPieces(appendRowIdRange(bytes, 2n ** 50n, 3), ids.length + 3);
    expect(expandRowIds(longer)).toEqual(BigUint64Array.of(...ids, 2n ** 50n, 2n ** 50n + 1n, 2n ** 50n + 2n));
  });
}

test("ids beyond 2^53 are refused, not rounded", async () => {
  for (const ids of [BigUint64Array.of(2n ** 53n + 1n), BigUint64Array.of(5n, 3n, 2n ** 60n)]) {
    const pieces = readRowIdPieces(encodeRowIds(ids), ids.length);
    await expect(listRowNumbers(pieces, giveWay)).rejects.toSatisfy(
      (error) => isLanceError(error) && error.code === "UNSUPPORTED",
    );
  }
});

test("numbers are sorted as by the host, however many runs they take", async () => {
  for (const length of [0, 1, 2, 65_535, 65_536, 65_537, 131_072, 200_001, 300_000]) {
    const numbers = Float64Array.from({ length }, (_, i) => (i * 7919) % 100_003);
    const expected = numbers.slice().sort();
    await sortNumbers(numbers, giveWay);
    expect(numbers).toEqual(expected);
    await sortNumbers(numbers, giveWay);
    expect(numbers).toEqual(expected);
  }
});
