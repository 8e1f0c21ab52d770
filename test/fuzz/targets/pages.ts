import { fromBinary } from "@bufbuild/protobuf";
import type { DataType } from "apache-arrow";
import { toArrowField } from "../../../src/format/arrow-schema.ts";
import { toScanField } from "../../../src/format/blob-field.ts";
import { buildLeaf } from "../../../src/format/read/build-data.ts";
import type { ByteSpan } from "../../../src/format/read/byte-source.ts";
import { decodeMessage, parseColumnMetadata } from "../../../src/format/read/column-metadata.ts";
import { shapeWords } from "../../../src/format/read/decode-program.ts";
import { type DecodedValues, takePlainRows } from "../../../src/format/read/decoded-values.ts";
import { buildColumnTree, type ColumnNode, type LeafColumn } from "../../../src/format/read/leaf-column.ts";
import { createPageAccess } from "../../../src/format/read/open-page.ts";
import type { PageAccess } from "../../../src/format/read/page-access.ts";
import { RowRanges } from "../../../src/format/read/row-ranges.ts";
import { SpanBytes } from "../../../src/format/read/span-bytes.ts";
import { type DecodeKernels, freeDecoder, loadDecodeKernels } from "../../../src/kernels/decode.ts";
import { AnyValueSchema } from "../../../src/proto/gen/lance/any_pb.ts";
import { type PageLayout, PageLayoutSchema } from "../../../src/proto/gen/lance/encodings21_pb.ts";
import { ColumnMetadataSchema } from "../../../src/proto/gen/lance/file_v2_pb.ts";
import { checkData } from "../check-data.ts";
import { thin } from "../corpus.ts";
import { type FileParts, listFiles } from "../file-parts.ts";
import { type Corpus, expectThat, type Input, type Part, type Seed, type Target } from "../target.ts";

/** A batch of the reader, and what it keeps a batch below. */
const MAX_ROWS = 8192;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** Pages larger than this only make executions slow. */
const MAX_PAGE_BYTES = 48 * 1024;
const EACH_KIND = 2;

/** The column a page belongs to. */
interface PageContext {
  readonly leaf: LeafColumn;
  readonly type: DataType;
  readonly isJson: boolean;
}

/** Pages of files 2.1 and 2.2: the layout's message, the buffers, and which rows are wanted. */
export async function createPageTarget(corpus: Corpus): Promise<Target<PageContext>> {
  const kernels = await loadDecodeKernels();
  const seeds = listFiles(corpus)
    .filter(({ footer }) => footer.version !== "2.0")
    .flatMap(listPages);
  return {
    name: "pages",
    weight: 50,
    seeds: thin(
      seeds,
      ({ context, parts }) => `${shapeWords(context.leaf.shape)}|${describe(parts[0]!.bytes)}`,
      EACH_KIND,
    ),
    run: (input, seed) => decodePage(kernels, input, seed.context),
  };
}

function describe(layout: Uint8Array): string {
  const names: string[] = [];
  JSON.stringify(fromBinary(PageLayoutSchema, layout), (key, value) => {
    if (key === "case") names.push(String(value));
    if (key === "layers") names.push(String(value));
    return typeof value === "bigint" || value instanceof Uint8Array ? 0 : value;
  });
  return names.join();
}

function listPages(file: FileParts): Seed<PageContext>[] {
  return file.schema.fields.flatMap((field, index) => {
    const tree = buildColumnTree(field, file.fieldColumns[index]!);
    const type = toArrowField(toScanField(field)).type;
    return listLeaves(tree.root, type).flatMap(({ node, type: leafType }) => {
      const leaf = tree.leaves[node.firstLeaf]!;
      const context = { leaf, type: leafType, isJson: node.field.logicalType === "json" };
      return listPagesOf(file, leaf).map((page) => ({ ...page, context }));
    });
  });
}

function listLeaves(node: ColumnNode, type: DataType): { node: ColumnNode; type: DataType }[] {
  if (node.children.length === 0) return [{ node, type }];
  return node.children.flatMap((child, i) => listLeaves(child, type.children[i]!.type));
}

function listPagesOf(file: FileParts, leaf: LeafColumn): Omit<Seed<PageContext>, "context">[] {
  const metadata = file.columns[leaf.columnIndex];
  // Columns of blobs lie otherwise where a manifest says so.
  if (!metadata) return [];
  const { path, bytes, numRows } = file;
  const info = parseColumnMetadata(metadata, leaf.columnIndex, { path, sizeBytes: bytes.length, numRows });
  const messages = fromBinary(ColumnMetadataSchema, metadata).pages;
  return info.pages.flatMap((page, index) => {
    const location = messages[index]!.encoding?.location;
    if (location?.case !== "direct") return [];
    const layout = fromBinary(AnyValueSchema, location.value.encoding).value;
    const buffers = page.buffers.map(({ offset, length }): Uint8Array => bytes.subarray(offset, offset + length));
    if (buffers.reduce((sum, { length }) => sum + length, 0) > MAX_PAGE_BYTES || page.numRows === 0) return [];
    const hot = listChunks(page.layout, buffers);
    const parts: Part[] = [{ kind: "message", bytes: layout }];
    for (const [i, part] of buffers.entries())
      parts.push({ kind: "bytes", bytes: part, ...(i === 1 && hot ? { hot } : {}) });
    return [
      { name: `${path} ${leaf.columnIndex}/${index} ${leaf.path}`, parts, numbers: [page.numRows, 0, page.numRows] },
    ];
  });
}

/** Where the chunks of a mini-block page begin: their headers count levels and bytes. */
function listChunks({ layout }: PageLayout, [words]: readonly Uint8Array[]): number[] | undefined {
  if (layout.case !== "miniBlock" || !words || layout.value.hasLargeChunk) return undefined;
  const starts = [0];
  for (let at = 0; at + 1 < words.length; at += 2) {
    starts.push(starts.at(-1)! + (((words[at]! | (words[at + 1]! << 8)) >> 4) + 1) * 8);
  }
  return starts;
}

function decodePage(kernels: DecodeKernels, { parts, numbers }: Input, context: PageContext): void {
  const { leaf } = context;
  const layout = decodeMessage(() => fromBinary(PageLayoutSchema, parts[0]!), "page");
  const pieces = parts.slice(1);
  let end = 0;
  const buffers = pieces.map(({ length }) => {
    const position = { offset: end, length };
    end += length;
    return position;
  });
  const numRows = numbers[0]!;
  const page = createPageAccess({ path: "file", leaf, info: { index: 0, buffers, numRows, firstRow: 0, layout } });
  const read = (spans: readonly ByteSpan[]): SpanBytes =>
    new SpanBytes(
      spans,
      spans.map(({ offset, length }) => {
        const index = buffers.findLastIndex(
          (buffer) => buffer.offset <= offset && offset + length <= buffer.offset + buffer.length,
        );
        const start = offset - (buffers[index]?.offset ?? 0);
        expectThat(index >= 0, `a span of ${length} bytes at ${offset} that is in no buffer`);
        return pieces[index]!.subarray(start, start + length);
      }),
    );
  const rows = chooseRows(numbers, end);
  try {
    const auxiliary = page.auxiliarySpans(rows);
    page.open(kernels, read(auxiliary), rows);
    for (const part of page.split(rows)) decodeRows({ kernels, page, part }, read(page.dataSpans(part)), context);
  } finally {
    page.close();
  }
}

/** At most a batch, of one or two ranges, as a reader would ask for them. */
function chooseRows([numRows = 0, from = 0, to = 0]: readonly number[], pageBytes: number): RowRanges {
  const rowBytes = pageBytes / Math.max(1, numRows);
  const limit = Math.min(MAX_ROWS, Math.max(1, Math.floor(MAX_BATCH_BYTES / Math.max(rowBytes, 1 / 64))));
  const start = Math.min(from, numRows);
  const end = Math.min(Math.max(start, to), numRows, start + limit);
  if (end - start < 8 || from === 0) return RowRanges.of(start, end);
  const middle = start + ((end - start) >> 1);
  return new RowRanges(Uint32Array.of(start, middle + 2), Uint32Array.of(middle, end));
}

function decodeRows(
  { kernels, page, part }: { kernels: DecodeKernels; page: PageAccess; part: RowRanges },
  bytes: SpanBytes,
  context: PageContext,
): void {
  const { leaf } = context;
  const plain = page.plainRows?.(part, bytes);
  if (plain) {
    check(takePlainRows(plain, part.numRows, false), part.numRows, context);
    return;
  }
  const layers = leaf.listLayers.map((isList) => (isList ? 1 : 0));
  const builder = kernels.createColumnBuilder(Uint32Array.from([...shapeWords(leaf.shape), layers.length, ...layers]));
  try {
    page.append(builder, part, bytes);
    check(builder, part.numRows, context);
  } finally {
    freeDecoder(builder);
  }
}

/** The outermost layer has the rows asked for, each list ends where the next layer does, the values are an Arrow array. */
function check(builder: DecodedValues, numRows: number, { leaf, type, isJson }: PageContext): void {
  const top = leaf.listLayers.length - 1;
  expectThat(builder.layerLength(top) === numRows, `${builder.layerLength(top)} rows where ${numRows} were asked for`);
  for (let layer = top; layer > 0; layer--) {
    const length = builder.layerLength(layer);
    let items = length;
    if (leaf.listLayers[layer]) {
      const offsets = builder.layerOffsets(layer);
      expectThat(offsets.length === length + 1 && offsets[0] === 0, `${offsets.length} offsets for ${length} lists`);
      for (let i = 0; i < length; i++) expectThat(offsets[i + 1]! >= offsets[i]!, "list offsets decrease");
      items = offsets[length]!;
    }
    expectThat(builder.layerLength(layer - 1) === items, `${builder.layerLength(layer - 1)} entries below ${items}`);
  }
  const length = builder.layerLength(0);
  const nullBitmap = builder.layerValidity(0);
  const slots = { length, nullBitmap, nullCount: builder.layerNullCount(0) };
  checkData(buildLeaf(type, { path: leaf.path, shape: leaf.shape, builder, isJson }, slots), leaf.path);
}
