import { clone } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type DataFragment, type IndexMetadata, IndexMetadataSchema } from "../../proto/gen/lance/table_pb.ts";
import { decodeFragmentBitmap, encodeFragmentBitmap } from "../fragment-bitmap.ts";
import { FRAGMENT_REUSE_INDEX, formatUuidBytes, isSystemIndex, uuidOf } from "./index-identity.ts";
import type { OperationOf } from "./operation.ts";

/** The index section of a version being built; what stays as it was stays the same object. */
export type Indices = readonly IndexMetadata[];

/** Whether an index answers with row addresses, which a move of rows voids, even where rows have stable ids. */
export type RowAddressRule = (index: IndexMetadata) => boolean;

/**
 * Withdraws fragments from the coverage of the indexes on fields that were written anew there.
 *
 * @param rewrites field ids by fragment id
 */
export function withdrawRewrittenFields(
  indices: Indices,
  rewrites: ReadonlyMap<bigint, ReadonlySet<number>>,
): Promise<Indices> {
  if (rewrites.size === 0) return Promise.resolve(indices);
  return mapCoverage(indices, (index, covered) => {
    const gone = [...rewrites].filter(([, fields]) => index.fields.some((field) => fields.has(field)));
    return without(
      covered,
      gone.map(([id]) => Number(id)),
    );
  });
}

/**
 * Rows that an update moved keep their stable ids, so an index on none of the changed fields still finds them: it
 * covers the fragments they moved to, where it covered all they came from. Indexes of row addresses cannot follow.
 */
export function coverMovedRows(
  indices: Indices,
  moved: {
    readonly from: readonly bigint[];
    readonly to: readonly bigint[];
    readonly changedFields: ReadonlySet<number>;
    readonly holdsRowAddresses: RowAddressRule;
  },
): Promise<Indices> {
  if (moved.to.length === 0) return Promise.resolve(indices);
  return mapCoverage(indices, (index, covered) => {
    if (isSystemIndex(index) || moved.holdsRowAddresses(index)) return covered;
    if (index.fields.some((field) => moved.changedFields.has(field))) return covered;
    if (!moved.from.every((id) => covered.has(Number(id)))) return covered;
    return new Set([...covered, ...moved.to.map(Number)]);
  });
}

/**
 * Coverage after fragments were rewritten into others. Remapped segments take their new uuid and cover what the rows
 * went to. With stable row ids the rest follows too, but for indexes of row addresses, which let go of what moved.
 *
 * @throws INVALID_ARGUMENT when a group is covered in part, or a segment is remapped twice
 */
export async function followRewrite(
  indices: Indices,
  rewrite: {
    readonly groups: readonly { readonly oldIds: readonly number[]; readonly newIds: readonly number[] }[];
    readonly rewritten: OperationOf<"rewrite">["value"]["rewrittenIndices"];
    readonly stableRowIds: boolean;
    readonly fragmentReuse: IndexMetadata | undefined;
    readonly holdsRowAddresses: RowAddressRule;
  },
): Promise<Indices> {
  const remapped = new Map(rewrite.rewritten.map((entry) => [formatUuidBytes(entry.oldId?.uuid), entry]));
  if (remapped.size !== rewrite.rewritten.length) {
    throw new LanceError("INVALID_ARGUMENT", "a rewrite remaps one index segment twice; each has one successor", {});
  }
  const followed = await mapCoverage(indices, (index, covered) => {
    if (index.name === FRAGMENT_REUSE_INDEX) return covered;
    if (!remapped.has(uuidOf(index))) {
      if (!rewrite.stableRowIds) return covered;
      if (rewrite.holdsRowAddresses(index) && rewrite.fragmentReuse === undefined) {
        return without(
          covered,
          rewrite.groups.flatMap((group) => group.oldIds),
        );
      }
    }
    let after = covered;
    for (const { oldIds, newIds } of rewrite.groups) {
      const inside = oldIds.filter((id) => covered.has(id)).length;
      if (inside === 0) continue;
      if (inside < oldIds.length) {
        throw new LanceError(
          "INVALID_ARGUMENT",
          `index "${index.name}" covers ${inside} of fragments ${oldIds.join(", ")}, which are rewritten together; rewrite covered and uncovered fragments apart`,
          { index: index.name, fragmentIds: oldIds },
        );
      }
      after = new Set([...without(after, oldIds), ...newIds]);
    }
    return after;
  });
  const renamed = followed.map((index) => {
    const successor = remapped.get(uuidOf(index));
    if (successor?.newId === undefined) return index;
    const next = clone(IndexMetadataSchema, index);
    next.uuid = successor.newId;
    next.files = successor.newIndexFiles;
    // What was remapped is written to the table itself.
    delete next.baseId;
    return next;
  });
  const { fragmentReuse } = rewrite;
  if (fragmentReuse === undefined) return renamed;
  return [...renamed.filter((index) => index.name !== FRAGMENT_REUSE_INDEX), fragmentReuse];
}

/**
 * Drops indexes on fields the schema no longer has, and segments left without a live fragment where another of the
 * same name has some. The last segment of a name stays, as the record of which index to build.
 */
export async function retainRelevantIndices(
  indices: Indices,
  fieldIds: ReadonlySet<number>,
  fragments: readonly DataFragment[],
): Promise<Indices> {
  const live = new Set(fragments.map((fragment) => Number(fragment.id)));
  const onFields = indices.filter(
    (index) => isSystemIndex(index) || index.fields.every((field) => fieldIds.has(field)),
  );
  const segments = new Map<string, IndexMetadata[]>();
  for (const index of onFields) {
    if (isSystemIndex(index) || index.fragmentBitmap.length === 0) continue;
    const named = segments.get(index.name);
    if (named) named.push(index);
    else segments.set(index.name, [index]);
  }
  const dropped = new Set<IndexMetadata>();
  for (const named of segments.values()) {
    if (named.length < 2) continue;
    const empty: IndexMetadata[] = [];
    for (const index of named) {
      if (!(await decodeFragmentBitmap(index.fragmentBitmap)).some((id) => live.has(id))) empty.push(index);
    }
    const kept = empty.length === named.length ? oldest(empty) : undefined;
    for (const index of empty) if (index !== kept) dropped.add(index);
  }
  const retained = onFields.filter((index) => !dropped.has(index));
  return retained.length === indices.length ? indices : retained;
}

function oldest(indices: readonly IndexMetadata[]): IndexMetadata {
  const rank = (index: IndexMetadata): bigint => index.createdAt ?? 2n ** 64n;
  return indices.reduce((a, b) =>
    rank(b) < rank(a) || (rank(b) === rank(a) && b.datasetVersion < a.datasetVersion) ? b : a,
  );
}

/** The same list where nothing changed, so that its bytes can be carried over. */
async function mapCoverage(
  indices: Indices,
  change: (index: IndexMetadata, covered: ReadonlySet<number>) => ReadonlySet<number>,
): Promise<Indices> {
  let changed = false;
  const mapped: IndexMetadata[] = [];
  for (const index of indices) {
    // A bitmap that is missing stands for coverage nobody knows.
    if (index.fragmentBitmap.length === 0) {
      mapped.push(index);
      continue;
    }
    const before = new Set(await decodeFragmentBitmap(index.fragmentBitmap));
    const after = change(index, before);
    if (after === before || (after.size === before.size && [...after].every((id) => before.has(id)))) {
      mapped.push(index);
      continue;
    }
    const next = clone(IndexMetadataSchema, index);
    next.fragmentBitmap = await encodeFragmentBitmap(after);
    mapped.push(next);
    changed = true;
  }
  return changed ? mapped : indices;
}

function without(ids: ReadonlySet<number>, gone: readonly number[]): ReadonlySet<number> {
  if (!gone.some((id) => ids.has(id))) return ids;
  const left = new Set(ids);
  for (const id of gone) left.delete(id);
  return left;
}
