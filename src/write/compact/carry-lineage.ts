import type { DataFragment } from "../../proto/gen/lance/table_pb.ts";
import { readDeletions } from "../../table/deletions/deletions.ts";
import { encodeRowIds } from "../../table/row-ids/encode-row-ids.ts";
import { halvesOf } from "../../table/row-ids/row-addresses.ts";
import { getRowIdPieces } from "../../table/row-ids/row-id-index.ts";
import { expandRowIds } from "../../table/row-ids/row-id-pieces.ts";
import { decodeRowVersions, encodeRowVersions } from "../../table/row-ids/row-versions.ts";
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
    for (const [all, values] of [
      [created, createdAt],
      [updated, updatedAt],
      [ids, expandRowIds(getRowIdPieces(snapshot, fragmentId))],
    ] as const) {
      all.set(keep(values), at);
      await giveWay();
    }
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
  const from = halvesOf(values);
  const to = halvesOf(kept);
  for (let row = 0, at = 0, next = 0; row < values.length; row++) {
    if (deleted[next] === row) {
      next++;
      continue;
    }
    to[at++] = from[2 * row]!;
    to[at++] = from[2 * row + 1]!;
  }
  return kept;
}
