import { create, toBinary } from "@bufbuild/protobuf";
import { beforeAll, expect, test } from "vitest";
import { RowIdSequenceSchema, type U64Segment, U64SegmentSchema } from "../../src/proto/gen/lance/rowids_pb.ts";
import { DataFragmentSchema } from "../../src/proto/gen/lance/table_pb.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createDeletionCache } from "../../src/table/deletions/deletion-cache.ts";
import { writeDeletionFile } from "../../src/table/deletions/deletion-file.ts";
import { createBitRank } from "../../src/table/row-ids/bit-rank.ts";
import { createRangeRank, listRangesWithout } from "../../src/table/row-ids/range-rank.ts";
import { NO_ROW, toRowAddress } from "../../src/table/row-ids/row-addresses.ts";
import { identifyAddresses, locateStableRows } from "../../src/table/row-ids/row-id-index.ts";
import { expandRowIds, pickRowIds, readRowIdPieces } from "../../src/table/row-ids/row-id-pieces.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

beforeAll(() => void useTestRuntime());

const encodeIds = (ids: readonly bigint[]) => new Uint8Array(BigUint64Array.from(ids).buffer);
const listOf = (ids: readonly bigint[]) =>
  ({ array: { case: "u64Array", value: { values: encodeIds(ids) } } }) as const;

/** One stored segment and the ids it means. */
interface Stored {
  readonly segment: U64Segment;
  readonly ids: readonly bigint[];
}

function storeSegment(first: bigint, present: readonly boolean[], kind: number): Stored {
  const span = present.length;
  const ids = present.flatMap((is, i) => (is ? [first + BigInt(i)] : []));
  const end = first + BigInt(span);
  const holes = present.flatMap((is, i) => (is ? [] : [first + BigInt(i)]));
  const bitmap = new Uint8Array(Math.ceil(span / 8));
  present.forEach((is, i) => {
    if (is) bitmap[i >> 3]! |= 1 << (i & 7);
  });
  const shuffled = [...ids].sort((a, b) => Number((a * 7919n) % 101n) - Number((b * 7919n) % 101n));
  const make = (segment: U64Segment["segment"], means: readonly bigint[]): Stored => ({
    segment: create(U64SegmentSchema, { segment: segment as never }),
    ids: means,
  });
  const all = present.map((_, i) => first + BigInt(i));
  if (kind === 0) return make({ case: "range", value: { start: first, end } } as never, all);
  if (kind === 1)
    return make({ case: "rangeWithHoles", value: { start: first, end, holes: listOf(holes) } } as never, ids);
  if (kind === 2) return make({ case: "rangeWithBitmap", value: { start: first, end, bitmap } } as never, ids);
  if (kind === 3) return make({ case: "sortedArray", value: listOf(ids) } as never, ids);
  return make({ case: "array", value: listOf(shuffled) } as never, shuffled);
}

const segment = fc
  .record({
    first: fc.oneof(fc.bigInt(0n, 200n), fc.bigInt(2n ** 32n - 20n, 2n ** 32n), fc.bigInt(2n ** 60n, 2n ** 60n + 50n)),
    present: fc.array(fc.boolean(), { maxLength: 70 }),
    kind: fc.nat(4),
  })
  .map(({ first, present, kind }) => storeSegment(first, present, kind));

test("counts and positions of bits agree with a plain list", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(699)), (set) => {
      const size = 700;
      const sorted = [...set].sort((a, b) => a - b);
      const missing = Array.from({ length: size }, (_, i) => i).filter((i) => !set.includes(i));
      const words = new Uint32Array(Math.ceil(size / 32));
      for (const at of set) words[at >>> 5]! |= 1 << (at & 31);
      for (const bits of [createBitRank(words, size), createRangeRank(listRangesWithout(missing, size), size)]) {
        expect(bits.count).toBe(set.length);
        expect(sorted.map((_, i) => bits.select(i))).toEqual(sorted);
        for (const at of [0, 1, 31, 32, 255, 256, 257, 699, 700]) {
          expect(bits.rank(at)).toBe(sorted.filter((each) => each < at).length);
          expect(bits.has(at)).toBe(set.includes(at));
        }
      }
    }),
  );
  expect(createBitRank(new Uint32Array(0), 0).count).toBe(0);
});

test("sequences of any kind expand and are picked from as they are stored", () => {
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (segments, picks) => {
      const ids = segments.flatMap((each) => each.ids);
      const bytes = toBinary(
        RowIdSequenceSchema,
        create(RowIdSequenceSchema, { segments: segments.map((s) => s.segment) }),
      );
      const pieces = readRowIdPieces(bytes, ids.length);
      expect([...expandRowIds(pieces)]).toEqual(ids);
      if (ids.length === 0) return;
      const offsets = picks.map((pick) => pick % ids.length);
      expect([...pickRowIds(pieces, offsets)]).toEqual(offsets.map((offset) => ids[offset]));
      expect(() => readRowIdPieces(bytes, ids.length - 1)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
      expect(() => readRowIdPieces(bytes, ids.length + 1)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
    }),
  );
});

/** A snapshot of fragments with the given ids, of which some rows are deleted. */
async function createFragments(
  fragments: readonly { readonly segments: readonly Stored[]; readonly deleted: readonly number[] }[],
): Promise<Snapshot> {
  const store = createMemoryStore();
  const made = [];
  for (const [n, { segments, deleted }] of fragments.entries()) {
    const id = 2 * n + 1;
    const physicalRows = segments.reduce((sum, each) => sum + each.ids.length, 0);
    const proto = create(DataFragmentSchema, {
      id: BigInt(id),
      physicalRows: BigInt(physicalRows),
      inlineRowIds: toBinary(
        RowIdSequenceSchema,
        create(RowIdSequenceSchema, { segments: segments.map((s) => s.segment) }),
      ),
    });
    const offsets = Uint32Array.from(deleted);
    if (offsets.length > 0)
      proto.deletionFile = await writeDeletionFile(store, { fragmentId: id, readVersion: 1, offsets });
    const numDeletedRows = offsets.length;
    made.push({ id, physicalRows, numDeletedRows, numRows: physicalRows - numDeletedRows, proto });
  }
  return {
    store,
    uri: "memory://ids",
    version: 1,
    stableRowIds: true,
    manifest: { basePaths: [] },
    fragments: made,
    deletions: createDeletionCache(),
  } as unknown as Snapshot;
}

test("every live id is found at its address, and an address gives its id; others are nowhere", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ segments: fc.array(segment, { maxLength: 3 }), dead: fc.array(fc.nat()) }), {
        maxLength: 5,
      }),
      async (drawn) => {
        // An id may stand in several places, of which the last one lives: what updates leave behind.
        const seen = new Map<bigint, bigint>();
        const rows: { id: bigint; fragment: number; offset: number }[] = [];
        const fragments = drawn.map(({ segments, dead }, n) => {
          const ids = segments.flatMap((each) => each.ids);
          for (const [offset, id] of ids.entries()) rows.push({ id, fragment: n, offset });
          return { segments, ids, deleted: new Set(dead.map((each) => each % Math.max(1, ids.length))) };
        });
        const last = new Map(rows.map((row) => [row.id, row]));
        for (const row of rows) if (last.get(row.id) !== row) fragments[row.fragment]!.deleted.add(row.offset);
        const snapshot = await createFragments(
          fragments.map(({ segments, ids, deleted }) => ({
            segments,
            deleted: [...deleted].filter((offset) => offset < ids.length).sort((a, b) => a - b),
          })),
        );
        for (const { id, fragment, offset } of rows) {
          if (!fragments[fragment]!.deleted.has(offset)) seen.set(id, toRowAddress(2 * fragment + 1, offset));
        }
        const asked = [...rows.map((row) => row.id), 0n, 5n, 2n ** 32n, 2n ** 60n + 7n, 2n ** 63n];
        const located = await locateStableRows(snapshot, BigUint64Array.from(asked));
        expect([...located]).toEqual(asked.map((id) => seen.get(id) ?? NO_ROW));
        const found = [...seen];
        const back = identifyAddresses(
          snapshot,
          BigUint64Array.from(found, ([, address]) => address),
        );
        expect([...back]).toEqual(found.map(([id]) => id));
      },
    ),
    { numRuns: 60 },
  );
});

test("a million rows in one range cost one piece, and a lookup no walk", async () => {
  const stored: Stored = {
    segment: create(U64SegmentSchema, { segment: { case: "range", value: { start: 3n, end: 3n + 2n ** 20n } } }),
    ids: { length: 2 ** 20 } as never,
  };
  const snapshot = await createFragments([{ segments: [stored], deleted: [] }]);
  const started = process.threadCpuUsage();
  const located = await locateStableRows(snapshot, BigUint64Array.of(3n, 1_000_000n, 2n));
  expect([...located]).toEqual([toRowAddress(1, 0), toRowAddress(1, 999_997), NO_ROW]);
  // By what this thread worked: a machine with other work to do takes longer.
  const { user, system } = process.threadCpuUsage(started);
  expect((user + system) / 1000).toBeLessThan(20);
});
