import type { IndexMetadata } from "../../proto/gen/lance/table_pb.ts";
import { rewrittenFragments } from "./conflict-fragments.ts";
import { abort, describe, NONE, type OurSide, retry, type Verdict } from "./conflict-verdict.ts";
import { formatUuidBytes, isMemWal, isSystemIndex, uuidOf } from "./index-identity.ts";
import type { KnownOperation, OperationOf } from "./operation.ts";

type CreateIndexValue = OperationOf<"createIndex">["value"];

/** Our new or dropped indexes over theirs. */
export function judgeCreateIndex(ours: OurSide<"createIndex">, theirs: KnownOperation): Verdict {
  const { value } = ours.operation;
  switch (theirs.case) {
    case "overwrite":
    case "restore":
    case "updateMemWalState":
      return abort(`it is ${describe(theirs)}`);
    case "createIndex":
      return judgeIndexNames(value, theirs.value);
    case "rewrite": {
      const replaced = new Set(value.removedIndices.map(uuidOf));
      const remapped = theirs.value.rewrittenIndices.find(({ oldId }) => replaced.has(formatUuidBytes(oldId?.uuid)));
      // The segment goes on under another uuid, which ours does not take out.
      if (remapped !== undefined) return retry("it wrote a segment anew that ours replaces or drops");
      const moved = rewrittenFragments(theirs);
      for (const index of value.newIndices) {
        const covered = ours.coverage.get(index);
        if (covered === undefined)
          return retry(`it rewrote fragments, and "${index.name}" does not say what it covers`);
        const hit = moved.find((id) => covered.has(id));
        if (hit !== undefined) return retry(`it rewrote fragment ${hit}, which "${index.name}" covers`);
      }
      return NONE;
    }
    case "dataReplacement": {
      const fields = new Set(theirs.value.replacements.flatMap((group) => group.newFile?.fields ?? []));
      const hit = value.newIndices.find((index) => index.fields.some((field) => fields.has(field)));
      return hit === undefined ? NONE : retry(`it replaced the column of "${hit.name}"`);
    }
    case "merge": {
      const special = value.newIndices.find(isMemWal);
      return special === undefined ? NONE : retry(`it is a merge of columns, which "${special.name}" depends on`);
    }
    default:
      return NONE;
  }
}

function judgeIndexNames(ours: CreateIndexValue, theirs: CreateIndexValue): Verdict {
  const created = names(theirs.newIndices);
  const removed = names(theirs.removedIndices);
  const weRemove = names(ours.removedIndices);
  for (const { name } of ours.newIndices) {
    if (created.has(name)) return retry(`it created "${name}" too`);
    // A segment added to an index says nothing of the index it joins, so a drop of that index must not be undone.
    if (!weRemove.has(name) && removed.has(name)) return retry(`it dropped "${name}"`);
  }
  for (const index of theirs.newIndices) {
    if (isSystemIndex(index) && ours.newIndices.some(({ name }) => name === index.name))
      return retry(`it wrote "${index.name}"`);
    if (!removed.has(index.name) && weRemove.has(index.name))
      return retry(`it added to "${index.name}", which ours replaces or drops`);
  }
  const theirUuids = new Set(theirs.removedIndices.map(uuidOf));
  const weAdd = names(ours.newIndices);
  for (const index of ours.removedIndices) {
    if (!theirUuids.has(uuidOf(index))) continue;
    if (weAdd.has(index.name) || created.has(index.name)) return retry(`it replaced a segment of "${index.name}" too`);
  }
  return NONE;
}

function names(indices: readonly IndexMetadata[]): Set<string> {
  return new Set(indices.map((index) => index.name));
}
