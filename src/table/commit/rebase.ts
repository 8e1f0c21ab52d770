import { clone } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import {
  type DataFragment,
  DataFragmentSchema,
  type IndexMetadata,
  IndexMetadataSchema,
} from "../../proto/gen/lance/table_pb.ts";
import type { Store } from "../../store/store.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { formatDeletionName, writeDeletionFile } from "../deletions/deletion-file.ts";
import { readDeletions } from "../deletions/deletions.ts";
import { decodeFragmentBitmap, encodeFragmentBitmap } from "../fragment-bitmap.ts";
import { getFragment, type Snapshot } from "../snapshot.ts";
import { sameColumns, sameDeletions, sameFiles } from "./compare-fragments.ts";
import type { Coverage } from "./conflict-verdict.ts";
import { uuidOf } from "./index-identity.ts";
import type { KnownOperation, OperationOf, RebasableOperation } from "./operation.ts";
import { deleteQuietly } from "./publish.ts";

/** Our operation as it applies to a newer version, and the files written for that alone. */
export interface Rebased {
  readonly operation: RebasableOperation;
  /** To be removed when this attempt does not become a version. */
  readonly debris: readonly string[];
}

/**
 * Carries an operation from the version it was computed at to the newest one, once no conflict stands against it.
 * A delete and an update unite deletion vectors; a new index lets go of fragments that are gone or whose
 * column was written anew.
 *
 * @throws COMMIT_CONFLICT `{ retryable: true }` when both deleted the same row, or an indexed field is gone
 */
export async function rebaseOperation(operation: RebasableOperation, options: RebaseOptions): Promise<Rebased> {
  if (options.read.version === options.latest.version) return { operation, debris: [] };
  switch (operation.case) {
    case "delete": {
      const { value } = operation;
      const united = await uniteDeletions(value.updatedFragments, value.deletedFragmentIds, options);
      const change = { updatedFragments: united.updated, deletedFragmentIds: united.removed };
      return { operation: { case: "delete", value: { ...value, ...change } }, debris: united.debris };
    }
    case "update": {
      const { value } = operation;
      const united = await uniteDeletions(value.updatedFragments, value.removedFragmentIds, options);
      const change = { updatedFragments: united.updated, removedFragmentIds: united.removed };
      return { operation: { case: "update", value: { ...value, ...change } }, debris: united.debris };
    }
    case "createIndex":
      return { operation: await rebaseCreateIndex(operation, options), debris: [] };
    default:
      return { operation, debris: [] };
  }
}

interface RebaseOptions {
  readonly read: Snapshot;
  readonly latest: Snapshot;
  readonly store: Store;
  readonly signal?: AbortSignal | undefined;
}

interface UnitedDeletions {
  readonly updated: DataFragment[];
  readonly removed: bigint[];
  /** Deletion files written here. */
  readonly debris: string[];
}

/** Rows ours deletes, together with those others deleted from the same fragments since; the two share none. */
async function uniteDeletions(
  mine: readonly DataFragment[],
  removed: readonly bigint[],
  options: RebaseOptions,
): Promise<UnitedDeletions> {
  const { store } = options;
  const united: UnitedDeletions = { updated: [], removed: [...removed], debris: [] };
  try {
    for (const ours of mine) await uniteFragment(ours, united, options);
  } catch (error) {
    await deleteQuietly(store, united.debris);
    throw error;
  }
  return united;
}

async function uniteFragment(ours: DataFragment, united: UnitedDeletions, options: RebaseOptions): Promise<void> {
  const { read, latest, store, signal } = options;
  const fragmentId = Number(ours.id);
  const before = getFragment(read, fragmentId);
  const now = getFragment(latest, fragmentId);
  if (sameDeletions(before.proto, now.proto)) {
    united.updated.push(ours);
    return;
  }
  const wanted = { ...before, proto: ours, numDeletedRows: Number(ours.deletionFile?.numDeletedRows ?? 0n) };
  const [old, added, theirs] = await settleAll([
    readDeletions(read, before, signal),
    readDeletions(read, wanted, signal),
    readDeletions(latest, now, signal),
  ]);
  const offsets = uniteDisjoint(now.physicalRows, { old, added, theirs });
  if (offsets === undefined) {
    throw new LanceError(
      "COMMIT_CONFLICT",
      `another writer deleted or updated some of the same rows of fragment ${fragmentId} (by version ${latest.version}); evaluate this again on that version`,
      { retryable: true, fragmentId, version: latest.version },
    );
  }
  if (offsets.length === now.physicalRows) {
    united.removed.push(ours.id);
    return;
  }
  const deletionFile = await writeDeletionFile(store, { fragmentId, readVersion: latest.version, offsets, signal });
  united.debris.push(`_deletions/${formatDeletionName(fragmentId, deletionFile)}`);
  united.updated.push({ ...clone(DataFragmentSchema, now.proto), deletionFile });
}

async function rebaseCreateIndex(
  operation: OperationOf<"createIndex">,
  options: RebaseOptions,
): Promise<RebasableOperation> {
  const { read, latest } = options;
  const known = new Set(latest.manifest.fields.map((field) => field.id));
  const newIndices: IndexMetadata[] = [];
  for (const index of operation.value.newIndices) {
    const gone = index.fields.filter((field) => !known.has(field));
    if (gone.length > 0) {
      throw new LanceError(
        "COMMIT_CONFLICT",
        `index "${index.name}" is on field ${gone.join(", ")}, which was dropped or retyped by version ${latest.version}; build it again on that version`,
        { retryable: true, index: index.name, fields: gone, version: latest.version },
      );
    }
    newIndices.push(await pruneCoverage(index, read, latest));
  }
  return { case: "createIndex", value: { ...operation.value, newIndices } };
}

async function pruneCoverage(index: IndexMetadata, read: Snapshot, latest: Snapshot): Promise<IndexMetadata> {
  if (index.fragmentBitmap.length === 0) return index;
  const covered = await decodeFragmentBitmap(index.fragmentBitmap);
  const now = new Map(latest.fragments.map((fragment) => [fragment.id, fragment.proto]));
  const before = new Map(read.fragments.map((fragment) => [fragment.id, fragment.proto]));
  const kept = covered.filter((id) => {
    const current = now.get(id);
    const old = before.get(id);
    if (current === undefined) return false;
    // A segment that covers fragments newer than our read version was built on them; leave that to its builder.
    return old === undefined || sameFiles(old, current) || sameColumns(old, current, index.fields);
  });
  if (kept.length === covered.length) return index;
  const pruned = clone(IndexMetadataSchema, index);
  pruned.fragmentBitmap = await encodeFragmentBitmap(kept);
  return pruned;
}

/** What each new index covers, for {@link judgeConflict}. */
export async function readCoverage(operation: KnownOperation): Promise<Coverage> {
  const coverage = new Map<IndexMetadata, ReadonlySet<bigint> | undefined>();
  if (operation.case !== "createIndex") return coverage;
  for (const index of operation.value.newIndices) {
    const { fragmentBitmap } = index;
    if (fragmentBitmap.length === 0) {
      coverage.set(index, undefined);
      continue;
    }
    try {
      coverage.set(index, new Set(Array.from(await decodeFragmentBitmap(fragmentBitmap), BigInt)));
    } catch (cause) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `index "${index.name}" (${uuidOf(index)}) has a fragment bitmap that is not a Roaring bitmap`,
        { index: index.name },
        { cause },
      );
    }
  }
  return coverage;
}

/** Theirs and what ours added to the old ones, ascending; `undefined` when they share a row. One bit a row. */
function uniteDisjoint(
  numRows: number,
  { old, added, theirs }: Readonly<Record<"old" | "added" | "theirs", Uint32Array | null>>,
): Uint32Array | undefined {
  const bits = new Uint8Array((numRows + 7) >> 3);
  const flip = (offsets: Uint32Array | null) => {
    for (const offset of offsets ?? []) bits[offset >> 3]! ^= 1 << (offset & 7);
  };
  // What is old is in ours too, and goes out again.
  flip(old);
  flip(added);
  for (const offset of theirs ?? []) {
    const mask = 1 << (offset & 7);
    if ((bits[offset >> 3]! & mask) !== 0) return undefined;
    bits[offset >> 3]! |= mask;
  }
  const united = new Uint32Array((added?.length ?? 0) - (old?.length ?? 0) + (theirs?.length ?? 0));
  let at = 0;
  for (let byte = 0; byte < bits.length; byte++) {
    for (let rest = bits[byte]!; rest !== 0; rest &= rest - 1)
      united[at++] = byte * 8 + (31 - Math.clz32(rest & -rest));
  }
  return united;
}
