import { countBelow } from "../../search-sorted.ts";

/**
 * The physical offsets in `[start, end)` that are not among `deleted`. 4 bytes a row.
 *
 * @param deleted ascending; `null` = none
 */
export function listLiveOffsets(
  deleted: Uint32Array | null,
  { start, end }: { readonly start: number; readonly end: number },
): Uint32Array<ArrayBuffer> {
  const offsets = new Uint32Array(end - start);
  let next = deleted === null ? 0 : countBelow(deleted, start);
  let count = 0;
  for (let offset = start; offset < end; offset++) {
    if (deleted !== null && deleted[next] === offset) next++;
    else offsets[count++] = offset;
  }
  return offsets.slice(0, count);
}
