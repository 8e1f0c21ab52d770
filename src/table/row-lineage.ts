import { LanceError } from "../errors.ts";
import type { DataFragment, Manifest } from "../proto/gen/lance/table_pb.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import { encodeRowIdRange, encodeRowIds } from "./encode-row-ids.ts";
import { FLAG_STABLE_ROW_IDS } from "./feature-flags.ts";
import { boundRowIds, decodePartialRowIds, decodeRowIds } from "./row-id-sequence.ts";
import { decodeRowVersions, encodeRowVersions, encodeUniformVersions } from "./row-versions.ts";

/** Whether rows of a table keep their ids when they move. */
export function hasStableRowIds(manifest: Manifest): boolean {
  return (manifest.readerFeatureFlags & FLAG_STABLE_ROW_IDS) !== 0n;
}

/**
 * Gives rows of a new fragment their stable ids. A sequence its writer set stays, since rows that move keep their ids;
 * where it is shorter than the fragment, the rows after it are new. Ids are drawn from the manifest's counter.
 *
 * @throws CORRUPT when the sequence is longer than the fragment
 */
export function assignRowIds(manifest: Manifest, fragment: DataFragment): void {
  const numRows = Number(fragment.physicalRows);
  if (fragment.inlineRowIds === undefined) {
    fragment.inlineRowIds = encodeRowIdRange(manifest.nextRowId, numRows);
    manifest.nextRowId += fragment.physicalRows;
    return;
  }
  const kept = decodePartialRowIds(fragment.inlineRowIds, numRows);
  const drawn = kept.find((id) => id >= manifest.nextRowId);
  if (drawn !== undefined) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `a new fragment names row id ${drawn}, which was never given out; the next one is ${manifest.nextRowId}`,
      { rowId: drawn.toString(), nextRowId: manifest.nextRowId.toString() },
    );
  }
  if (kept.length === numRows) return;
  const ids = new BigUint64Array(numRows);
  ids.set(kept);
  for (let i = kept.length; i < numRows; i++) ids[i] = manifest.nextRowId++;
  fragment.inlineRowIds = encodeRowIds(ids);
}

/** Marks all rows of a fragment as made by the version being built. */
export function stampCreated(manifest: Manifest, fragment: DataFragment): void {
  fragment.inlineCreatedAtVersions = encodeUniformVersions(manifest.version, Number(fragment.physicalRows));
  fragment.inlineLastUpdatedAtVersions = fragment.inlineCreatedAtVersions;
}

/** Marks rows of a fragment that stays as changed by the version being built; without `offsets`, all of them. */
export function stampUpdated(manifest: Manifest, fragment: DataFragment, offsets?: Uint32Array): void {
  const numRows = Number(fragment.physicalRows);
  if (offsets === undefined) {
    fragment.inlineLastUpdatedAtVersions = encodeUniformVersions(manifest.version, numRows);
    return;
  }
  // Rows of no recorded version would get one made up for them.
  if (fragment.inlineLastUpdatedAtVersions === undefined) return;
  const versions = decodeRowVersions(fragment.inlineLastUpdatedAtVersions, numRows, manifest.version - 1n);
  for (const offset of offsets) {
    if (offset >= numRows) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `an update names row ${offset} of fragment ${fragment.id}, which has ${numRows}`,
        { fragmentId: Number(fragment.id), offset, physicalRows: numRows },
      );
    }
    versions[offset] = manifest.version;
  }
  fragment.inlineLastUpdatedAtVersions = encodeRowVersions(versions);
}

/**
 * Version sequences of fragments an update made: a row that moved keeps the version it was made at, found by its id in
 * the fragment of the lowest number that holds it; all rows are changed by the version being built.
 *
 * @param before fragments of the version the update is applied to; those whose ids cannot match are not unfolded
 */
export async function stampMoved(
  manifest: Manifest,
  moved: readonly DataFragment[],
  options: { readonly before: readonly DataFragment[]; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const giveWay = createGiveWay(options.signal);
  const idsOf = new Map(moved.map((fragment) => [fragment, rowIdsOf(fragment)]));
  const wanted = new Set<bigint>();
  for (const ids of idsOf.values()) for (const id of ids) wanted.add(id);
  let min = 2n ** 64n;
  let max = 0n;
  for (const id of wanted) {
    if (id < min) min = id;
    if (id > max) max = id;
  }
  const createdAt = new Map<bigint, bigint>();
  for (const fragment of [...options.before].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    await giveWay();
    const bounds = fragment.inlineRowIds && boundRowIds(fragment.inlineRowIds);
    if (bounds === undefined || bounds.max < min || bounds.min > max) continue;
    const ids = rowIdsOf(fragment);
    const versions = decodeRowVersions(fragment.inlineCreatedAtVersions, ids.length);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (wanted.has(id) && !createdAt.has(id)) createdAt.set(id, versions[i]!);
    }
  }
  for (const [fragment, ids] of idsOf) {
    await giveWay();
    fragment.inlineCreatedAtVersions = encodeRowVersions(ids.map((id) => createdAt.get(id) ?? manifest.version));
    fragment.inlineLastUpdatedAtVersions = encodeUniformVersions(manifest.version, ids.length);
  }
}

function rowIdsOf(fragment: DataFragment): BigUint64Array {
  return decodeRowIds(fragment.inlineRowIds ?? new Uint8Array(0), Number(fragment.physicalRows));
}
