import { LanceError } from "../../errors.ts";
import { fileColumns, type LanceFile } from "../../format/read/file.ts";
import type { ScalarQuery } from "../segment.ts";
import { createMatcher, type ValueMatcher } from "./match-query.ts";
import { BATCH_SIZE_KEY, DEFAULT_BATCH_SIZE } from "./page-files.ts";
import { concatColumns, fromArrowData, isNullAt, type ValueColumn } from "./value-column.ts";
import type { ValueType } from "./value-type.ts";

/** The table of pages, held in memory: two values and eight bytes per page. */
export interface PageLookup {
  readonly type: ValueType;
  readonly numPages: number;
  readonly batchSize: number;
  readonly min: ValueColumn;
  readonly max: ValueColumn;
  readonly nullCounts: Uint32Array;
  /** Page numbers in the data file. */
  readonly pages: Uint32Array;
}

/** A page to look at. `all`: every row counts, its values need not be read. */
export interface PageToRead {
  readonly page: number;
  readonly all: boolean;
}

/** Rows per page, as the lookup file records it. @throws CORRUPT */
export function readBatchSize(file: LanceFile): number {
  const batchSize = Number(file.metadata[BATCH_SIZE_KEY] ?? DEFAULT_BATCH_SIZE);
  if (Number.isSafeInteger(batchSize) && batchSize >= 1) return batchSize;
  throw new LanceError(
    "CORRUPT",
    `${file.path}: expected a ${BATCH_SIZE_KEY} of at least 1, received ${file.metadata[BATCH_SIZE_KEY]}`,
    { path: file.path, batchSize: file.metadata[BATCH_SIZE_KEY] },
  );
}

/** Reads the whole lookup file. @throws CORRUPT */
export async function readPageLookup(file: LanceFile, type: ValueType, signal?: AbortSignal): Promise<PageLookup> {
  const batchSize = readBatchSize(file);
  const columns = fileColumns(file);
  const names = columns.map((column) => column.field.name);
  if (names.join() !== "min,max,null_count,page_idx") {
    throw new LanceError(
      "CORRUPT",
      `${file.path} is no BTREE lookup: expected columns min, max, null_count, page_idx, received ${names.join(", ")}`,
      { path: file.path, columns: names },
    );
  }
  const mins: ValueColumn[] = [];
  const maxes: ValueColumn[] = [];
  const nullCounts = new Uint32Array(file.numRows);
  const pages = new Uint32Array(file.numRows);
  let row = 0;
  for await (const batch of file.read(columns, { kind: "all" }, { signal })) {
    const [min, max, nullCount, page] = batch.data.children;
    mins.push(fromArrowData(type, min!));
    maxes.push(fromArrowData(type, max!));
    nullCounts.set((nullCount!.values as Uint32Array).subarray(0, batch.numRows), row);
    pages.set((page!.values as Uint32Array).subarray(0, batch.numRows), row);
    row += batch.numRows;
  }
  return {
    type,
    numPages: row,
    batchSize,
    min: concatColumns(type, mins),
    max: concatColumns(type, maxes),
    nullCounts,
    pages,
  };
}

/** Rows of page `page` in the data file. */
export function getPageRange(lookup: PageLookup, page: number, numRows: number): [start: number, end: number] {
  const start = page * lookup.batchSize;
  return [start, Math.min(start + lookup.batchSize, numRows)];
}

/** Refuses a lookup that names rows the data file does not have. @throws CORRUPT */
export function checkPageLookup(lookup: PageLookup, numRows: number, path: string): void {
  const expected = Math.ceil(numRows / lookup.batchSize);
  const valid = lookup.numPages === expected && new Set(lookup.pages).size === expected;
  if (!valid || lookup.pages.some((page) => page >= expected)) {
    throw new LanceError(
      "CORRUPT",
      `${path} has ${numRows} rows in pages of ${lookup.batchSize}: expected ${expected} lookup rows, one per page, ` +
        `received ${lookup.numPages}`,
      { path, numRows, batchSize: lookup.batchSize, received: lookup.numPages },
    );
  }
}

/** The pages a query must see. Pages with NULLs are always among them: three-valued logic needs those rows. */
export function planPages(
  lookup: PageLookup,
  query: ScalarQuery,
  numRows: number,
): { pages: PageToRead[]; matcher: ValueMatcher | null } {
  const matcher = query.kind === "isNull" ? null : createMatcher(lookup.type, query);
  const pages: PageToRead[] = [];
  for (let i = 0; i < lookup.numPages; i++) {
    const page = lookup.pages[i]!;
    const numNulls = lookup.nullCounts[i]!;
    if (matcher === null) {
      const [start, end] = getPageRange(lookup, page, numRows);
      if (numNulls > 0) pages.push({ page, all: numNulls === end - start });
      continue;
    }
    const match = isNullAt(lookup.max, i) ? "none" : matcher.matchPage(lookup.min, lookup.max, i);
    if (match !== "none" || numNulls > 0) pages.push({ page, all: match === "all" && numNulls === 0 });
  }
  return { pages, matcher };
}
