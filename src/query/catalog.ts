import type { LanceField } from "../format/schema.ts";
import { decodeBase64 } from "../index/base64.ts";
import { getEffectiveCoverage, listSegments } from "../index/metadata.ts";
import { readIndexMetric } from "../index/read-metric.ts";
import { findFamily, getNewestVersion, nameIndexType } from "../index/registry.ts";
import type { IndexFamily, IndexSegment } from "../index/segment.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";

/** One logical index of a snapshot, as the planner sees it. */
export interface LogicalIndex {
  readonly name: string;
  readonly field: LanceField;
  readonly family: IndexFamily;
  /** As native prints it: `BTree`, `IVF_FLAT`. */
  readonly displayName: string;
  /** The protobuf that describes it, of its newest segment. */
  readonly details: Uint8Array;
  /** Of a vector index, `null` where neither details nor files say; `null` of others. */
  readonly metric: string | null;
  /** Segments that cover at least one fragment of this version; none of an index that is still to be trained. */
  readonly segments: readonly IndexSegment[];
  /** Fragments of this version that its segments cover. */
  readonly coverage: ReadonlySet<number>;
}

/** A logical index that queries of this version must do without. */
export interface UnusableIndex {
  readonly name: string;
  readonly fieldIds: readonly number[];
  /** As native prints its type, where it is known. */
  readonly displayName: string;
  /** Of a vector index; `null` of others. */
  readonly metric: string | null;
}

/** The logical indexes of a snapshot. */
export interface Catalog {
  readonly indices: readonly LogicalIndex[];
  readonly unusable: readonly UnusableIndex[];
}

const catalogs = new WeakMap<Snapshot, Promise<Catalog>>();

/**
 * The logical indexes of a snapshot, read once. Unusable are families this version does not know, segments of a newer
 * format only, and indexes on nested columns: queries on them scan, and their plans say so.
 */
export function loadCatalog(snapshot: Snapshot): Promise<Catalog> {
  let catalog = catalogs.get(snapshot);
  if (!catalog) {
    catalog = readCatalog(snapshot);
    catalogs.set(snapshot, catalog);
    catalog.catch(() => catalogs.delete(snapshot));
  }
  return catalog;
}

/** Live rows of some fragments that an index covers. */
export function countCoveredRows(snapshot: Snapshot, index: LogicalIndex, fragmentIds: readonly number[]): number {
  return fragmentIds
    .filter((id) => index.coverage.has(id))
    .reduce((sum, id) => sum + getFragment(snapshot, id).numRows, 0);
}

async function readCatalog(snapshot: Snapshot): Promise<Catalog> {
  const byName = new Map<string, IndexSegment[]>();
  for (const { segment } of await listSegments(snapshot)) {
    byName.set(segment.name, [...(byName.get(segment.name) ?? []), segment]);
  }
  const read = await settleAll([...byName].map(([name, segments]) => readIndex(snapshot, name, segments)));
  return {
    indices: read.filter((index): index is LogicalIndex => "family" in index),
    unusable: read.filter((index): index is UnusableIndex => !("family" in index)),
  };
}

async function readIndex(
  snapshot: Snapshot,
  name: string,
  segments: readonly IndexSegment[],
): Promise<LogicalIndex | UnusableIndex> {
  const newest = segments.at(-1)!;
  const family = await findFamily(newest);
  const field = snapshot.schema.fields.find((candidate) => candidate.id === newest.fields[0]);
  const usable: IndexSegment[] = [];
  // An index may be one a query could ask, and cover nothing yet.
  let readable = false;
  if (family && field && newest.fields.length === 1) {
    for (const segment of segments) {
      if ((await findFamily(segment)) !== family || segment.indexVersion > getNewestVersion(family)) continue;
      // Before its version for them, such a segment held stable row ids, where addresses are read now.
      const holdsIds = family.rowIdDomain === "address" && segment.indexVersion < family.indexVersion(true);
      if (snapshot.stableRowIds && holdsIds) continue;
      readable = true;
      const fragmentIds = getEffectiveCoverage(segment, snapshot);
      if (fragmentIds.length > 0) usable.push({ ...segment, fragmentIds });
    }
  }
  if (!family || !field || !readable) {
    return {
      name,
      fieldIds: newest.fields,
      displayName: await nameIndexType(newest),
      metric: await readIndexMetric(snapshot, newest),
    };
  }
  const details = decodeBase64(newest.indexDetails.value, "indexDetails.value");
  return {
    name,
    field,
    family,
    displayName: family.displayName(details),
    details,
    metric: family.queryKind === "vector" ? await readIndexMetric(snapshot, newest) : null,
    segments: usable,
    coverage: new Set(usable.flatMap((segment) => segment.fragmentIds)),
  };
}
