import { create } from "@bufbuild/protobuf";
import type { EncodeKernels } from "../../kernels/encode.ts";
import { PageLayoutSchema } from "../../proto/gen/lance/encodings21_pb.ts";
import type { GiveWay } from "../../tasks/give-way.ts";
import { encodeNulls, encodeValues } from "./compress/encode-values.ts";
import { readRequest } from "./compress/read-request.ts";
import type { EncodedPage } from "./encodings.ts";
import type { LanceFileVersion } from "./file-writer.ts";
import { type ItemRun, sliceItems } from "./item-buffer.ts";
import { type PageLevels, sliceLevels } from "./levels.ts";

/** Longer runs of null and empty lists get a page of their own, else their levels would not fit a chunk. */
const MAX_BARE_ROWS = 8192;

/** What an encoder may know of the rows beside their values and levels. */
export interface EncodePageOptions {
  readonly numRows: number;
  readonly version: LanceFileVersion;
  /** Of the leaf field, where a user may ask for a compression. */
  readonly metadata: Readonly<Record<string, Uint8Array>>;
  /** Of the leaf field: text may be coded by symbols. */
  readonly logicalType: string;
  readonly kernels: EncodeKernels;
  readonly giveWay: GiveWay;
}

/** Some rows of a page. */
interface PagePart {
  readonly items: ItemRun;
  readonly levels: PageLevels;
  readonly numRows: number;
}

/** Encodes collected rows as pages: one, or a few where long runs of null and empty lists are cut out. */
export async function encodePage(
  items: ItemRun,
  levels: PageLevels,
  options: EncodePageOptions,
): Promise<EncodedPage[]> {
  const parts = cutBareRuns({ items, levels, numRows: options.numRows });
  const pages: EncodedPage[] = [];
  for (const part of parts) {
    pages.push(await encodePart(part, options));
    await options.giveWay();
  }
  return pages;
}

function encodePart(
  { items, levels, numRows }: PagePart,
  options: EncodePageOptions,
): EncodedPage | Promise<EncodedPage> {
  if (items.numNulls === items.count) return encodeNullPage({ items, levels, numRows }, options);
  return encodeValues(items, levels, {
    numRows,
    version: options.version,
    isText: options.logicalType === "string" || options.logicalType === "large_string",
    request: readRequest(options.metadata),
    kernels: options.kernels,
    giveWay: options.giveWay,
  });
}

/** A page without one valid item: the levels, where there is more than one way to be null, and no values. */
function encodeNullPage({ levels, numRows }: PagePart, options: EncodePageOptions): EncodedPage {
  const layout = create(PageLayoutSchema, { layout: { case: "constant", value: { layers: levels.layers } } });
  if (levels.repetition === null && levels.layers.length === 1) return { numRows, buffers: [], layout };
  if (options.version === "2.2") return encodeNulls(levels, { numRows, kernels: options.kernels });
  return { numRows, buffers: [bytesOf(levels.repetition), bytesOf(levels.definition)], layout };
}

function bytesOf(levels: Uint16Array | null): Uint8Array {
  return levels ? new Uint8Array(levels.buffer, levels.byteOffset, levels.byteLength) : new Uint8Array(0);
}

function cutBareRuns(page: PagePart): PagePart[] {
  const { items, levels } = page;
  const { repetition, definition, maxRepetition, maxVisible } = levels;
  if (repetition === null || definition === null || items.numNulls === items.count) return [page];
  const parts: PagePart[] = [];
  const start = { level: 0, item: 0, row: 0 };
  const closePart = (level: number, item: number, row: number) => {
    if (row > start.row) {
      parts.push({
        items: sliceItems(items, start.item, item),
        levels: sliceLevels(levels, start.level, level),
        numRows: row - start.row,
      });
    }
    Object.assign(start, { level, item, row });
  };
  // The run of rows without items that ends before `row`, and the row now read.
  let run = { level: 0, item: 0, row: 0 };
  let current = { level: 0, item: 0, row: -1 };
  let item = 0;
  const endRow = (level: number) => {
    if (current.row < 0 || item === current.item) return;
    if (current.row - run.row >= MAX_BARE_ROWS) {
      closePart(run.level, run.item, run.row);
      closePart(current.level, current.item, current.row);
    }
    run = { level, item, row: current.row + 1 };
  };
  for (let level = 0; level < levels.count; level++) {
    if (repetition[level] === maxRepetition) {
      endRow(level);
      current = { level, item, row: current.row + 1 };
    }
    if (definition[level]! <= maxVisible) item++;
  }
  endRow(levels.count);
  if (page.numRows - run.row >= MAX_BARE_ROWS) closePart(run.level, run.item, run.row);
  closePart(levels.count, item, page.numRows);
  return parts;
}
