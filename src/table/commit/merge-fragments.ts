import { clone } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type DataFragment, DataFragmentSchema, type Manifest } from "../../proto/gen/lance/table_pb.ts";
import { hasStableRowIds, stampUpdated } from "../row-ids/row-lineage.ts";
import { checkStaged } from "./check-staged.ts";
import { sameFiles } from "./compare-fragments.ts";
import { addFragments, dropDeadFiles, fieldIdsOf } from "./next-fragments.ts";
import type { OperationOf } from "./operation.ts";

/** Old and new fragment ids of one group of a rewrite. */
export interface RewrittenGroup {
  readonly oldIds: readonly number[];
  readonly newIds: readonly number[];
}

/**
 * Replaces groups of fragments by those their rows went to. Where rows have stable ids the new fragments bring the ids
 * and version sequences of their rows.
 *
 * @throws INVALID_ARGUMENT when a fragment is gone, named twice, or comes without its row ids
 */
export function rewriteFragments(
  manifest: Manifest,
  value: OperationOf<"rewrite">["value"],
  fieldIds?: ReadonlySet<number>,
): RewrittenGroup[] {
  const groups =
    value.groups.length > 0 ? value.groups : [{ oldFragments: value.oldFragments, newFragments: value.newFragments }];
  const left = new Map(manifest.fragments.map((fragment) => [fragment.id, fragment]));
  for (const { oldFragments } of groups) {
    for (const { id } of oldFragments) {
      if (left.delete(id)) continue;
      throw new LanceError(
        "INVALID_ARGUMENT",
        `a rewrite replaces fragment ${id}, which the table lacks, or which it replaces twice`,
        { fragmentId: Number(id) },
      );
    }
  }
  const rewritten = groups.map((group) => {
    for (const fragment of group.newFragments) {
      if (!hasStableRowIds(manifest) || fragment.inlineRowIds !== undefined) continue;
      throw new LanceError("INVALID_ARGUMENT", "a rewritten fragment comes without the stable ids of its rows", {});
    }
    const added = addFragments(manifest, group.newFragments, { keepReserved: true, keepRowIds: true, fieldIds });
    for (const fragment of added) left.set(fragment.id, fragment);
    return {
      oldIds: group.oldFragments.map(({ id }) => Number(id)),
      newIds: added.map(({ id }) => Number(id)),
    };
  });
  manifest.fragments = [...left.values()];
  return rewritten;
}

/**
 * Gives every fragment the files a merge of columns left it with; fragments after them are new.
 *
 * @returns the fields written anew in each fragment that was there
 * @throws INVALID_ARGUMENT when a fragment is missing or has another number of rows
 */
export function mergeFragments(manifest: Manifest, fragments: readonly DataFragment[]): Map<bigint, Set<number>> {
  const before = new Map(manifest.fragments.map((fragment) => [fragment.id, fragment]));
  const merged: DataFragment[] = [];
  const added: DataFragment[] = [];
  const rewritten = new Map<bigint, Set<number>>();
  const fieldIds = fieldIdsOf(manifest);
  for (const given of fragments) {
    const previous = before.get(given.id);
    // A staged fragment still has id 0, which may be a fragment's too: the first to name it is that fragment.
    if (previous === undefined || !before.delete(given.id)) {
      added.push(given);
      continue;
    }
    if (added.length > 0 || given.physicalRows !== previous.physicalRows) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `a merge names fragment ${given.id} with ${given.physicalRows} rows; it has ${previous.physicalRows}. Name the fragments there are first, each with its rows`,
        { fragmentId: Number(given.id) },
      );
    }
    const known = previous.files.flatMap((file) => file.fields);
    checkStaged(dropDeadFiles(manifest, given), manifest, new Set([...fieldIds, ...known]));
    const fragment = clone(DataFragmentSchema, previous);
    fragment.files = clone(DataFragmentSchema, given).files;
    if (hasStableRowIds(manifest) && !sameFiles(previous, fragment)) stampUpdated(manifest, fragment);
    merged.push(fragment);
    const fields = movedFields(previous, fragment);
    if (fields.size > 0) rewritten.set(given.id, fields);
  }
  if (before.size > 0) {
    throw new LanceError("INVALID_ARGUMENT", `a merge leaves out fragment ${[...before.keys()].join(", ")}`, {
      fragmentIds: [...before.keys()].map(Number),
    });
  }
  manifest.fragments = merged;
  addFragments(manifest, added, { keepReserved: true });
  return rewritten;
}

/** Fields both states have, in different files. */
function movedFields(before: DataFragment, after: DataFragment): Set<number> {
  const pathsOf = (fragment: DataFragment) =>
    new Map(fragment.files.flatMap((file) => file.fields.map((field): [number, string] => [field, file.path])));
  const now = pathsOf(after);
  const moved = new Set<number>();
  for (const [field, path] of pathsOf(before)) {
    if (field >= 0 && now.has(field) && now.get(field) !== path) moved.add(field);
  }
  return moved;
}
