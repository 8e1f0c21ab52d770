import type { DataFragment } from "../../proto/gen/lance/table_pb.ts";
import type { Transaction_KeyExistenceFilter } from "../../proto/gen/lance/transaction_pb.ts";
import { sameDeletions, sameFiles } from "./compare-fragments.ts";
import { abort, describe, NONE, type OurSide, retry, type Verdict } from "./conflict-verdict.ts";
import { FRAGMENT_REUSE_INDEX } from "./index-identity.ts";
import type { KnownOperation, OperationOf } from "./operation.ts";

/** What a delete and an update do to the fragments there are. */
interface FragmentChange {
  readonly updated: readonly DataFragment[];
  readonly removed: readonly bigint[];
}

/** Our delete over theirs. */
export function judgeDelete(ours: OurSide<"delete">, theirs: KnownOperation): Verdict {
  const { updatedFragments, deletedFragmentIds } = ours.operation.value;
  const change = { updated: updatedFragments, removed: deletedFragmentIds };
  if (theirs.case === "updateMemWalState") return abort(`it is ${describe(theirs)}`);
  return judgeChange(ours, change, theirs);
}

/** Our update over theirs: as a delete of the rows it moves or rewrites, and more where it inserts keys or drops fields. */
export function judgeUpdate(ours: OurSide<"update">, theirs: KnownOperation): Verdict {
  const { updatedFragments, removedFragmentIds, fieldsModified, insertedRows } = ours.operation.value;
  if (insertedRows !== undefined && theirs.case === "append")
    return retry("it appended rows, whose keys are not known");
  if (insertedRows !== undefined && theirs.case === "update") {
    const reason = judgeKeys(insertedRows, theirs.value.insertedRows);
    if (reason !== undefined) return retry(reason);
  }
  const change = { updated: updatedFragments, removed: removedFragmentIds };
  if (theirs.case === "project") {
    const live = new Set(theirs.value.schema.map((field) => field.id));
    const gone = fieldsModified.find((field) => !live.has(field));
    return gone === undefined ? NONE : retry(`it dropped field ${gone}`);
  }
  if (theirs.case === "dataOverlay") return retry("it laid values over rows that ours may have moved");
  return judgeChange(ours, change, theirs);
}

function judgeChange(ours: Pick<OurSide, "readFragments">, change: FragmentChange, theirs: KnownOperation): Verdict {
  const touched = new Set([...change.updated.map((fragment) => fragment.id), ...change.removed]);
  switch (theirs.case) {
    case "overwrite":
    case "restore":
      return abort(`it is ${describe(theirs)}`);
    case "merge":
      return retry("it is a merge of columns");
    case "rewrite": {
      const moved = rewrittenFragments(theirs).find((id) => touched.has(id));
      return moved === undefined ? NONE : retry(`it rewrote fragment ${moved}`);
    }
    case "dataReplacement": {
      const replaced = theirs.value.replacements.find((group) => touched.has(group.fragmentId));
      return replaced === undefined ? NONE : retry(`it replaced data of fragment ${replaced.fragmentId}`);
    }
    case "delete":
    case "update":
      return judgeSameFragments(ours, change, touched, changeOf(theirs));
    default:
      return NONE;
  }
}

function judgeSameFragments(
  ours: Pick<OurSide, "readFragments">,
  change: FragmentChange,
  touched: ReadonlySet<bigint>,
  theirs: FragmentChange,
): Verdict {
  const gone = theirs.removed.find((id) => touched.has(id));
  if (gone !== undefined) return retry(`it removed fragment ${gone}`);
  const removes = new Set(change.removed);
  const mine = new Map(change.updated.map((fragment) => [fragment.id, fragment]));
  let merge = false;
  for (const fragment of theirs.updated) {
    if (!touched.has(fragment.id)) continue;
    const before = ours.readFragments.get(fragment.id);
    const after = mine.get(fragment.id);
    if (before === undefined || !sameFiles(before, fragment))
      return retry(`it changed columns of fragment ${fragment.id}`);
    // Columns written anew hold the values of all rows, those moved away meanwhile included.
    if (after !== undefined && !sameFiles(before, after))
      return retry(`it changed rows of fragment ${fragment.id}, whose columns ours writes anew`);
    if (sameDeletions(before, fragment)) continue;
    // A whole fragment deleted takes the very rows they deleted from it.
    if (removes.has(fragment.id)) return retry(`it deleted rows of fragment ${fragment.id}, which ours deletes whole`);
    merge = true;
  }
  return merge ? { kind: "merge" } : NONE;
}

/** Our rewrite over theirs: it may only share fragments with what leaves them alone. */
export function judgeRewrite(ours: OurSide<"rewrite">, theirs: KnownOperation): Verdict {
  const touched = new Set(rewrittenFragments(ours.operation));
  const hit = (ids: readonly bigint[], what: string): Verdict => {
    const id = ids.find((candidate) => touched.has(candidate));
    return id === undefined ? NONE : retry(`it ${what} fragment ${id}`);
  };
  switch (theirs.case) {
    case "overwrite":
    case "restore":
      return abort(`it is ${describe(theirs)}`);
    case "merge":
      return retry("it is a merge of columns");
    case "delete":
    case "update": {
      const { updated, removed } = changeOf(theirs);
      return hit([...updated.map((fragment) => fragment.id), ...removed], "changed rows of");
    }
    case "rewrite":
      return hit(rewrittenFragments(theirs), "rewrote");
    case "dataReplacement":
      return hit(
        theirs.value.replacements.map((group) => group.fragmentId),
        "replaced data of",
      );
    case "dataOverlay":
      // Which fragments it touches is in a message this version does not read.
      return retry("it laid values over rows by their place in a fragment");
    case "createIndex":
      return judgeRewriteOverIndex(ours, theirs, touched);
    default:
      return NONE;
  }
}

function judgeRewriteOverIndex(
  ours: OurSide<"rewrite">,
  theirs: OperationOf<"createIndex">,
  touched: ReadonlySet<bigint>,
): Verdict {
  const { newIndices, removedIndices } = theirs.value;
  if (newIndices.some((index) => index.name === FRAGMENT_REUSE_INDEX)) {
    return newIndices.length === 1 && removedIndices.length <= 1
      ? NONE
      : abort("it wrote the fragment reuse index together with others");
  }
  const stable = [...ours.readFragments.values()].some((fragment) => fragment.inlineRowIds !== undefined);
  for (const index of newIndices) {
    const covered = ours.coverage.get(index);
    if (covered === undefined) return retry(`it made "${index.name}", which does not say what it covers`);
    if (ours.defersRemap !== true) {
      const moved = [...touched].find((id) => covered.has(id));
      if (moved !== undefined) return retry(`it made "${index.name}", which covers fragment ${moved}`);
      continue;
    }
    if (stable && ours.holdsRowAddresses?.(index) !== true)
      return retry(`it made "${index.name}", which holds stable row ids`);
    const split = ours.operation.value.groups.some(({ oldFragments }) => {
      const inside = oldFragments.filter((fragment) => covered.has(fragment.id)).length;
      return inside > 0 && inside < oldFragments.length;
    });
    if (split) return retry(`it made "${index.name}", which covers some fragments of a group and not others`);
  }
  return NONE;
}

/** Ids of the fragments a rewrite replaces, in either of its two forms. */
export function rewrittenFragments({ value }: OperationOf<"rewrite">): bigint[] {
  const groups = value.groups.flatMap((group) => group.oldFragments);
  return [...value.oldFragments, ...groups].map((fragment) => fragment.id);
}

function changeOf(operation: OperationOf<"delete" | "update">): FragmentChange {
  return operation.case === "delete"
    ? { updated: operation.value.updatedFragments, removed: operation.value.deletedFragmentIds }
    : { updated: operation.value.updatedFragments, removed: operation.value.removedFragmentIds };
}

/** Why the keys two updates inserted may be the same, if they may. Bloom filters are not compared, only refused. */
function judgeKeys(
  ours: Transaction_KeyExistenceFilter,
  theirs: Transaction_KeyExistenceFilter | undefined,
): string | undefined {
  if (theirs === undefined) return "it does not say which keys it inserted";
  if (ours.fieldIds.join() !== theirs.fieldIds.join()) return "it matched on other key columns";
  if (ours.data.case !== "exact" || theirs.data.case !== "exact") return "it may have inserted the same keys";
  const hashes = new Set(theirs.data.value.keyHashes);
  return ours.data.value.keyHashes.some((hash) => hashes.has(hash)) ? "it inserted some of the same keys" : undefined;
}
