import type { LanceField } from "../format/schema.ts";
import { decodeBase64 } from "../index/base64.ts";
import { getEffectiveCoverage, listSegments } from "../index/metadata.ts";
import { findFamily } from "../index/registry.ts";
import type { IndexFamily, IndexSegment } from "../index/segment.ts";
import type { Snapshot } from "../table/snapshot.ts";

/** One logical index of a snapshot, as the planner sees it. */
export interface LogicalIndex {
  readonly name: string;
  readonly field: LanceField;
  readonly family: IndexFamily;
  /** As native prints it: `BTree`, `IVF_FLAT`. */
  readonly displayName: string;
  /** The protobuf that describes it, of its newest segment. */
  readonly details: Uint8Array;
  /** Segments that cover at least one fragment of this version. */
  readonly segments: readonly IndexSegment[];
  /** Fragments of this version that its segments cover. */
  readonly coverage: ReadonlySet<number>;
}

const catalogs = new WeakMap<Snapshot, Promise<LogicalIndex[]>>();

/**
 * The logical indexes this version of the library can use, read once a snapshot. Left out: families it does not know,
 * segments of a newer format, and indexes on nested columns; queries on them scan.
 */
export function loadCatalog(snapshot: Snapshot): Promise<LogicalIndex[]> {
  let catalog = catalogs.get(snapshot);
  if (!catalog) {
    catalog = readCatalog(snapshot);
    catalogs.set(snapshot, catalog);
    catalog.catch(() => catalogs.delete(snapshot));
  }
  return catalog;
}

async function readCatalog(snapshot: Snapshot): Promise<LogicalIndex[]> {
  const byName = new Map<string, IndexSegment[]>();
  for (const { segment } of await listSegments(snapshot)) {
    byName.set(segment.name, [...(byName.get(segment.name) ?? []), segment]);
  }
  const indices = await Promise.all([...byName].map(([name, segments]) => readIndex(snapshot, name, segments)));
  return indices.filter((index) => index !== undefined);
}

async function readIndex(
  snapshot: Snapshot,
  name: string,
  segments: readonly IndexSegment[],
): Promise<LogicalIndex | undefined> {
  const newest = segments.at(-1)!;
  const family = await findFamily(newest);
  const field = snapshot.schema.fields.find((candidate) => candidate.id === newest.fields[0]);
  if (!family || !field || newest.fields.length !== 1) return undefined;
  const usable: IndexSegment[] = [];
  for (const segment of segments) {
    if ((await findFamily(segment)) !== family || segment.indexVersion > newestVersion(family)) continue;
    const fragmentIds = getEffectiveCoverage(segment, snapshot);
    if (fragmentIds.length > 0) usable.push({ ...segment, fragmentIds });
  }
  const details = decodeBase64(newest.indexDetails.value, "indexDetails.value");
  return {
    name,
    field,
    family,
    displayName: family.displayName(details),
    details,
    segments: usable,
    coverage: new Set(usable.flatMap((segment) => segment.fragmentIds)),
  };
}

function newestVersion(family: IndexFamily): number {
  return Math.max(family.indexVersion(false), family.indexVersion(true));
}
