import { LanceError } from "../../../src/errors.ts";
import { toArrowField } from "../../../src/format/arrow-schema.ts";
import { toScanField } from "../../../src/format/blob-field.ts";
import { createArrayColumn } from "../../../src/format/read/v20/array-column.ts";
import { parseArrayColumn } from "../../../src/format/read/v20/array-metadata.ts";
import type { LanceField } from "../../../src/format/schema.ts";
import { arrayKernels, loadArrayKernels } from "../../../src/kernels/decode-arrays.ts";
import { checkData } from "../check-data.ts";
import { thin } from "../corpus.ts";
import { createSource, type FileParts, listFiles } from "../file-parts.ts";
import { type Corpus, expectThat, type Input, type Seed, type Target } from "../target.ts";

const MAX_ROWS = 8192;
const MAX_FILE_BYTES = 96 * 1024;
const EACH_KIND = 4;

interface ColumnContext {
  readonly field: LanceField;
}

/** Columns of files 2.0: the file's bytes, the metadata of each physical column, and which rows are wanted. */
export async function createArrayPageTarget(corpus: Corpus): Promise<Target<ColumnContext>> {
  await loadArrayKernels();
  const seeds = listFiles(corpus)
    .filter(({ footer, bytes }) => footer.version === "2.0" && bytes.length <= MAX_FILE_BYTES)
    .flatMap(listColumns);
  const kindOf = ({ context, parts }: Seed<ColumnContext>) =>
    `${context.field.logicalType}|${parts.map(({ bytes }) => bytes.length >> 6).slice(1)}`;
  return { name: "array pages", weight: 12, seeds: thin(seeds, kindOf, EACH_KIND), run: readColumn };
}

function listColumns(file: FileParts): Seed<ColumnContext>[] {
  return file.schema.fields.flatMap((field, index) => {
    const columns = file.fieldColumns[index]!.map((column) => file.columns[column]);
    if (columns.includes(undefined)) return [];
    const info = parseArrayColumn(columns[0]!, 0, { path: file.path, sizeBytes: file.bytes.length });
    const hot = info.pages.flatMap(({ buffers }) => buffers.map(({ offset }) => offset));
    return [
      {
        name: `${file.path} ${field.name}`,
        parts: [
          { kind: "bytes", bytes: file.bytes, hot },
          ...columns.map((bytes) => ({ kind: "message" as const, bytes: bytes! })),
        ],
        numbers: [0, file.numRows],
        context: { field },
      },
    ];
  });
}

async function readColumn({ parts, numbers }: Input, { context: { field } }: Seed<ColumnContext>): Promise<void> {
  const [bytes, ...metadata] = parts as [Uint8Array, ...Uint8Array[]];
  const file = { path: "file", sizeBytes: bytes.length };
  const columns = metadata.map((column, index) => parseArrayColumn(column, index, file));
  const source = createSource("file", bytes, (what) => new LanceError("CORRUPT", `a read of ${what}`));
  const read = { source, kernels: arrayKernels, signal: undefined, columns };
  const column = createArrayColumn(
    read,
    field,
    columns.map((_, index) => index),
  );
  const start = Math.min(numbers[0]!, column.numItems);
  const end = Math.min(Math.max(start, numbers[1]!), column.numItems, start + MAX_ROWS);
  if (start >= end) return;
  const ranges = end - start < 8 || start === 0 ? [start, end] : [start, start + 3, start + 4, end];
  column.plan(ranges);
  const build = await column.fetch(ranges, end);
  const data = build(toArrowField(toScanField(field)).type);
  const asked = ranges.length === 2 ? end - start : end - start - 1;
  expectThat(data.length === asked, `${data.length} rows where ${asked} were asked for`);
  checkData(data, field.name);
}
