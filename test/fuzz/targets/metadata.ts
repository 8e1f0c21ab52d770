import { fromBinary } from "@bufbuild/protobuf";
import { toArrowSchema } from "../../../src/format/arrow-schema.ts";
import { decodeMessage, parseColumnMetadata } from "../../../src/format/read/column-metadata.ts";
import { FOOTER_BYTES, parseFooter, parsePositions } from "../../../src/format/read/footer.ts";
import { buildColumnTree, countLeaves, countNodes } from "../../../src/format/read/leaf-column.ts";
import { parseArrayColumn } from "../../../src/format/read/v20/array-metadata.ts";
import { readSchema } from "../../../src/format/schema.ts";
import { FileDescriptorSchema } from "../../../src/proto/gen/lance/file_pb.ts";
import { thin } from "../corpus.ts";
import { listFiles } from "../file-parts.ts";
import { type Corpus, expectThat, type Input, type Seed, type Target } from "../target.ts";

type Kind = "footer" | "columns" | "columns 2.0" | "schema";

/** A file's own tables: footer, position tables, column metadata, schema. */
export function createMetadataTarget(corpus: Corpus): Target<Kind> {
  const files = listFiles(corpus);
  const seeds: Seed<Kind>[] = files.flatMap(({ path, bytes, descriptor, numRows, columns, footer }) => {
    const tail = bytes.subarray(Math.max(0, footer.columnTableOffset));
    const kind = footer.version === "2.0" ? "columns 2.0" : "columns";
    return [
      {
        name: `${path} footer`,
        parts: [{ kind: "bytes" as const, bytes: tail, hot: [tail.length - FOOTER_BYTES, tail.length - 16] }],
        numbers: [bytes.length],
        context: "footer" as const,
      },
      {
        name: `${path} schema`,
        parts: [{ kind: "message" as const, bytes: descriptor }],
        numbers: [],
        context: "schema" as const,
      },
      ...columns.map((column, index) => ({
        name: `${path} column ${index}`,
        parts: [{ kind: "message" as const, bytes: column }],
        numbers: [bytes.length, numRows],
        context: kind as Kind,
      })),
    ];
  });
  const kindOf = ({ context, parts }: Seed<Kind>) => `${context}|${parts[0]!.bytes.length >> 3}`;
  return {
    name: "metadata",
    weight: 20,
    codes: ["SCHEMA_MISMATCH"],
    seeds: thin(seeds, kindOf, 2),
    run: (input, seed) => read(input, seed.context),
  };
}

function read({ parts, numbers }: Input, kind: Kind): void {
  const [bytes] = parts as [Uint8Array];
  const [sizeBytes = 0, numRows = 0] = numbers;
  if (kind === "schema") readDescriptor(bytes);
  else if (kind === "footer") readFooter(bytes, sizeBytes);
  else readColumn(kind, bytes, { path: "file", sizeBytes, numRows });
}

function readColumn(
  kind: "columns" | "columns 2.0",
  bytes: Uint8Array,
  file: { path: string; sizeBytes: number; numRows: number },
): void {
  const info = kind === "columns" ? parseColumnMetadata(bytes, 0, file) : parseArrayColumn(bytes, 0, file);
  for (const { buffers } of info.pages) checkPositions(buffers, file.sizeBytes);
  if (!("numRows" in info)) return;
  const sum = info.pages.reduce((total, page) => total + page.numRows, 0);
  expectThat(sum === info.numRows, "another number of rows than of its pages");
}

function checkPositions(positions: readonly { offset: number; length: number }[], limit: number): void {
  for (const { offset, length } of positions) {
    expectThat(offset >= 0 && length >= 0 && offset + length <= limit, `${offset}+${length} of ${limit}`);
  }
}

/** Of a file of which only the end is here: positions are checked, not read. */
function readFooter(tail: Uint8Array, sizeBytes: number): void {
  const footer = parseFooter(tail, sizeBytes, "file");
  const start = sizeBytes - tail.length;
  for (const [offset, count] of [
    [footer.columnTableOffset, footer.numColumns],
    [footer.globalTableOffset, footer.numGlobalBuffers],
  ] as const) {
    if (offset < start) continue;
    const table = tail.subarray(offset - start, offset - start + 16 * count);
    const positions = parsePositions(table, count, sizeBytes, "file");
    expectThat(positions.length === count, `${positions.length} positions of ${count}`);
    checkPositions(positions, sizeBytes);
  }
}

function readDescriptor(bytes: Uint8Array): void {
  const message = decodeMessage(() => fromBinary(FileDescriptorSchema, bytes), "file");
  const schema = readSchema(message.schema?.fields ?? [], message.schema?.metadata ?? {});
  toArrowSchema(schema);
  for (const field of schema.fields) {
    countNodes(field);
    const count = countLeaves(field);
    const tree = buildColumnTree(
      field,
      Array.from({ length: count }, (_, i) => i),
    );
    expectThat(tree.leaves.length === count, `${tree.leaves.length} leaves of ${count}`);
  }
}
