import { create } from "@bufbuild/protobuf";
import { PageLayoutSchema } from "../../proto/gen/lance/encodings21_pb.ts";
import { NULL_LIST, type PageRows } from "./column-buffer.ts";
import type { EncodedPage } from "./encodings.ts";
import { encodeFullZipPage } from "./full-zip.ts";
import { type ItemRun, sliceItems } from "./item-buffer.ts";
import { buildLevels, LAYER, type PageLevels } from "./levels.ts";
import { encodeMiniBlockPage } from "./mini-block.ts";

/** Rows this wide are zipped (native's bound), so that a take reads exactly its row. */
const FULL_ZIP_FIXED_BYTES = 256;
/** Below this at least two strings share a mini-block chunk. */
const FULL_ZIP_VARIABLE_BYTES = 4096;
/** Longer runs of null and empty lists get a page of their own, else their levels would not fit a chunk. */
const MAX_BARE_ROWS = 1024;

/** Encodes collected rows as pages: one, or a few where long runs of null and empty lists are cut out. */
export function encodePages(rows: PageRows, options: { largeChunks: boolean }): EncodedPage[] {
  return cutBareRuns(rows).map((part) => encodePage(part, options));
}

function encodePage(rows: PageRows, options: { largeChunks: boolean }): EncodedPage {
  const { items, numRows } = rows;
  if (rows.listLengths === null && items.numNulls === items.count) return encodeAllNullPage(numRows);
  const levels = buildLevels(rows);
  if (items.numNulls === items.count) return encodeBarePage(levels, numRows);
  if (needsFullZip(items)) return encodeFullZipPage(items, levels, numRows);
  return encodeMiniBlockPage(items, levels, { numRows, largeChunks: options.largeChunks });
}

function needsFullZip(items: ItemRun): boolean {
  const { type } = items;
  if (type.kind === "fixed") return type.byteWidth >= FULL_ZIP_FIXED_BYTES;
  if (type.kind === "fixedSizeList") return type.byteWidth * type.dimension >= FULL_ZIP_FIXED_BYTES;
  if (type.kind !== "variable") return false;
  for (let i = 0; i < items.count; i++) {
    if (items.ends[i + 1]! - items.ends[i]! >= FULL_ZIP_VARIABLE_BYTES) return true;
  }
  return false;
}

function encodeAllNullPage(numRows: number): EncodedPage {
  const layout = create(PageLayoutSchema, { layout: { case: "constant", value: { layers: [LAYER.nullableItem] } } });
  return { numRows, buffers: [], layout };
}

/** A list page without one valid item: plain levels, no values. */
function encodeBarePage(levels: PageLevels, numRows: number): EncodedPage {
  const layout = create(PageLayoutSchema, { layout: { case: "constant", value: { layers: levels.layers } } });
  return { numRows, buffers: [bytesOf(levels.repetition), bytesOf(levels.definition)], layout };
}

function bytesOf(levels: Uint16Array | null): Uint8Array {
  return levels ? new Uint8Array(levels.buffer, levels.byteOffset, levels.byteLength) : new Uint8Array(0);
}

function cutBareRuns(rows: PageRows): PageRows[] {
  const { listLengths } = rows;
  if (listLengths === null || rows.items.numNulls === rows.items.count) return [rows];
  const parts: PageRows[] = [];
  let partRow = 0;
  let partItem = 0;
  let runRow = 0;
  let item = 0;
  const closePart = (endRow: number) => {
    if (endRow > partRow) {
      parts.push({
        numRows: endRow - partRow,
        listLengths: listLengths.subarray(partRow, endRow),
        items: sliceItems(rows.items, partItem, item),
      });
    }
    partRow = endRow;
    partItem = item;
  };
  for (let row = 0; row <= listLengths.length; row++) {
    const length = row < listLengths.length ? listLengths[row]! : 1;
    if (length === 0 || length === NULL_LIST) continue;
    if (row - runRow >= MAX_BARE_ROWS) {
      closePart(runRow);
      closePart(row);
    }
    runRow = row + 1;
    if (row < listLengths.length) item += length;
  }
  closePart(rows.numRows);
  return parts;
}
