import { toBinary } from "@bufbuild/protobuf";
import {
  DataFileSchema,
  type DataFragment,
  DeletionFileSchema,
  type IndexMetadata,
} from "../proto/gen/lance/table_pb.ts";
import type { Transaction } from "../proto/gen/lance/transaction_pb.ts";

/** What a transaction does, as its protobuf says it. */
export type Operation = Transaction["operation"];
/** The operations this version commits onto an existing table. */
export type RebasableOperation = Extract<Operation, { case: "append" | "delete" | "createIndex" }>;

/**
 * How one of ours stands to one that was committed since ours was read: `none` = both hold; `merge` = both hold once
 * deletion vectors are united; `retry` = ours must be computed again from the new version; `abort` = ours is void.
 */
export interface Verdict {
  readonly kind: "none" | "merge" | "retry" | "abort";
  readonly reason?: string;
}

/** What judging needs to know of our side. */
export interface OurSide {
  readonly operation: RebasableOperation;
  /** Fragments as they were at our read version, by id. */
  readonly readFragments: ReadonlyMap<bigint, DataFragment>;
  /** Fragment ids each new index covers; `undefined` where its bitmap is missing. */
  readonly coverage: ReadonlyMap<IndexMetadata, ReadonlySet<bigint> | undefined>;
}

const NONE: Verdict = { kind: "none" };
const SYSTEM_INDICES: ReadonlySet<string> = new Set(["__lance_frag_reuse", "__lance_mem_wal"]);

/**
 * The conflict table (format page section 1.4), one row for each operation we commit.
 *
 * @param theirs a transaction committed after ours was read; `undefined` when its version records none
 */
export function judgeConflict(ours: OurSide, theirs: Transaction | undefined): Verdict {
  if (theirs === undefined) return retry("that version does not record what it did");
  const operation = theirs.operation;
  // A number in 100–199 we do not know is an operation from a newer writer: it may touch anything.
  if (operation.case === undefined) return abort("it is an operation this version of lancelet does not know");
  switch (ours.operation.case) {
    case "append":
      return judgeAppend(operation);
    case "delete":
      return judgeDelete(ours, ours.operation.value, operation);
    case "createIndex":
      return judgeCreateIndex(ours, ours.operation.value, operation);
  }
}

type KnownOperation = Exclude<Operation, { case: undefined }>;
type DeleteValue = Extract<Operation, { case: "delete" }>["value"];
type CreateIndexValue = Extract<Operation, { case: "createIndex" }>["value"];

function judgeAppend(theirs: KnownOperation): Verdict {
  switch (theirs.case) {
    case "overwrite":
    case "restore":
    case "updateMemWalState":
      return abort(`it is ${describe(theirs)}`);
    case "merge":
    case "project":
      return theirs.value.preservesNullability ? NONE : retry(`it is ${describe(theirs)} that may forbid nulls`);
    default:
      return NONE;
  }
}

function judgeDelete(ours: OurSide, value: DeleteValue, theirs: KnownOperation): Verdict {
  const touched = new Set([...value.updatedFragments.map((fragment) => fragment.id), ...value.deletedFragmentIds]);
  switch (theirs.case) {
    case "overwrite":
    case "restore":
    case "updateMemWalState":
      return abort(`it is ${describe(theirs)}`);
    case "merge":
      return retry("it is a merge of columns");
    case "rewrite": {
      const moved = rewrittenFragments(theirs.value).find((id) => touched.has(id));
      return moved === undefined ? NONE : retry(`it rewrote fragment ${moved}`);
    }
    case "dataReplacement": {
      const replaced = theirs.value.replacements.find((group) => touched.has(group.fragmentId));
      return replaced === undefined ? NONE : retry(`it replaced data of fragment ${replaced.fragmentId}`);
    }
    case "delete":
      return judgeSameFragments(ours, value, touched, theirs.value.updatedFragments, theirs.value.deletedFragmentIds);
    case "update":
      return judgeSameFragments(ours, value, touched, theirs.value.updatedFragments, theirs.value.removedFragmentIds);
    default:
      return NONE;
  }
}

function judgeSameFragments(
  ours: OurSide,
  value: DeleteValue,
  touched: ReadonlySet<bigint>,
  updated: readonly DataFragment[],
  removed: readonly bigint[],
): Verdict {
  const gone = removed.find((id) => touched.has(id));
  if (gone !== undefined) return retry(`it removed fragment ${gone}`);
  const shared = updated.filter((fragment) => touched.has(fragment.id));
  if (shared.length === 0) return NONE;
  const removes = new Set(value.deletedFragmentIds);
  let merge = false;
  for (const fragment of shared) {
    const before = ours.readFragments.get(fragment.id);
    if (before === undefined || !sameFiles(before, fragment))
      return retry(`it changed columns of fragment ${fragment.id}`);
    if (sameDeletions(before, fragment)) continue;
    // A whole fragment deleted takes the very rows they deleted from it.
    if (removes.has(fragment.id)) return retry(`it deleted rows of fragment ${fragment.id}, which ours deletes whole`);
    merge = true;
  }
  return merge ? { kind: "merge" } : NONE;
}

function judgeCreateIndex(ours: OurSide, value: CreateIndexValue, theirs: KnownOperation): Verdict {
  switch (theirs.case) {
    case "overwrite":
    case "restore":
    case "updateMemWalState":
      return abort(`it is ${describe(theirs)}`);
    case "createIndex":
      return judgeIndexNames(value, theirs.value);
    case "rewrite": {
      const moved = rewrittenFragments(theirs.value);
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
      const special = value.newIndices.find((index) => index.name === "__lance_mem_wal");
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
  for (const name of created) {
    if (SYSTEM_INDICES.has(name) && ours.newIndices.some((index) => index.name === name))
      return retry(`it wrote "${name}"`);
    if (!removed.has(name) && weRemove.has(name)) return retry(`it added to "${name}", which ours replaces or drops`);
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

/** An index's uuid as text, to compare by. */
export function uuidOf(index: IndexMetadata): string {
  return Array.from(index.uuid?.uuid ?? [], (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function rewrittenFragments(value: Extract<Operation, { case: "rewrite" }>["value"]): bigint[] {
  const groups = value.groups.flatMap((group) => group.oldFragments);
  return [...value.oldFragments, ...groups].map((fragment) => fragment.id);
}

/** Whether two states of a fragment have the same data files, to the byte. */
export function sameFiles(a: DataFragment, b: DataFragment): boolean {
  return (
    a.files.length === b.files.length &&
    a.files.every((file, i) => sameBytes(toBinary(DataFileSchema, file), toBinary(DataFileSchema, b.files[i]!)))
  );
}

/** Whether two states of a fragment have the same rows deleted: by the file's name, since a new file replaces it. */
export function sameDeletions(a: DataFragment, b: DataFragment): boolean {
  const left = a.deletionFile;
  const right = b.deletionFile;
  if (left === undefined || right === undefined) return left === right;
  return sameBytes(toBinary(DeletionFileSchema, left), toBinary(DeletionFileSchema, right));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function describe(theirs: KnownOperation): string {
  const article = /^[aeiou]/.test(theirs.case) ? "an" : "a";
  return `${article} ${theirs.case.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`;
}

function retry(reason: string): Verdict {
  return { kind: "retry", reason };
}

function abort(reason: string): Verdict {
  return { kind: "abort", reason };
}
