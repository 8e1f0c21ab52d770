import { LanceError, throwIfAborted } from "../../errors.ts";
import { type LanceFile, openLanceFile } from "../../format/read/file.ts";
import { RowSet } from "../../table/row-set.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { checkRowCount } from "../check-rows.ts";
import { type ReadCounts, withReadCounts } from "../count-reads.ts";
import { PartCache, type PartLease } from "../part-cache.ts";
import { startSearchMetrics } from "../search-metrics.ts";
import type { IndexFamily, OpenSegment, ScalarAnswer, SegmentQuery, SegmentReader } from "../segment.ts";
import { getSegmentFile } from "../segment-path.ts";
import type { ValueMatcher } from "./match-query.ts";
import { PAGE_DATA, PAGE_LOOKUP } from "./page-files.ts";
import {
  checkPageLookup,
  getPageRange,
  type PageLookup,
  type PageToRead,
  planPages,
  readPageLookup,
} from "./page-lookup.ts";
import { type BTreePage, readPages } from "./read-pages.ts";
import { formatValue, getColumnBytes, isNullAt } from "./value-column.ts";
import { getValueType } from "./value-type.ts";

/** Pages read and held at once: about 2 MiB of ids. */
const WINDOW_PAGES = 32;

type OpenContext = Parameters<IndexFamily["open"]>[1];

/**
 * Opens a BTREE segment: two tails and the lookup are read, pages when a query needs them.
 * @throws NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function openBTree(open: OpenSegment, context: OpenContext): Promise<SegmentReader> {
  const counts: ReadCounts = { reads: 0, bytes: 0 };
  const { signal } = context;
  const { lookup: file, data } = await openBTreeFiles({ ...open, store: withReadCounts(open.store, counts) }, signal);
  const lookup = await readPageLookup(file, getValueType(open.field), signal);
  checkPageLookup(lookup, data.numRows, data.path);
  return createReader(open, context, { lookup, data, counts });
}

/**
 * Opens the two files of a segment and checks that they hold values of the column's type. Two tails are read.
 * @throws CORRUPT, NOT_FOUND, UNSUPPORTED, IO, ABORTED
 */
export async function openBTreeFiles(
  open: OpenSegment,
  signal?: AbortSignal,
): Promise<{ readonly lookup: LanceFile; readonly data: LanceFile }> {
  const openFile = (name: string): Promise<LanceFile> => {
    const { path, sizeBytes } = getSegmentFile(open, name);
    return openLanceFile(open.store, path, { sizeBytes, signal });
  };
  const [lookup, data] = await settleAll([openFile(PAGE_LOOKUP), openFile(PAGE_DATA)]);
  for (const file of [lookup, data]) {
    checkRowCount(file);
    const received = file.schema.fields[0]?.logicalType;
    if (received === open.field.logicalType) continue;
    throw new LanceError(
      "CORRUPT",
      `${file.path} holds values of ${received}, column "${open.field.name}" is ${open.field.logicalType}: rebuild the index`,
      { path: file.path, received, expected: open.field.logicalType },
    );
  }
  return { lookup, data };
}

interface OpenFiles {
  readonly lookup: PageLookup;
  readonly data: LanceFile;
  readonly counts: ReadCounts;
}

function createReader(open: OpenSegment, context: OpenContext, files: OpenFiles): SegmentReader {
  const { lookup, data, counts } = files;
  const parts = context.parts ?? new PartCache(context.memoryBudgetBytes);
  const prefix = `${open.segment.uuid}/`;
  const lookupBytes = getColumnBytes(lookup.min) + getColumnBytes(lookup.max) + 8 * lookup.numPages;

  const leasePages = async (wanted: readonly PageToRead[], signal?: AbortSignal): Promise<PartLease<BTreePage>[]> => {
    const keyOf = ({ page, all }: PageToRead): string =>
      all && !parts.has(`${prefix}page-${page}`) ? `${prefix}ids-${page}` : `${prefix}page-${page}`;
    const missing = wanted.filter((each) => !parts.has(keyOf(each)));
    // A shared load must outlive the caller that started it, so it runs without a signal.
    const load = (all: boolean): Promise<Map<number, BTreePage>> =>
      readMissing(
        missing.filter((each) => each.all === all),
        all,
      );
    const batches = new Map<boolean, Promise<Map<number, BTreePage>>>();
    const getBatch = (all: boolean): Promise<Map<number, BTreePage>> => {
      const batch = batches.get(all) ?? load(all);
      batches.set(all, batch);
      return batch;
    };
    const leases = await Promise.allSettled(
      wanted.map((each) =>
        parts.lease(keyOf(each), async () => {
          return (await getBatch(each.all)).get(each.page) ?? (await readMissing([each], each.all)).get(each.page)!;
        }),
      ),
    );
    const failed = leases.find((lease) => lease.status === "rejected");
    if (failed || signal?.aborted) {
      for (const lease of leases) if (lease.status === "fulfilled") lease.value.release();
      throwIfAborted(signal);
      throw (failed as PromiseRejectedResult).reason;
    }
    return leases.map((lease) => (lease as PromiseFulfilledResult<PartLease<BTreePage>>).value);
  };

  const readMissing = async (wanted: readonly PageToRead[], all: boolean): Promise<Map<number, BTreePage>> => {
    const pages = wanted.map(({ page }) => page).sort((a, b) => a - b);
    const ranges = pages.map((page) => getPageRange(lookup, page, data.numRows));
    const { mapRowIds } = open;
    const read = await readPages(data, lookup.type, ranges, { withValues: !all, mapRowIds });
    return new Map(read.map((page, i) => [pages[i]!, page]));
  };

  const search = async (query: SegmentQuery, signal?: AbortSignal): Promise<ScalarAnswer> => {
    if (query.kind === "vector") throw refuseVector(open);
    const account = startSearchMetrics(counts);
    const { pages, matcher } = planPages(lookup, query, data.numRows);
    const trueRows = RowSet.empty(context.domain);
    const nullRows = RowSet.empty(context.domain);
    const giveWay = createGiveWay(signal);
    for (let at = 0; at < pages.length; at += WINDOW_PAGES) {
      const window = pages.slice(at, at + WINDOW_PAGES);
      const leases = await leasePages(window, signal);
      for (const [i, { part, fromCache, release }] of leases.entries()) {
        if (window[i]!.all) trueRows.addIds(part.ids);
        else account.metrics.comparisons += collectRows(part, matcher, trueRows, nullRows);
        account.metrics[fromCache ? "partsFromCache" : "partsLoaded"]++;
        release();
      }
      await giveWay();
    }
    return { kind: "scalar", trueRows, nullRows, exactness: "exact", metrics: account.stop() };
  };

  return {
    rowIdDomain: open.segment.indexVersion >= 1 || !context.stableRowIds ? "address" : "stableRowId",
    numRows: data.numRows,
    cachedBytes: () => parts.bytes + lookupBytes,
    statistics: async () => ({}),
    async search(query, options) {
      const answer = await search(query, options.signal);
      const { mask } = options;
      return mask ? { ...answer, trueRows: answer.trueRows.and(mask), nullRows: answer.nullRows.and(mask) } : answer;
    },
    async describe() {
      return describeLookup(lookup);
    },
    async prewarm(signal) {
      for (let at = 0; at < lookup.numPages && parts.bytes < context.memoryBudgetBytes; at += WINDOW_PAGES) {
        const window = [...lookup.pages.subarray(at, at + WINDOW_PAGES)].map((page) => ({ page, all: false }));
        for (const lease of await leasePages(window, signal)) lease.release();
      }
      // What was read ahead is no search's doing.
      startSearchMetrics(counts).stop();
    },
    close() {
      parts.drop(prefix);
      data.close();
    },
  };
}

/** Adds the rows of one page. @returns the values compared */
function collectRows(page: BTreePage, matcher: ValueMatcher | null, trueRows: RowSet, nullRows: RowSet): number {
  const column = page.column!;
  const halves = new Uint32Array(page.ids.buffer, page.ids.byteOffset, page.ids.length * 2);
  for (let i = 0; i < column.length; i++) {
    if (isNullAt(column, i)) (matcher === null ? trueRows : nullRows).add(halves[2 * i + 1]!, halves[2 * i]!);
    else if (matcher?.matchRow(column, i)) trueRows.add(halves[2 * i + 1]!, halves[2 * i]!);
  }
  return matcher === null ? 0 : column.length - column.nullCount;
}

/** As native's statistics: the first and last bound in page order. */
function describeLookup(lookup: PageLookup): Readonly<Record<string, unknown>> {
  const { numPages } = lookup;
  if (numPages === 0) return { num_pages: 0, min: null, max: null };
  return { num_pages: numPages, min: formatValue(lookup.min, 0), max: formatValue(lookup.max, numPages - 1) };
}

function refuseVector(open: OpenSegment): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `segment ${open.segment.uuid} is a BTREE: it takes predicates, not vectors`,
    {
      uuid: open.segment.uuid,
    },
  );
}
