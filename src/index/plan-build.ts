import { LanceError } from "../errors.ts";
import { checkSegmentShapes } from "./check-shape.ts";
import { checkCallOptions } from "./params.ts";
import type { IndexSegment } from "./segment.ts";

/** A fragment as a plan sees it. */
export interface PlannedFragment {
  readonly id: number;
  readonly numRows: number;
}

/** How much larger the largest group may be for the groups to be runs of neighbours. */
const RUN_TOLERANCE = 1.1;

/**
 * Splits fragments into at most `numWorkers` groups of about equal rows, one segment each. Groups are runs of neighbours
 * where those are about as even as any, since a compaction only joins neighbours that the same segments cover; else the
 * largest fragment first, always to the group with the fewest rows. Pure.
 * @returns fragment ids, ascending within a group; one empty group for a table without fragments
 */
export function planBuild(fragments: readonly PlannedFragment[], numWorkers: number): number[][] {
  if (!Number.isInteger(numWorkers) || numWorkers < 1) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `numWorkers: expected a whole number of at least 1, received ${numWorkers}`,
      {
        received: numWorkers,
      },
    );
  }
  const numGroups = Math.max(1, Math.min(numWorkers, fragments.length));
  const even = groupLargestFirst(fragments, numGroups);
  const runs = groupRuns(fragments, numGroups);
  const heaviest = (groups: readonly Group[]): number => Math.max(...groups.map(({ rows }) => rows));
  const groups = heaviest(runs) <= RUN_TOLERANCE * heaviest(even) ? runs : even;
  return groups.map((group) => group.ids.sort((a, b) => a - b)).sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
}

interface Group {
  readonly ids: number[];
  rows: number;
}

/** Runs of neighbours, their largest as small as can be. */
function groupRuns(fragments: readonly PlannedFragment[], numGroups: number): Group[] {
  const ascending = [...fragments].sort((a, b) => a.id - b.id);
  let low = Math.max(0, ...ascending.map(({ numRows }) => numRows));
  let high = ascending.reduce((sum, { numRows }) => sum + numRows, 0);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (cutRuns(ascending, middle, 0).length <= numGroups) high = middle;
    else low = middle + 1;
  }
  return cutRuns(ascending, low, numGroups);
}

/** @param atLeast groups to make even where fewer would hold the rows */
function cutRuns(ascending: readonly PlannedFragment[], maxRows: number, atLeast: number): Group[] {
  const groups: Group[] = [{ ids: [], rows: 0 }];
  for (const [i, { id, numRows }] of ascending.entries()) {
    let group = groups.at(-1)!;
    const left = ascending.length - i;
    if (group.ids.length > 0 && (group.rows + numRows > maxRows || left <= atLeast - groups.length)) {
      group = { ids: [], rows: 0 };
      groups.push(group);
    }
    group.ids.push(id);
    group.rows += numRows;
  }
  return groups;
}

function groupLargestFirst(fragments: readonly PlannedFragment[], numGroups: number): Group[] {
  const groups = Array.from({ length: numGroups }, (): Group => ({ ids: [], rows: 0 }));
  for (const fragment of [...fragments].sort((a, b) => b.numRows - a.numRows || a.id - b.id)) {
    // An empty group wins over one of empty fragments: every worker gets something.
    const lightest = groups.reduce((best, group) =>
      group.rows < best.rows || (group.rows === best.rows && group.ids.length < best.ids.length) ? group : best,
    );
    lightest.ids.push(fragment.id);
    lightest.rows += fragment.numRows;
  }
  return groups;
}

const DEFAULT_TARGET_BYTES = 256 * 2 ** 20;

/**
 * Proposes which segments to merge, from their sizes alone: neighbours by coverage, as many as stay within the target.
 * Segments of unknown size are left alone, and so are those already as large as the target. Segments of several indexes
 * may be given; a group is of one. Pure: opens no file.
 * @returns groups of two or more; give each to `mergeExistingIndexSegments`, all at once if you like: they share the pool
 *   and its budget
 * @throws INVALID_ARGUMENT for a target that is no size
 */
export function planIndexMerge(
  segments: readonly IndexSegment[],
  options: { readonly targetSegmentBytes?: number } = {},
): IndexSegment[][] {
  checkCallOptions("planIndexMerge", options, ["targetSegmentBytes"]);
  checkSegmentShapes("planIndexMerge", segments);
  const target = options.targetSegmentBytes ?? DEFAULT_TARGET_BYTES;
  if (typeof target !== "number" || !(target > 0)) {
    throw new LanceError("INVALID_ARGUMENT", `targetSegmentBytes: expected more than 0, received ${target}`, {
      received: target,
    });
  }
  const indexes = new Map<string, IndexSegment[]>();
  for (const segment of segments) {
    const key = JSON.stringify([segment.name, segment.fields, segment.indexDetails]);
    indexes.set(key, [...(indexes.get(key) ?? []), segment]);
  }
  return [...indexes.values()].flatMap((each) => groupNeighbours(each, target));
}

function groupNeighbours(segments: readonly IndexSegment[], target: number): IndexSegment[][] {
  const sized = segments
    .map((segment) => ({ segment, bytes: getSegmentBytes(segment) ?? Number.POSITIVE_INFINITY }))
    .sort((a, b) => (a.segment.fragmentIds[0] ?? 0) - (b.segment.fragmentIds[0] ?? 0));
  const groups: IndexSegment[][] = [];
  let group: IndexSegment[] = [];
  let groupBytes = 0;
  for (const { segment, bytes } of sized) {
    if (group.length > 0 && groupBytes + bytes > target) {
      groups.push(group);
      group = [];
      groupBytes = 0;
    }
    group.push(segment);
    groupBytes += bytes;
  }
  groups.push(group);
  return groups.filter((each) => each.length > 1);
}

/** Bytes of a segment's files; `null` where an old writer recorded none. */
export function getSegmentBytes(segment: IndexSegment): number | null {
  return segment.files?.reduce((sum, file) => sum + file.sizeBytes, 0) ?? null;
}
