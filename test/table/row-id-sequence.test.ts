import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { RowDatasetVersionSequenceSchema, RowIdSequenceSchema } from "../../src/proto/gen/lance/rowids_pb.ts";
import { decodeRowIds, encodeRowIdRange, encodeUniformVersions } from "../../src/table/row-id-sequence.ts";

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
