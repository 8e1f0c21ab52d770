import { LanceError } from "../../errors.ts";
import type { DataFragment, Manifest } from "../../proto/gen/lance/table_pb.ts";
import { findFirst } from "../../search-sorted.ts";
import { createGiveWay, type GiveWay } from "../../tasks/give-way.ts";
import { FLAG_STABLE_ROW_IDS } from "../manifest/feature-flags.ts";
import { appendRowIdRange, encodeRowIdRange } from "./encode-row-ids.ts";
import { listRowNumbers, sortNumbers } from "./row-id-numbers.ts";
import { findHighest, type RowIdPieces, readRowIdPieces } from "./row-id-pieces.ts";
import { boundRowIds } from "./row-id-sequence.ts";
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
  const kept = readRowIdPieces(fragment.inlineRowIds, numRows, { partial: true });
  const drawn = findHighest(kept);
  if (drawn !== undefined && drawn >= manifest.nextRowId) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `a new fragment names row id ${drawn}, which was never given out; the next one is ${manifest.nextRowId}`,
      { rowId: drawn.toString(), nextRowId: manifest.nextRowId.toString() },
    );
  }
  const numNew = numRows - kept.starts.at(-1)!;
  if (numNew === 0) return;
  fragment.inlineRowIds = appendRowIdRange(fragment.inlineRowIds, manifest.nextRowId, numNew);
  manifest.nextRowId += BigInt(numNew);
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
  const wanted: { readonly fragment: DataFragment; readonly ids: Float64Array }[] = [];
  for (const fragment of moved) wanted.push({ fragment, ids: await listRowNumbers(piecesOf(fragment), giveWay) });
  const created = await VersionsById.create(
    wanted.map(({ ids }) => ids),
    giveWay,
  );
  for (const fragment of [...options.before].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    await giveWay();
    const bounds = fragment.inlineRowIds && boundRowIds(fragment.inlineRowIds);
    if (bounds === undefined || !created.overlaps(bounds)) continue;
    const ids = await listRowNumbers(piecesOf(fragment), giveWay);
    const versions = decodeRowVersions(fragment.inlineCreatedAtVersions, ids.length);
    for (let i = 0; i < ids.length; i++) {
      if (i % ROWS_PER_LOOK === 0) await giveWay();
      created.set(ids[i]!, versions, i);
    }
  }
  for (const { fragment, ids } of wanted) {
    const versions = new BigUint64Array(ids.length);
    for (let i = 0; i < ids.length; i++) {
      if (i % ROWS_PER_LOOK === 0) await giveWay();
      versions[i] = created.get(ids[i]!) ?? manifest.version;
    }
    fragment.inlineCreatedAtVersions = encodeRowVersions(versions);
    fragment.inlineLastUpdatedAtVersions = encodeUniformVersions(manifest.version, ids.length);
  }
}

/** Rows between two looks at the signal and the event loop: under a millisecond. */
const ROWS_PER_LOOK = 8192;

/** Versions by row id: two sorted arrays, since a `Map` over a million bigints takes seconds. */
class VersionsById {
  /** Ascending. */
  readonly #ids: Float64Array;
  /** 0 = none yet. */
  readonly #versions: BigUint64Array;
  /** Ids mostly come one after another: where the last was found. */
  #last = 0;

  private constructor(ids: Float64Array) {
    this.#ids = ids;
    this.#versions = new BigUint64Array(ids.length);
  }

  static async create(parts: readonly Float64Array[], giveWay: GiveWay): Promise<VersionsById> {
    const ids = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      ids.set(part, at);
      at += part.length;
    }
    await sortNumbers(ids, giveWay);
    return new VersionsById(ids);
  }

  overlaps({ min, max }: { readonly min: bigint; readonly max: bigint }): boolean {
    const ids = this.#ids;
    return ids.length > 0 && max >= BigInt(ids[0]!) && min <= BigInt(ids[ids.length - 1]!);
  }

  /** Keeps the first version given for an id that is wanted. */
  set(id: number, versions: BigUint64Array, row: number): void {
    const at = this.#find(id);
    if (at >= 0 && this.#versions[at] === 0n) this.#versions[at] = versions[row]!;
  }

  get(id: number): bigint | undefined {
    return this.#versions[this.#find(id)] || undefined;
  }

  #find(id: number): number {
    const ids = this.#ids;
    if (ids[this.#last + 1] === id) return ++this.#last;
    const at = findFirst(ids.length, (i) => ids[i]! >= id);
    if (ids[at] !== id) return -1;
    this.#last = at;
    return at;
  }
}

function piecesOf(fragment: DataFragment): RowIdPieces {
  return readRowIdPieces(fragment.inlineRowIds ?? new Uint8Array(0), Number(fragment.physicalRows));
}
