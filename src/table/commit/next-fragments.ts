import { clone } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type DataFragment, DataFragmentSchema, type Manifest } from "../../proto/gen/lance/table_pb.ts";
import { MAX_U32 } from "../fragment.ts";
import { assignRowIds, hasStableRowIds, stampCreated, stampMoved, stampUpdated } from "../row-ids/row-lineage.ts";
import { checkStaged } from "./check-staged.ts";
import type { OperationOf } from "./operation.ts";

/** Marks a column of a file that another file has taken over. */
const TOMBSTONE = -2;
/** `Update.update_mode` of an update that writes columns anew in place. */
export const REWRITE_COLUMNS = 1;

/**
 * Adds fragments. They get the ids after the highest ever given out; one that names an id already reserved keeps it
 * where `keepReserved` is set. Where rows have stable ids they get them, but for those given where `keepRowIds` is set.
 *
 * @param options.fieldIds fields the files may name: those of the schema, unless the schema moved on meanwhile
 * @returns the fragments as they are in the manifest
 * @throws INVALID_ARGUMENT naming the file that does not fit, or the id that is taken
 */
export function addFragments(
  manifest: Manifest,
  fragments: readonly DataFragment[],
  options: {
    readonly keepReserved?: boolean;
    readonly keepRowIds?: boolean;
    readonly fieldIds?: ReadonlySet<number> | undefined;
  } = {},
): DataFragment[] {
  const fieldIds = options.fieldIds ?? fieldIdsOf(manifest);
  const taken = new Set(manifest.fragments.map((fragment) => fragment.id));
  const highest = highestFragmentId(manifest) ?? -1;
  let next = highest + 1;
  const added: DataFragment[] = [];
  for (const staged of fragments) {
    checkStaged(staged, manifest, fieldIds);
    const fragment = clone(DataFragmentSchema, staged);
    if (options.keepReserved === true && fragment.id !== 0n) {
      if (taken.has(fragment.id) || fragment.id > BigInt(highest)) {
        throw new LanceError(
          "INVALID_ARGUMENT",
          `a new fragment names id ${fragment.id}, which is ${taken.has(fragment.id) ? "in use" : "not reserved"}; leave it 0 to be given one`,
          { fragmentId: Number(fragment.id) },
        );
      }
    } else {
      if (next > MAX_U32) throw new LanceError("UNSUPPORTED", "the table has used up its 2^32 fragment ids", {});
      fragment.id = BigInt(next++);
    }
    taken.add(fragment.id);
    if (hasStableRowIds(manifest)) {
      if (options.keepRowIds !== true) delete fragment.inlineRowIds;
      assignRowIds(manifest, fragment);
      if (options.keepRowIds !== true) stampCreated(manifest, fragment);
    } else {
      // Row ids in some fragments and not in all make a table that native refuses.
      delete fragment.inlineRowIds;
      delete fragment.inlineCreatedAtVersions;
      delete fragment.inlineLastUpdatedAtVersions;
    }
    added.push(fragment);
  }
  manifest.fragments.push(...added);
  return added;
}

/** @throws INVALID_ARGUMENT when a fragment is not in the table */
export function deleteRows(
  manifest: Manifest,
  change: { readonly updated: readonly DataFragment[]; readonly removed: readonly bigint[] },
): void {
  const removed = new Set(change.removed);
  const byId = new Map(change.updated.map((fragment) => [fragment.id, fragment]));
  const known = new Set(manifest.fragments.map((fragment) => fragment.id));
  const missing = [...removed, ...byId.keys()].filter((id) => !known.has(id));
  if (missing.length > 0) {
    throw new LanceError("INVALID_ARGUMENT", `fragment ${missing.join(", ")} is to change, which the table lacks`, {
      fragmentIds: missing.map(Number),
    });
  }
  manifest.fragments = manifest.fragments.filter((fragment) => !removed.has(fragment.id));
  for (const fragment of manifest.fragments) {
    // Only the deletion file is news: the rest of the fragment may have moved on since the delete was computed.
    const deletionFile = byId.get(fragment.id)?.deletionFile;
    if (deletionFile !== undefined) fragment.deletionFile = deletionFile;
  }
}

/**
 * Applies an update: fragments that go, fragments whose rows were deleted or whose columns were written anew, and the
 * fragments the new rows are in. Rows that moved keep their stable ids and the version they were made at.
 *
 * @param offsets rows written anew by fragment id, where columns were
 * @returns ids of the new fragments, and of those among them whose every row moved here
 * @throws INVALID_ARGUMENT
 */
export async function updateFragments(
  manifest: Manifest,
  value: OperationOf<"update">["value"],
  options: {
    readonly offsets: ReadonlyMap<bigint, Uint32Array>;
    readonly fieldIds?: ReadonlySet<number> | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<{ readonly added: bigint[]; readonly moved: bigint[] }> {
  const before = manifest.fragments;
  const change = { updated: value.updatedFragments, removed: value.removedFragmentIds };
  deleteRows(manifest, change);
  if (value.updateMode === REWRITE_COLUMNS) replaceFiles(manifest, value, options);
  const added = addFragments(
    manifest,
    value.newFragments.map((fragment) => dropDeadFiles(manifest, fragment)),
    {
      keepReserved: true,
      keepRowIds: true,
      fieldIds: options.fieldIds,
    },
  );
  if (!hasStableRowIds(manifest)) return { added: added.map(({ id }) => id), moved: [] };
  await stampMoved(manifest, added, { before, signal: options.signal });
  const given = value.newFragments.map((fragment) => fragment.inlineRowIds);
  return {
    added: added.map(({ id }) => id),
    moved: added.filter((fragment, i) => sameBytes(fragment.inlineRowIds, given[i])).map(({ id }) => id),
  };
}

/** Fragments take the files an in-place rewrite of columns left them with. */
function replaceFiles(
  manifest: Manifest,
  value: OperationOf<"update">["value"],
  options: { readonly offsets: ReadonlyMap<bigint, Uint32Array>; readonly fieldIds?: ReadonlySet<number> | undefined },
): void {
  const byId = new Map(value.updatedFragments.map((fragment) => [fragment.id, fragment]));
  const fieldIds = options.fieldIds ?? fieldIdsOf(manifest);
  for (const fragment of manifest.fragments) {
    const updated = byId.get(fragment.id);
    if (updated === undefined) continue;
    const kept = dropDeadFiles(manifest, updated);
    if (kept.physicalRows !== fragment.physicalRows) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `columns of fragment ${fragment.id} were written anew for ${kept.physicalRows} rows; it has ${fragment.physicalRows}`,
        { fragmentId: Number(fragment.id) },
      );
    }
    const known = fragment.files.flatMap((file) => file.fields);
    checkStaged(kept, manifest, new Set([...fieldIds, ...known]));
    fragment.files = kept.files;
    const rows = options.offsets.get(fragment.id);
    if (hasStableRowIds(manifest) && rows !== undefined && rows.length > 0) stampUpdated(manifest, fragment, rows);
  }
}

/** Ids of the fields a manifest's schema has. */
export function fieldIdsOf(manifest: Manifest): Set<number> {
  return new Set(manifest.fields.map((field) => field.id));
}

/** Without the files that hold no column of the schema. */
export function dropDeadFiles(manifest: Manifest, fragment: DataFragment): DataFragment {
  const live = fieldIdsOf(manifest);
  const kept = clone(DataFragmentSchema, fragment);
  kept.files = kept.files.filter((file) => file.fields.some((field) => live.has(field)));
  return kept;
}

/** Drops files all of whose columns others have taken over. */
export function dropTombstonedFiles(manifest: Manifest): void {
  for (const fragment of manifest.fragments) {
    if (fragment.files.some((file) => file.fields.every((field) => field === TOMBSTONE))) {
      fragment.files = fragment.files.filter((file) => file.fields.some((field) => field !== TOMBSTONE));
    }
  }
}

/** Highest fragment id ever given out; `undefined` while there was none. */
export function highestFragmentId(manifest: Manifest): number | undefined {
  let highest = manifest.maxFragmentId;
  for (const { id } of manifest.fragments) {
    if (highest === undefined || id > BigInt(highest)) highest = Number(id);
  }
  return highest;
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
