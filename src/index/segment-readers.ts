import { createBoundedCache } from "../table/bounded-cache.ts";
import { loadFragReuse } from "../table/row-ids/frag-reuse.ts";
import type { RowSet } from "../table/row-set.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { createSegmentDomain, hasDeletions, readSegmentRows } from "./live-rows.ts";
import { locateSegmentRows } from "./open-segment.ts";
import type { OpenTable } from "./open-table.ts";
import { getParts } from "./part-budgets.ts";
import { PartCache } from "./part-cache.ts";
import { getFamily } from "./registry.ts";
import type { IndexFamily, IndexSegment, SegmentReader } from "./segment.ts";

/** A segment ready to be searched at one version. */
export interface ReadySegment {
  readonly reader: SegmentReader;
  /** Rows it may answer; `undefined` = all of its domain. */
  readonly live: RowSet | undefined;
  readonly domain: ReadonlyMap<number, number>;
}

const MAX_SEGMENTS = 64;
const DEFAULT_PART_BYTES = 64 * 2 ** 20;

/** A reader that segments of several versions share, as long as they cover the same rows. */
interface SharedReader {
  readonly key: string;
  readonly promise: Promise<SegmentReader>;
  /** Ready segments that hold it; the last one that leaves closes it. */
  users: number;
}

interface HeldSegment extends ReadySegment {
  readonly shared: SharedReader;
}

const sharedReaders = new Map<string, SharedReader>();
const segments = createBoundedCache<HeldSegment>({
  maxCost: MAX_SEGMENTS,
  costOf: () => 1,
  release: ({ shared }) => releaseReader(shared),
});

/**
 * Opens a segment, or gives the one this thread keeps open for the table. A commit that leaves the segment's fragments
 * alone opens nothing anew.
 * @param memoryBudgetBytes bytes of parts this thread may keep
 */
export async function openReader(
  table: OpenTable,
  segment: IndexSegment,
  options: { readonly memoryBudgetBytes?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<ReadySegment> {
  const { memoryBudgetBytes = DEFAULT_PART_BYTES, signal } = options;
  if (table.key === null) {
    // Nothing of this table outlives the job, so what it decodes must not either.
    const family = await getFamily(segment);
    const domain = createSegmentDomain(table.snapshot, segment, family.rowIdDomain);
    const context = { signal, memoryBudgetBytes, domain, parts: new PartCache(memoryBudgetBytes) };
    const [reader, live] = await settleAll([
      openSegment(table, segment, family, context),
      readLive(table, segment, family, signal),
    ]);
    return { reader, live, domain };
  }
  const held = `${table.key}/${segment.uuid}/${memoryBudgetBytes}`;
  return segments.get(held, () => hold(table, segment, memoryBudgetBytes), signal);
}

async function hold(table: OpenTable, segment: IndexSegment, memoryBudgetBytes: number): Promise<HeldSegment> {
  const family = await getFamily(segment);
  const domain = createSegmentDomain(table.snapshot, segment, family.rowIdDomain);
  // A segment's uuid names its bytes only within one store: copies may have been tampered with, or written anew.
  // What is read of it also depends on where compactions that left it alone moved its rows.
  const reuse = await loadFragReuse(table.snapshot);
  const scope = `${table.storeKey}/${table.snapshot.stableRowIds}/${reuse?.uuid ?? ""}/`;
  const parts = getParts(memoryBudgetBytes, scope);
  const key = `${scope}${segment.uuid}/${memoryBudgetBytes}/${JSON.stringify([...domain])}`;
  const shared = shareReader(key, () => openSegment(table, segment, family, { memoryBudgetBytes, domain, parts }));
  try {
    const [reader, live] = await settleAll([shared.promise, readLive(table, segment, family)]);
    return { reader, live, domain, shared };
  } catch (error) {
    releaseReader(shared);
    throw error;
  }
}

function shareReader(key: string, open: () => Promise<SegmentReader>): SharedReader {
  const known = sharedReaders.get(key);
  const shared = known ?? { key, promise: open(), users: 0 };
  shared.users++;
  sharedReaders.set(key, shared);
  return shared;
}

/** A search under way goes on with a reader that is closed: what it holds of it is on lease. */
function releaseReader(shared: SharedReader): void {
  shared.users--;
  if (shared.users > 0) return;
  sharedReaders.delete(shared.key);
  shared.promise.then(
    (reader) => reader.close(),
    () => {},
  );
}

async function openSegment(
  { snapshot }: OpenTable,
  segment: IndexSegment,
  family: IndexFamily,
  context: Parameters<IndexFamily["open"]>[1],
): Promise<SegmentReader> {
  const { stableRowIds } = snapshot;
  return family.open(await locateSegmentRows(snapshot, segment), { ...context, stableRowIds });
}

async function readLive(
  { snapshot }: OpenTable,
  segment: IndexSegment,
  family: IndexFamily,
  signal?: AbortSignal,
): Promise<RowSet | undefined> {
  const isStable = snapshot.stableRowIds && family.rowIdDomain === "stableRowId";
  if (!isStable && !hasDeletions(snapshot, segment)) return undefined;
  return readSegmentRows(snapshot, segment, family.rowIdDomain, signal);
}
