import { LanceError } from "../../errors.ts";
import { findFirst } from "../../search-sorted.ts";
import type { BitRank } from "./bit-rank.ts";
import { halvesOf, NO_ROW } from "./row-addresses.ts";

/**
 * Gives rows their new ids, never in place: {@link NO_ROW} for rows that are no more; ids it knows nothing of stay. What a
 * rewrite of fragments does to row addresses.
 */
export type RowIdMap = (rowIds: BigUint64Array) => BigUint64Array;

/** Fragments whose remaining rows, in order, became the rows of other fragments. */
export interface RewrittenRows {
  readonly oldFragments: readonly {
    readonly id: number;
    readonly physicalRows: number;
    /** Offsets whose rows went on; `null` = all. */
    readonly live: BitRank | null;
  }[];
  readonly newFragments: readonly { readonly id: number; readonly numRows: number }[];
}

interface OldFragment {
  readonly physicalRows: number;
  readonly live: BitRank | null;
  /** Rows of its group before it. */
  readonly before: number;
  readonly newIds: readonly number[];
  /** First row of each new fragment within the group, and their sum. */
  readonly starts: readonly number[];
}

/**
 * The map of one rewrite. Costs a bit or two per old row, and no BigInt per row mapped.
 *
 * @throws CORRUPT when the rows that went on and those that arrived differ in number
 */
export function createRowIdMap(groups: readonly RewrittenRows[]): RowIdMap {
  const moved = new Map<number, OldFragment>();
  for (const { oldFragments, newFragments } of groups) {
    const starts = [0];
    for (const { numRows } of newFragments) starts.push(starts.at(-1)! + numRows);
    const newIds = newFragments.map(({ id }) => id);
    let before = 0;
    for (const { id, physicalRows, live } of oldFragments) {
      moved.set(id, { physicalRows, live, before, newIds, starts });
      before += live === null ? physicalRows : live.count;
    }
    if (before === starts.at(-1)) continue;
    throw new LanceError(
      "CORRUPT",
      `fragments ${oldFragments.map(({ id }) => id).join(", ")} had ${before} rows when they were rewritten, fragments ${newIds.join(", ")} hold ${starts.at(-1)}`,
      { expected: before, received: starts.at(-1) },
    );
  }
  return (rowIds) => mapRowIds(rowIds, moved);
}

/** Maps that apply one after the other. */
export function chainRowIdMaps(maps: readonly RowIdMap[]): RowIdMap {
  return (rowIds) => maps.reduce((ids, map) => map(ids), rowIds);
}

/** Positions of the rows that are still there. */
export function listRowsLeft(rowIds: BigUint64Array): Uint32Array<ArrayBuffer> {
  const halves = halvesOf(rowIds);
  const left = new Uint32Array(rowIds.length);
  let count = 0;
  for (let i = 0; i < rowIds.length; i++) {
    if (halves[2 * i] !== 0xffffffff || halves[2 * i + 1] !== 0xffffffff) left[count++] = i;
  }
  return left.subarray(0, count);
}

function mapRowIds(rowIds: BigUint64Array, moved: ReadonlyMap<number, OldFragment>): BigUint64Array<ArrayBuffer> {
  const mapped = BigUint64Array.from(rowIds);
  const halves = halvesOf(mapped);
  let fragmentId = -1;
  let old: OldFragment | undefined;
  for (let i = 0; i < mapped.length; i++) {
    const high = halves[2 * i + 1]!;
    if (high !== fragmentId) {
      fragmentId = high;
      old = moved.get(high);
    }
    if (old === undefined) continue;
    const offset = halves[2 * i]!;
    if (offset >= old.physicalRows || (old.live !== null && !old.live.has(offset))) {
      mapped[i] = NO_ROW;
      continue;
    }
    const row = old.before + (old.live === null ? offset : old.live.rank(offset));
    const at = findFragment(old.starts, row);
    halves[2 * i] = row - old.starts[at]!;
    halves[2 * i + 1] = old.newIds[at]!;
  }
  return mapped;
}

/** The last fragment that starts at or before a row and is not empty. */
function findFragment(starts: readonly number[], row: number): number {
  return findFirst(starts.length - 2, (i) => starts[i + 1]! > row);
}
