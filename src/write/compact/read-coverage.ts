import { getEffectiveCoverage, listSegments } from "../../index/metadata.ts";
import { findFamily, getNewestVersion, holdsRowAddresses, nameIndexType } from "../../index/registry.ts";
import type { IndexSegment } from "../../index/segment.ts";
import type { IndexMetadata } from "../../proto/gen/lance/table_pb.ts";
import { isSystemIndex } from "../../table/commit/index-identity.ts";
import type { Snapshot } from "../../table/snapshot.ts";

/** Fragments a compaction leaves as they are, because an index over them cannot be written anew here. */
export interface HeldBack {
  readonly indexName: string;
  /** As native names it. */
  readonly indexType: string;
  readonly fragmentIds: readonly number[];
}

/** What the index segments of a table mean to a compaction. */
export interface IndexCoverage {
  /** Live fragments of each segment: a task must lie inside or outside of each. */
  readonly coverages: readonly ReadonlySet<number>[];
  /** Segments that hold row addresses and can be written anew with others. */
  readonly remappable: readonly IndexSegment[];
  readonly heldBack: readonly HeldBack[];
}

/**
 * Sorts the index segments of a version: those to be remapped when fragments they cover move, and those that cannot be,
 * whose fragments are held back. Segments of stable row ids follow their rows and need nothing.
 *
 * @param options.dropIndexCoverage segments that cannot be remapped let go of what moves; their fragments are not held
 * @param options.deferIndexRemap nothing is remapped now, and so nothing held
 */
export async function readIndexCoverage(
  snapshot: Snapshot,
  options: { readonly dropIndexCoverage: boolean; readonly deferIndexRemap: boolean },
): Promise<IndexCoverage> {
  const coverages: ReadonlySet<number>[] = [];
  const remappable: IndexSegment[] = [];
  const heldBack: HeldBack[] = [];
  for (const { segment, metadata } of await listSegments(snapshot)) {
    if (isSystemIndex(metadata)) continue;
    // Coverage that is not recorded may be any.
    const isKnown = metadata.fragmentBitmap.length > 0;
    const live = isKnown ? getEffectiveCoverage(segment, snapshot) : snapshot.fragments.map(({ id }) => id);
    if (live.length === 0) continue;
    coverages.push(new Set(live));
    if (options.deferIndexRemap || (snapshot.stableRowIds && !holdsRowAddresses(metadata))) continue;
    if (isKnown && (await isRemappable(segment, metadata))) remappable.push(segment);
    // With stable row ids native lets go of them too, without a word: a scan takes over.
    else if (!isKnown || !(options.dropIndexCoverage || snapshot.stableRowIds)) {
      heldBack.push({ indexName: segment.name, indexType: await nameIndexType(segment), fragmentIds: live });
    }
  }
  return { coverages, remappable, heldBack };
}

async function isRemappable(segment: IndexSegment, metadata: IndexMetadata): Promise<boolean> {
  if (metadata.fields.length !== 1 || metadata.coveringFields.length > 0) return false;
  const family = await findFamily(segment);
  return family !== undefined && segment.indexVersion <= getNewestVersion(family);
}
