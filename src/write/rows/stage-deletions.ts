import { clone } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type DataFragment, DataFragmentSchema } from "../../proto/gen/lance/table_pb.ts";
import type { Store } from "../../store/store.ts";
import { deleteQuietly } from "../../table/commit/publish.ts";
import { formatDeletionName, writeDeletionFile } from "../../table/deletions/deletion-file.ts";
import { readDeletions } from "../../table/deletions/deletions.ts";
import type { Fragment } from "../../table/fragment.ts";
import { getFragment, type Snapshot } from "../../table/snapshot.ts";
import { createGiveWay, type GiveWay } from "../../tasks/give-way.ts";
import { mapBounded } from "../../tasks/settle-all.ts";

/** Deletions whose files are written and that no version names yet. */
export interface StagedDeletions {
  /** Fragments that keep some rows, with their new deletion file. */
  readonly updatedFragments: DataFragment[];
  /** Fragments without a row left. */
  readonly removedFragmentIds: bigint[];
  /** Rows that were live. */
  readonly numDeletedRows: number;
  /** Files written, to be removed when the commit fails. */
  readonly paths: string[];
}

/**
 * Writes one new deletion file per fragment touched, holding all its deletions so far. Fragments left as they were are
 * not named. When it fails, nothing is left.
 *
 * @param rows physical row offsets by fragment id, in any order; rows deleted before are allowed
 * @throws INVALID_ARGUMENT (an offset beyond its fragment), NOT_FOUND (no such fragment), QUOTA_EXCEEDED, IO, ABORTED
 */
export async function stageDeletions(
  snapshot: Snapshot,
  store: Store,
  rows: ReadonlyMap<number, Uint32Array>,
  signal: AbortSignal | undefined,
): Promise<StagedDeletions> {
  const paths: string[] = [];
  const giveWay = createGiveWay(signal);
  const stage = async ([fragmentId, offsets]: readonly [number, Uint32Array]): Promise<StagedFragment> => {
    await giveWay();
    const fragment = getFragment(snapshot, fragmentId);
    const before = await readDeletions(snapshot, fragment, signal);
    const deleted = await uniteOffsets([before ?? NONE, offsets], fragment, giveWay);
    const numNewlyDeleted = deleted.length - fragment.numDeletedRows;
    if (numNewlyDeleted === 0) return { numNewlyDeleted };
    if (deleted.length === fragment.physicalRows) return { numNewlyDeleted, removed: fragment.proto.id };
    const readVersion = snapshot.version;
    const file = await writeDeletionFile(store, { fragmentId, readVersion, offsets: deleted, signal });
    paths.push(`_deletions/${formatDeletionName(fragmentId, file)}`);
    return { numNewlyDeleted, updated: { ...clone(DataFragmentSchema, fragment.proto), deletionFile: file } };
  };
  let staged: StagedFragment[];
  try {
    staged = await mapBounded([...rows], CONCURRENCY, stage);
  } catch (error) {
    await deleteQuietly(store, paths);
    throw error;
  }
  return {
    updatedFragments: staged.flatMap(({ updated }) => updated ?? []),
    removedFragmentIds: staged.flatMap(({ removed }) => removed ?? []),
    numDeletedRows: staged.reduce((sum, { numNewlyDeleted }) => sum + numNewlyDeleted, 0),
    paths,
  };
}

/** What became of one fragment. */
interface StagedFragment {
  readonly numNewlyDeleted: number;
  readonly updated?: DataFragment;
  readonly removed?: bigint;
}

/** Fragments at once: a durable write is mostly waiting, and each holds one bit a row meanwhile. */
const CONCURRENCY = 8;

const NONE = new Uint32Array(0);

/** Rows between two looks at the signal and the event loop: about a millisecond. A multiple of 8. */
const ROWS_PER_LOOK = 65_536;

/** All of some offsets of a fragment, ascending, each once. */
async function uniteOffsets(parts: readonly Uint32Array[], fragment: Fragment, giveWay: GiveWay): Promise<Uint32Array> {
  const bits = new Uint8Array((fragment.physicalRows + 7) >> 3);
  let count = 0;
  for (const offsets of parts) {
    for (let i = 0; i < offsets.length; i++) {
      if (i % ROWS_PER_LOOK === 0) await giveWay();
      const offset = offsets[i]!;
      if (offset >= fragment.physicalRows) {
        throw new LanceError(
          "INVALID_ARGUMENT",
          `fragment ${fragment.id} has rows 0 to ${fragment.physicalRows - 1}; cannot delete row ${offset}`,
          { fragmentId: fragment.id, offset, physicalRows: fragment.physicalRows },
        );
      }
      const mask = 1 << (offset & 7);
      if ((bits[offset >> 3]! & mask) === 0) count++;
      bits[offset >> 3]! |= mask;
    }
  }
  const united = new Uint32Array(count);
  let at = 0;
  for (let byte = 0; byte < bits.length; byte++) {
    if ((byte * 8) % ROWS_PER_LOOK === 0) await giveWay();
    for (let rest = bits[byte]!; rest !== 0; rest &= rest - 1)
      united[at++] = byte * 8 + (31 - Math.clz32(rest & -rest));
  }
  return united;
}
