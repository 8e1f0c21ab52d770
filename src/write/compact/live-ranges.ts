/**
 * Ranges of a fragment's rows that are not deleted, ascending.
 * @param deleted ascending offsets; `null` = none
 */
export function listLiveRanges(physicalRows: number, deleted: Uint32Array | null): [start: number, end: number][] {
  const ranges: [number, number][] = [];
  let start = 0;
  for (const offset of deleted ?? []) {
    if (offset > start) ranges.push([start, offset]);
    start = offset + 1;
  }
  if (start < physicalRows) ranges.push([start, physicalRows]);
  return ranges;
}
