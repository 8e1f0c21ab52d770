import type { DataFragment } from "../../proto/gen/lance/table_pb.ts";
import { readDeletions } from "../../table/deletions.ts";
import { encodeRowIds } from "../../table/encode-row-ids.ts";
import { getRowIdPieces } from "../../table/row-id-index.ts";
import { expandRowIds } from "../../table/row-id-pieces.ts";
import { decodeRowVersions, encodeRowVersions } from "../../table/row-versions.ts";
import { getFragment, type Snapshot } from "../../table/snapshot.ts";
import { createGiveWay } from "../../tasks/give-way.ts";

/**
 * Gives rewritten fragments the stable row ids of their rows, and the versions those were made and changed at, since
 * they are the same rows. 24 bytes a row of the task while it runs.
 *
 * @param oldFragmentIds ascending, as their rows were written
 * @param fragments what their live rows were written as, in order
 */
export async function carryLineage(
  snapshot: Snapshot,
  oldFragmentIds: readonly number[],
  fragments: readonly DataFragment[],
  signal?: AbortSignal,
): Promise<void> {
  const numRows = fragments.reduce((sum, { physicalRows }) => sum + Number(physicalRows), 0);
  const ids = new BigUint64Array(numRows);
  const created = new BigUint64Array(numRows);
  const updated = new BigUint64Array(numRows);
  const giveWay = createGiveWay(signal);
  let at = 0;
  for (const fragmentId of oldFragmentIds) {
    await giveWay();
    const fragment = getFragment(snapshot, fragmentId);
    const { proto, physicalRows } = fragment;
    const deleted = await readDeletions(snapshot, fragment, signal);
    const keep = (values: BigUint64Array): BigUint64Array => dropRows(values, deleted);
    const createdAt = decodeRowVersions(proto.inlineCreatedAtVersions, physicalRows);
    const updatedAt = proto.inlineLastUpdatedAtVersions
      ? decodeRowVersions(proto.inlineLastUpdatedAtVersions, physicalRows)
      : createdAt;
    ids.set(keep(expandRowIds(getRowIdPieces(snapshot, fragmentId))), at);
    created.set(keep(createdAt), at);
    updated.set(keep(updatedAt), at);
    at += fragment.numRows;
  }
  at = 0;
  for (const fragment of fragments) {
    await giveWay();
    const end = at + Number(fragment.physicalRows);
    fragment.inlineRowIds = encodeRowIds(ids.subarray(at, end));
    await giveWay();
    fragment.inlineCreatedAtVersions = encodeRowVersions(created.subarray(at, end));
    await giveWay();
    fragment.inlineLastUpdatedAtVersions = encodeRowVersions(updated.subarray(at, end));
    at = end;
  }
}

function dropRows(values: BigUint64Array, deleted: Uint32Array | null): BigUint64Array {
  if (deleted === null) return values;
  const kept = new BigUint64Array(values.length - deleted.length);
  let from = 0;
  let at = 0;
  for (const offset of deleted) {
    kept.set(values.subarray(from, offset), at);
    at += offset - from;
    from = offset + 1;
  }
  kept.set(values.subarray(from), at);
  return kept;
}
