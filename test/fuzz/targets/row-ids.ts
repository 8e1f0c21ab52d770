import { create, toBinary } from "@bufbuild/protobuf";
import { RowDatasetVersionSequenceSchema, RowIdSequenceSchema } from "../../../src/proto/gen/lance/rowids_pb.ts";
import { expandRowIds, findHighest, pickRowIds, readRowIdPieces } from "../../../src/table/row-ids/row-id-pieces.ts";
import { boundRowIds } from "../../../src/table/row-ids/row-id-sequence.ts";
import { decodeRowVersions } from "../../../src/table/row-ids/row-versions.ts";
import { decodeRowIds } from "../../table/support.ts";
import { expectThat, type Input, type Seed, type Target } from "../target.ts";

type Kind = "ids" | "versions";

const range = { case: "range", value: { start: 5n, end: 105n } } as const;
const offsets = Uint8Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? i * 3 : 0));
const array = { array: { case: "u16Array", value: { base: 1000n, offsets } } } as const;
const words = {
  array: { case: "u64Array", value: { values: Uint8Array.from({ length: 80 }, (_, i) => (i % 8 === 0 ? i : 0)) } },
} as const;
const SEGMENTS = [
  { segment: range },
  { segment: { case: "rangeWithHoles", value: { start: 0n, end: 2000n, holes: array } } },
  {
    segment: { case: "rangeWithBitmap", value: { start: 7n, end: 167n, bitmap: new Uint8Array(20).fill(0b10110101) } },
  },
  { segment: { case: "sortedArray", value: array } },
  { segment: { case: "array", value: words } },
] as const;

/** Sequences of stable row ids and of row versions, of every kind of segment. */
export function createRowIdTarget(): Target<Kind> {
  const sequences = [...SEGMENTS.map((segment) => [segment]), [...SEGMENTS]].map((segments) =>
    toBinary(RowIdSequenceSchema, create(RowIdSequenceSchema, { segments: [...segments] })),
  );
  const seeds = sequences.map((bytes, i): Seed<Kind> => {
    const numRows = expandRowIds(readRowIdPieces(bytes, 1 << 20, { partial: true })).length;
    return { name: `ids ${i}`, parts: [{ kind: "message", bytes }], numbers: [numRows], context: "ids" };
  });
  const runs = SEGMENTS.map((span, i) => ({ span, version: BigInt(i + 1) }));
  const bytes = toBinary(RowDatasetVersionSequenceSchema, create(RowDatasetVersionSequenceSchema, { runs }));
  seeds.push({ name: "versions", parts: [{ kind: "message", bytes }], numbers: [5000], context: "versions" });
  return { name: "row ids", weight: 15, seeds, run: (input, seed) => read(input, seed.context) };
}

function read({ parts, numbers }: Input, kind: Kind): void {
  const [bytes] = parts as [Uint8Array];
  // A fragment's rows are those of its files, which are read before its row ids.
  const numRows = Math.min(numbers[0]!, 1 << 20);
  if (kind === "versions") {
    expectThat(decodeRowVersions(bytes, numRows).length === numRows, "another number of versions than rows");
    return;
  }
  const bounds = boundRowIds(bytes);
  const partial = expandRowIds(readRowIdPieces(bytes, numRows, { partial: true }));
  expectThat(partial.length <= numRows, `${partial.length} ids of ${numRows}`);
  const ids = decodeRowIds(bytes, numRows);
  expectThat(ids.length === numRows, `${ids.length} ids of ${numRows}`);
  let highest: bigint | undefined;
  for (const id of ids) {
    if (highest === undefined || id > highest) highest = id;
    expectThat(bounds !== undefined && id >= bounds.min && id <= bounds.max, `id ${id}, against its bounds`);
  }
  const wanted = Uint32Array.of(0, numRows >> 1, Math.max(0, numRows - 1)).filter((row) => row < numRows);
  const pieces = readRowIdPieces(bytes, numRows);
  expectThat(findHighest(pieces) === highest, `a highest id of ${findHighest(pieces)}, not ${highest}`);
  const picked = pickRowIds(pieces, wanted);
  for (const [i, row] of wanted.entries()) expectThat(picked[i] === ids[row], `row ${row} has two ids`);
}
