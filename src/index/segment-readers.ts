import { createBoundedCache } from "../table/bounded-cache.ts";
import type { RowSet } from "../table/row-set.ts";
import { createSegmentDomain, hasDeletions, readSegmentRows } from "./live-rows.ts";
import { locateSegment } from "./open-segment.ts";
import type { OpenTable } from "./open-table.ts";
import { PartCache } from "./part-cache.ts";
import { getFamily } from "./registry.ts";
import type { IndexSegment, SegmentReader } from "./segment.ts";

/** A segment ready to be searched at one version. */
export interface ReadySegment {
  readonly reader: SegmentReader;
  /** Rows it may answer; `undefined` = all of its domain. */
  readonly live: RowSet | undefined;
  readonly domain: ReadonlyMap<number, number>;
}

const MAX_READERS = 64;
const DEFAULT_PART_BYTES = 64 * 2 ** 20;
const readers = createBoundedCache<ReadySegment>({ maxCost: MAX_READERS, costOf: () => 1 });
const parts = new PartCache(DEFAULT_PART_BYTES);
let partBytes = DEFAULT_PART_BYTES;

/** The parts all readers of this thread share, within the newest budget that was given. */
function getParts(memoryBudgetBytes: number | undefined): PartCache {
  if (memoryBudgetBytes !== undefined && memoryBudgetBytes !== partBytes) {
    partBytes = memoryBudgetBytes;
    parts.resize(partBytes);
  }
  return parts;
}

/** Bytes of index parts this thread holds. */
export function getCachedPartBytes(): number {
  return parts.bytes;
}

/**
 * Opens a segment, or gives the one this thread keeps open for the table.
 * @param memoryBudgetBytes bytes of parts this thread may keep
 */
export async function openReader(
  table: OpenTable,
  segment: IndexSegment,
  options: { readonly memoryBudgetBytes?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<ReadySegment> {
  const { signal } = options;
  const shared = getParts(options.memoryBudgetBytes);
  if (table.key === null) {
    // Nothing of this table outlives the job, so what it decodes must not either.
    return open(table, segment, partBytes, new PartCache(partBytes), signal);
  }
  return readers.get(`${table.key}/${segment.uuid}`, () => open(table, segment, partBytes, shared), signal);
}

async function open(
  table: OpenTable,
  segment: IndexSegment,
  memoryBudgetBytes: number,
  cache: PartCache,
  signal?: AbortSignal,
): Promise<ReadySegment> {
  const { snapshot } = table;
  const family = await getFamily(segment);
  const domain = createSegmentDomain(snapshot, segment, family.rowIdDomain);
  const mustMask = hasDeletions(snapshot, segment) || (snapshot.stableRowIds && family.rowIdDomain === "stableRowId");
  const [reader, live] = await Promise.all([
    family.open(locateSegment(snapshot, segment), {
      signal,
      memoryBudgetBytes,
      domain,
      parts: cache,
      stableRowIds: snapshot.stableRowIds,
    }),
    mustMask ? readSegmentRows(snapshot, segment, family.rowIdDomain, signal) : undefined,
  ]);
  return { reader, live, domain };
}
