import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { checkWriterFlags } from "../../table/manifest/feature-flags.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { commitProject } from "../columns/commit-columns.ts";
import { replaceField, resolveFieldPath } from "../columns/field-path.ts";
import { CONFLICT_KEYS, type ConflictOptions, retryConflicts } from "../retry-conflicts.ts";

const OPTION_KEYS = new Set(CONFLICT_KEYS);

/**
 * Takes columns out of the schema, with the indexes on them. No data is written or removed: a compaction does that. A
 * struct that loses its last field goes too.
 *
 * @param paths column names, or paths of fields in structs (`a.b`)
 * @throws INVALID_ARGUMENT (no such column, all of them), UNSUPPORTED, COMMIT_CONFLICT, IO, ABORTED
 */
export async function dropColumns(
  snapshot: Snapshot,
  paths: readonly string[],
  options: ConflictOptions = {},
): Promise<Snapshot> {
  if (!Array.isArray(paths) || paths.length === 0) {
    throw new LanceError("INVALID_ARGUMENT", "dropColumns: expected the names of the columns to drop", {});
  }
  checkOptionNames(options, OPTION_KEYS, "dropColumns");
  const attempt = async (current: Snapshot): Promise<Snapshot> => {
    checkWriterFlags(current.manifest);
    requireWritable(current.store, current.uri);
    let fields: readonly LanceField[] = current.schema.fields;
    for (const path of new Set(paths)) {
      const chain = resolveFieldPath(current.schema, path);
      checkDroppable(path, chain);
      fields = replaceField(fields, chain, () => undefined);
    }
    const { signal } = options;
    return commitProject(current, dropEmptyStructs(fields, current.schema.fields), {
      preservesNullability: true,
      signal,
    });
  };
  return retryConflicts(snapshot, attempt, options);
}

function checkDroppable(path: string, chain: readonly LanceField[]): void {
  const outer = chain.slice(0, -1).find((field) => field.logicalType !== "struct");
  if (outer === undefined) return;
  throw new LanceError(
    "UNSUPPORTED",
    `dropColumns: "${path}" lies in "${outer.name}" of type ${outer.logicalType}; only fields of structs can be dropped`,
    { column: path, logicalType: outer.logicalType },
  );
}

/** Structs that had fields and have none now are gone. */
function dropEmptyStructs(fields: readonly LanceField[], before: readonly LanceField[]): LanceField[] {
  return fields.flatMap((field) => {
    const old = before.find((candidate) => candidate.id === field.id)!;
    const children = dropEmptyStructs(field.children, old.children);
    if (children.length === 0 && old.children.length > 0) return [];
    return [children.length === field.children.length ? field : { ...field, children }];
  });
}
