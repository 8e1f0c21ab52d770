import { describe, expect, test } from "vitest";
import { RowSet } from "../../src/table/row-set.ts";
import fc from "../support/fast-check.ts";

const DOMAIN: ReadonlyMap<number, number> = new Map([
  [0, 70],
  [3, 32],
  [7, 1],
  [9, 0],
  [4_000_000_000, 65],
]);
const HIGHS = [...DOMAIN.keys(), 5];

type Row = readonly [high: number, low: number];
const rows = fc.array(fc.tuple(fc.constantFrom(...HIGHS), fc.nat({ max: 80 })), { maxLength: 120 });
const toId = ([high, low]: Row) => (BigInt(high) << 32n) | BigInt(low);
const toIds = (list: readonly Row[]) => BigUint64Array.from(list, toId);
const inDomain = ([high, low]: Row) => low < (DOMAIN.get(high) ?? 0);
const reference = (list: readonly Row[]) => new Set(list.filter(inDomain).map(toId));
const ascending = (set: Iterable<bigint>) => BigUint64Array.from(set).sort();
const universe = ascending(
  [...DOMAIN].flatMap(([high, size]) => Array.from({ length: size }, (_, low) => toId([high, low]))),
);

describe("RowSet against a plain Set", () => {
  test("membership, count, ids", () => {
    fc.assert(
      fc.property(rows, (list) => {
        const set = RowSet.fromIds(toIds(list), DOMAIN);
        const expected = reference(list);
        expect(set.ids()).toEqual(ascending(expected));
        expect(set.count()).toBe(expected.size);
        expect(set.isEmpty()).toBe(expected.size === 0);
        for (const high of HIGHS) {
          for (let low = 0; low < 96; low++) expect(set.has(high, low)).toBe(expected.has(toId([high, low])));
        }
        expect(set.highs()).toEqual([...new Set([...expected].map((id) => Number(id >> 32n)))].sort((a, b) => a - b));
      }),
    );
  });

  test("and, or, andNot, not", () => {
    fc.assert(
      fc.property(rows, rows, (left, right) => {
        const a = RowSet.fromIds(toIds(left), DOMAIN);
        const b = RowSet.fromIds(toIds(right), DOMAIN);
        const x = reference(left);
        const y = reference(right);
        expect(a.and(b).ids()).toEqual(ascending([...x].filter((id) => y.has(id))));
        expect(a.or(b).ids()).toEqual(ascending(new Set([...x, ...y])));
        expect(a.andNot(b).ids()).toEqual(ascending([...x].filter((id) => !y.has(id))));
        expect(a.not().ids()).toEqual(universe.filter((id) => !x.has(id)));
        // The operands are as they were.
        expect(a.ids()).toEqual(ascending(x));
        expect(b.ids()).toEqual(ascending(y));
      }),
    );
  });

  test("add and addOffsets say and do the same as fromIds", () => {
    fc.assert(
      fc.property(rows, (list) => {
        const one = RowSet.empty(DOMAIN);
        for (const row of list) expect(one.add(row[0], row[1])).toBe(inDomain(row));
        const many = RowSet.empty(DOMAIN);
        for (const high of HIGHS) {
          many.addOffsets(high, Uint32Array.from(list.filter((row) => row[0] === high).map((row) => row[1])));
        }
        expect(one.ids()).toEqual(ascending(reference(list)));
        expect(many.ids()).toEqual(one.ids());
      }),
    );
  });

  test("survives a structured clone with its words transferred", () => {
    fc.assert(
      fc.property(rows, (list) => {
        const set = RowSet.fromIds(toIds(list), DOMAIN);
        const data = set.toTransferable();
        const clone = structuredClone(data, { transfer: data.words.map((words) => words.buffer) });
        const back = RowSet.fromTransferable(clone);
        expect(back.ids()).toEqual(set.ids());
        expect(back.not().ids()).toEqual(set.not().ids());
        // The original keeps its bits.
        expect(set.count()).toBe(reference(list).size);
      }),
    );
  });
});

test("a full set has no bit beyond its domain", () => {
  const full = RowSet.full(DOMAIN);
  expect(full.ids()).toEqual(universe);
  expect(full.words(0)).toEqual(new Uint32Array([0xffffffff, 0xffffffff, 0b111111]));
  expect(full.words(9)).toBeUndefined();
  expect(full.not().isEmpty()).toBe(true);
});

test("sets over other domains meet within the left one's", () => {
  const wide = RowSet.full(new Map([[0, 100]]));
  const narrow = RowSet.full(new Map([[0, 33]]));
  expect(narrow.or(wide).count()).toBe(33);
  expect(wide.and(narrow).count()).toBe(33);
  expect(wide.andNot(narrow).count()).toBe(67);
  expect(narrow.or(RowSet.full(new Map([[1, 5]]))).count()).toBe(33);
});

test("a million rows take a bit each", () => {
  const domain = new Map([[2, 1_000_000]]);
  const ids = new BigUint64Array(500_000);
  const halves = new Uint32Array(ids.buffer);
  for (let i = 0; i < 500_000; i++) {
    halves[2 * i] = 2 * i;
    halves[2 * i + 1] = 2;
  }
  const set = RowSet.fromIds(ids, domain);
  expect(set.count()).toBe(500_000);
  expect(set.words(2)!.byteLength).toBe(125_000);
  expect(set.offsets(2).every((offset, i) => offset === 2 * i)).toBe(true);
});
