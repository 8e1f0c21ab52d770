import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { RowDatasetVersionSequenceSchema, RowIdSequenceSchema } from "../../src/proto/gen/lance/rowids_pb.ts";
import { encodeRowIdRange, encodeRowIds } from "../../src/table/row-ids/encode-row-ids.ts";
import { expandRowIds, readRowIdPieces } from "../../src/table/row-ids/row-id-pieces.ts";
import { boundRowIds } from "../../src/table/row-ids/row-id-sequence.ts";
import { decodeRowVersions, encodeRowVersions, encodeUniformVersions } from "../../src/table/row-ids/row-versions.ts";
import fc from "../support/fast-check.ts";
import { decodeRowIds } from "./support.ts";

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer as ArrayBuffer);

test("all five kinds of segment, in one sequence", () => {
  const sequence = create(RowIdSequenceSchema, {
    segments: [
      { segment: { case: "range", value: { start: 5n, end: 8n } } },
      {
        segment: {
          case: "rangeWithHoles",
          value: {
            start: 100n,
            end: 106n,
            holes: { array: { case: "u16Array", value: { base: 100n, offsets: bytesOf(Uint16Array.of(1, 4)) } } },
          },
        },
      },
      // Least significant bit first.
      {
        segment: {
          case: "rangeWithBitmap",
          value: { start: 200n, end: 210n, bitmap: Uint8Array.of(0b00001001, 0b10) },
        },
      },
      {
        segment: {
          case: "sortedArray",
          value: {
            array: { case: "u32Array", value: { base: 1n << 40n, offsets: bytesOf(Uint32Array.of(0, 70_000)) } },
          },
        },
      },
      {
        segment: {
          case: "array",
          value: { array: { case: "u64Array", value: { values: bytesOf(BigUint64Array.of(2n ** 63n, 3n)) } } },
        },
      },
    ],
  });
  const bytes = toBinary(RowIdSequenceSchema, sequence);
  const expected = [
    5n,
    6n,
    7n,
    100n,
    102n,
    103n,
    105n,
    200n,
    203n,
    209n,
    1n << 40n,
    (1n << 40n) + 70_000n,
    2n ** 63n,
    3n,
  ];
  expect([...decodeRowIds(bytes, expected.length)]).toEqual(expected);
  for (const wrong of [0, 3, expected.length - 1, expected.length + 1]) {
    expect(() => decodeRowIds(bytes, wrong)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  }
});

test("a range written reads back, and its versions are one run", () => {
  expect([...decodeRowIds(encodeRowIdRange(2n ** 40n, 3), 3)]).toEqual([2n ** 40n, 2n ** 40n + 1n, 2n ** 40n + 2n]);
  const versions = create(RowDatasetVersionSequenceSchema, {
    runs: [{ span: { segment: { case: "range", value: { start: 0n, end: 9n } } }, version: 7n }],
  });
  expect(encodeUniformVersions(7n, 9)).toEqual(toBinary(RowDatasetVersionSequenceSchema, versions));
});

test("a huge range is refused before anything is allocated for it", () => {
  const bytes = toBinary(
    RowIdSequenceSchema,
    create(RowIdSequenceSchema, { segments: [{ segment: { case: "range", value: { start: 0n, end: 2n ** 60n } } }] }),
  );
  expect(() => decodeRowIds(bytes, 10)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
});

test("any bytes decode or are refused with a code", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(20), (bytes, rows) => {
      try {
        expect(decodeRowIds(bytes, rows)).toHaveLength(rows);
      } catch (error) {
        expect(isLanceError(error, "CORRUPT", "UNSUPPORTED")).toBe(true);
      }
    }),
  );
});

test("any ids read back from the form they were written in, which is no larger than an array", () => {
  const ids = fc.uniqueArray(fc.bigInt({ min: 0n, max: 5000n }), { maxLength: 400 });
  const far = fc.uniqueArray(fc.bigInt({ min: 0n, max: 2n ** 63n }), { maxLength: 50 });
  const shape = fc.constantFrom("as is", "sorted", "two sorted halves");
  fc.assert(
    fc.property(fc.oneof(ids, far), shape, (drawn, order) => {
      const given = BigUint64Array.from(drawn);
      if (order === "sorted") given.sort();
      if (order === "two sorted halves") {
        given.subarray(0, given.length >> 1).sort();
        given.subarray(given.length >> 1).sort();
      }
      const bytes = encodeRowIds(given);
      expect([...decodeRowIds(bytes, given.length)]).toEqual([...given]);
      expect([...expandRowIds(readRowIdPieces(bytes, given.length + 5, { partial: true }))]).toEqual([...given]);
      expect(bytes.length).toBeLessThanOrEqual(given.length * 8 + 40);
      const bounds = boundRowIds(bytes);
      if (given.length === 0) expect(bounds).toBeUndefined();
      for (const id of given) expect(id >= bounds!.min && id <= bounds!.max).toBe(true);
    }),
  );
});

test("consecutive ids cost a range, few holes and long stretches no more than that", () => {
  const run = (start: number, length: number) => Array.from({ length }, (_, i) => BigInt(start + i));
  expect(encodeRowIds(BigUint64Array.from(run(0, 100_000))).length).toBeLessThan(20);
  expect(encodeRowIds(BigUint64Array.from([...run(0, 5000), ...run(5001, 5000)])).length).toBeLessThan(40);
  expect(encodeRowIds(BigUint64Array.from([...run(9000, 1000), ...run(0, 1000)])).length).toBeLessThan(40);
  expect(encodeRowIds(BigUint64Array.from(run(0, 9000).filter((id) => id % 3n !== 0n))).length).toBeLessThan(1300);
});

test("version sequences read back as runs; what is beyond them is the version said to be missing", () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 1n, max: 4n }), { maxLength: 60 }), fc.nat(5), (drawn, more) => {
      const bytes = encodeRowVersions(BigUint64Array.from(drawn));
      const read = decodeRowVersions(bytes, drawn.length + more, 9n);
      expect([...read]).toEqual([...drawn, ...Array.from({ length: more }, () => 9n)]);
      if (drawn.length > 0)
        expect(() => decodeRowVersions(bytes, drawn.length - 1)).toThrow(/longer than its fragment/);
    }),
  );
  expect([...decodeRowVersions(undefined, 2)]).toEqual([1n, 1n]);
});
