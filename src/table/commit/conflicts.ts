import type { Transaction } from "../../proto/gen/lance/transaction_pb.ts";
import { judgeOverwrite, judgeUpdateConfig } from "./conflict-config.ts";
import { judgeDelete, judgeRewrite, judgeUpdate } from "./conflict-fragments.ts";
import { judgeCreateIndex } from "./conflict-indices.ts";
import { abort, describe, NONE, type OurSide, retry, type Verdict } from "./conflict-verdict.ts";
import { isMemWal } from "./index-identity.ts";
import type { KnownOperation, OperationOf, RebasableOperation } from "./operation.ts";
import { readConfigChanges } from "./update-map.ts";

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
  return judgeEitherOrder(ours.operation, operation) ?? judgeRow(ours, operation);
}

/** Pairs that conflict whichever of them came first. */
function judgeEitherOrder(ours: RebasableOperation, theirs: KnownOperation): Verdict | undefined {
  if (mayForbidNulls(theirs) && suppliesValues(ours)) return retry(`it is ${describe(theirs)} that may forbid nulls`);
  if (mayForbidNulls(ours) && suppliesValues(theirs)) {
    return retry(`it is ${describe(theirs)}, whose rows the new schema was not checked against`);
  }
  const carriesSchema = "which carries a whole schema, and metadata of the schema or its fields changed";
  if (ours.case === "merge" && changesSchemaMetadata(theirs)) return retry(`ours is a merge, ${carriesSchema}`);
  if (changesSchemaMetadata(ours) && theirs.case === "merge") return retry(`it is a merge, ${carriesSchema}`);
  if (
    (ours.case === "restore" && changesSchemaMetadata(theirs)) ||
    (changesSchemaMetadata(ours) && theirs.case === "restore")
  ) {
    return abort("a restored version has a schema of its own, and metadata of the schema or its fields changed");
  }
  return undefined;
}

function judgeRow(ours: OurSide, theirs: KnownOperation): Verdict {
  const { operation } = ours;
  switch (operation.case) {
    case "append":
      return judgeAppend(operation, theirs);
    case "delete":
      return judgeDelete({ ...ours, operation }, theirs);
    case "update":
      return judgeUpdate({ ...ours, operation }, theirs);
    case "rewrite":
      return judgeRewrite({ ...ours, operation }, theirs);
    case "createIndex":
      return judgeCreateIndex({ ...ours, operation }, theirs);
    case "overwrite":
      return judgeOverwrite(operation, theirs);
    case "updateConfig":
      return judgeUpdateConfig(operation, theirs);
    case "merge":
      return judgeMerge(theirs);
    case "project":
      return judgeProject(theirs);
    case "restore":
      return theirs.case === "updateMemWalState" ? abort(`it is ${describe(theirs)}`) : NONE;
    case "reserveFragments":
      return replacesTable(theirs) ? abort(`it is ${describe(theirs)}`) : NONE;
  }
}

/**
 * Native lets an append stand over every merge. A merge that casts a column gives it a new field id, though, and values
 * written under the old one would be read as nulls.
 */
function judgeAppend({ value }: OperationOf<"append">, theirs: KnownOperation): Verdict {
  if (replacesTable(theirs) || theirs.case === "updateMemWalState") return abort(`it is ${describe(theirs)}`);
  if (theirs.case !== "merge") return NONE;
  const live = new Set(theirs.value.schema.map((field) => field.id));
  const lost = value.fragments
    .flatMap(({ files }) => files.flatMap(({ fields }) => fields))
    .find((field) => field >= 0 && !live.has(field));
  return lost === undefined ? NONE : retry(`it wrote the column of field ${lost} anew, as a cast does`);
}

function judgeMerge(theirs: KnownOperation): Verdict {
  switch (theirs.case) {
    case "overwrite":
    case "restore":
    case "project":
    case "updateMemWalState":
      return abort(`it is ${describe(theirs)}`);
    case "append":
    case "delete":
    case "update":
    case "rewrite":
    case "merge":
    case "dataReplacement":
    case "dataOverlay":
      return retry(`it is ${describe(theirs)}, and a merge names every fragment`);
    case "createIndex":
      return theirs.value.newIndices.some(isMemWal) ? retry("it installed a write-ahead log") : NONE;
    default:
      return NONE;
  }
}

function judgeProject(theirs: KnownOperation): Verdict {
  switch (theirs.case) {
    case "overwrite":
    case "restore":
    case "updateMemWalState":
      return abort(`it is ${describe(theirs)}`);
    case "merge":
    case "project":
      return retry(`it is ${describe(theirs)}, which changed the schema too`);
    default:
      return NONE;
  }
}

function replacesTable(theirs: KnownOperation): boolean {
  return theirs.case === "overwrite" || theirs.case === "restore";
}

function mayForbidNulls(operation: KnownOperation): boolean {
  return (operation.case === "project" || operation.case === "merge") && !operation.value.preservesNullability;
}

function suppliesValues(operation: KnownOperation): boolean {
  return ["append", "update", "dataReplacement", "dataOverlay"].includes(operation.case);
}

function changesSchemaMetadata(operation: KnownOperation): boolean {
  if (operation.case !== "updateConfig") return false;
  const { schemaMetadata, fieldMetadata } = readConfigChanges(operation.value);
  return [schemaMetadata, ...fieldMetadata.values()].some(
    (update) => update !== undefined && (update.replace || update.entries.size > 0),
  );
}
