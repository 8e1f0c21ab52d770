import { readDeletions } from "../table/deletions/deletions.ts";
import type { Fragment } from "../table/fragment.ts";
import type { QueryContext } from "./query-context.ts";

/** A bit for each deleted row among some offsets of a fragment, LSB first; `null` when none is. */
export async function markDeleted(
  { snapshot, signal }: QueryContext,
  fragment: Fragment,
  offsets: Uint32Array,
): Promise<Uint8Array | null> {
  const deleted = await readDeletions(snapshot, fragment, signal);
  if (deleted === null) return null;
  const bits = new Uint8Array((offsets.length + 7) >>> 3);
  let next = 0;
  offsets.forEach((offset, row) => {
    while (next < deleted.length && deleted[next]! < offset) next++;
    if (deleted[next] === offset) bits[row >>> 3]! |= 1 << (row & 7);
  });
  return bits;
}
