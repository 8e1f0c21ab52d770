import type { CompressiveEncoding } from "../../proto/gen/lance/encodings21_pb.ts";
import type { ColumnInfo, PageInfo } from "./column-metadata.ts";
import type { ArrayColumnInfo, ArrayPageInfo } from "./v20/array-metadata.ts";

/** Writers close a page at about so many bytes of values, however few of them it stores. */
const PAGE_VALUE_BYTES = 8 * 1024 * 1024;
/** LZ4 stores no fewer bytes than this share of what it was given. */
const MAX_LZ4_RATIO = 255;

/**
 * Bytes one row of a column takes in memory where rows are largest: as stored, as one value of a dictionary or a constant,
 * or, where only decoding would tell, as rows of a page that was full. Pure.
 */
export function estimateRowBytes(column: ColumnInfo): number {
  return findLargest(column.pages, (page, fullRowBytes) => Math.max(storedBytes(page), expand(page, fullRowBytes)));
}

/** As {@link estimateRowBytes}, of a column of a file 2.0, whose pages have items. */
export function estimateItemBytes(column: ArrayColumnInfo): number {
  const pages = column.pages.map((page) => ({ ...page, numRows: page.numItems }));
  return findLargest(pages, (page, fullRowBytes) => {
    const stored = storedBytes(page);
    const numEntries = countDictionary(page);
    if (numEntries === undefined) return stored;
    return Math.max(stored, Math.min(fullRowBytes, (stored * page.numItems) / Math.max(1, numEntries)));
  });
}

interface AnyPage {
  readonly buffers: readonly { readonly length: number }[];
  readonly numRows: number;
}

/** @param estimate bytes of a row of a page, told what a row has where this page and a neighbour were full */
function findLargest<P extends AnyPage>(pages: readonly P[], estimate: (page: P, fullRowBytes: number) => number) {
  let largest = 0;
  for (const [i, page] of pages.entries()) {
    // Pages that were cut short stand between full ones.
    const neighbour = pages[i + 1] ?? pages[i - 1];
    const numFull = neighbour ? 2 : 1;
    const fullRowBytes = (numFull * PAGE_VALUE_BYTES) / Math.max(1, page.numRows + (neighbour?.numRows ?? 0));
    largest = Math.max(largest, estimate(page, fullRowBytes));
  }
  return largest;
}

function storedBytes({ buffers, numRows }: AnyPage): number {
  return buffers.reduce((sum, { length }) => sum + length, 0) / Math.max(1, numRows);
}

function expand({ buffers, layout: { layout } }: PageInfo, fullRowBytes: number): number {
  switch (layout.case) {
    case "constant":
      return layout.value.inlineValue?.length ?? (buffers.length % 2 === 1 ? buffers[0]!.length : 0);
    case "fullZip":
      return isCompressed(layout.value.valueCompression) ? fullRowBytes : 0;
    case "miniBlock": {
      const { dictionary, numDictionaryItems } = layout.value;
      if (!dictionary) return 0;
      const entryBytes = (buffers[2]?.length ?? 0) / Math.max(1, Number(numDictionaryItems));
      return isCompressed(dictionary) ? Math.min(fullRowBytes, entryBytes * MAX_LZ4_RATIO) : entryBytes;
    }
    default:
      return 0;
  }
}

/** Whether it is of a general scheme, whose contents may be of any size. */
function isCompressed(encoding: CompressiveEncoding | undefined): boolean {
  return encoding?.compression.case === "general";
}

/** Entries of the dictionary, where a page has one. */
function countDictionary(page: ArrayPageInfo): number | undefined {
  let { arrayEncoding } = page.encoding;
  if (arrayEncoding.case === "nullable") {
    const { nullability } = arrayEncoding.value;
    const inner = nullability.case === "allNulls" ? undefined : nullability.value?.values?.arrayEncoding;
    if (inner) arrayEncoding = inner;
  }
  return arrayEncoding.case === "dictionary" ? arrayEncoding.value.numDictionaryItems : undefined;
}
