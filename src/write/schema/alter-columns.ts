import { type DataType, Field, Schema } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { toArrowField, toArrowType } from "../../format/arrow-schema.ts";
import { fromArrowSchema } from "../../format/from-arrow-schema.ts";
import type { LanceField } from "../../format/schema.ts";
import type { DataFragment } from "../../proto/gen/lance/table_pb.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import { commitFiles } from "../../table/commit/commit-files.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { checkWriterFlags } from "../../table/manifest/feature-flags.ts";
import { nextFieldId } from "../../table/manifest/field-ids.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { compileCast, type FieldCast } from "../columns/cast-field.ts";
import { isCastable } from "../columns/cast-rules.ts";
import { checkNoNulls } from "../columns/check-no-nulls.ts";
import { commitMerge, commitProject } from "../columns/commit-columns.ts";
import { computeColumns } from "../columns/compute-columns.ts";
import { replaceField, resolveFieldPath } from "../columns/field-path.ts";
import { writeColumns } from "../columns/write-columns.ts";
import { toPlainSchema } from "../input/plain-schema.ts";
import { CONFLICT_KEYS, type ConflictOptions, retryConflicts } from "../retry-conflicts.ts";
import { checkColumnNames } from "./check-column-names.ts";
import { listFieldIds } from "./field-ids.ts";

/** A change of one column. */
export interface ColumnAlteration {
  /** Its name, or the path of a field in a struct: `a.b`. */
  readonly path: string;
  /** Its new name; the last part of the path only. */
  readonly rename?: string | undefined;
  /** Its new type, of the same kind: another integer, another float, another unit of time. */
  readonly dataType?: DataType | undefined;
  /** `false` is refused while it holds a null. */
  readonly nullable?: boolean | undefined;
}

const ALTERATION_KEYS = new Set<string>([
  "path",
  "rename",
  "dataType",
  "nullable",
] satisfies (keyof ColumnAlteration)[]);
const OPTION_KEYS = new Set(CONFLICT_KEYS);

/**
 * Renames columns, lets them be null or not, or casts them. Names and nullability are the schema's alone; a cast writes
 * the column anew, under a new field id, to files beside the old ones. Indexes stay, and a column that has one is not
 * cast: drop the index first.
 *
 * @throws INVALID_ARGUMENT (no such column, a name that is taken, nulls, a value that does not fit), UNSUPPORTED,
 * COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED; the table is then as it was
 */
export async function alterColumns(
  snapshot: Snapshot,
  alterations: readonly ColumnAlteration[],
  options: ConflictOptions = {},
): Promise<Snapshot> {
  checkOptionNames(options, OPTION_KEYS, "alterColumns");
  checkAlterations(alterations);
  const attempt = async (current: Snapshot): Promise<Snapshot> => {
    checkWriterFlags(current.manifest);
    requireWritable(current.store, current.uri);
    const plan = await planAlterations(current, alterations, options.signal);
    if (plan.casts.length > 0) return commitCasts(current, plan, options.signal);
    const { fields, tightens } = plan;
    return commitProject(current, fields, { preservesNullability: !tightens, signal: options.signal });
  };
  return retryConflicts(snapshot, attempt, options);
}

interface AlterationPlan {
  readonly fields: readonly LanceField[];
  /** Top-level fields with casts in them. */
  readonly casts: readonly FieldCast[];
  readonly tightens: boolean;
}

async function planAlterations(
  snapshot: Snapshot,
  alterations: readonly ColumnAlteration[],
  signal: AbortSignal | undefined,
): Promise<AlterationPlan> {
  let fields: readonly LanceField[] = snapshot.schema.fields;
  /** New fields by the id of the old one. */
  const casts = new Map<number, LanceField>();
  let tightens = false;
  let nextId = nextFieldId(snapshot.manifest);
  for (const { path, rename, dataType, nullable } of alterations) {
    const chain = resolveFieldPath(snapshot.schema, path);
    const field = chain.at(-1)!;
    if (nullable === false && field.nullable) {
      await checkNoNulls(snapshot, chain, path, signal);
      tightens = true;
    }
    const change = (now: LanceField): LanceField => ({
      ...now,
      name: rename ?? now.name,
      nullable: nullable ?? now.nullable,
    });
    if (dataType !== undefined && String(toArrowType(field)) !== String(dataType)) {
      checkCast(snapshot, chain, path, dataType);
      const next = makeCastField(change(field), dataType, nextId);
      nextId += listFieldIds(next).length;
      casts.set(field.id, next);
      fields = replaceField(fields, chain, () => next);
    } else fields = replaceField(fields, chain, change);
  }
  if (tightens && casts.size > 0) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      "alterColumns: a cast and a change to not nullable in one call; cast first, then forbid nulls in a second call",
      {},
    );
  }
  checkColumnNames(fields);
  const byId = new Map(fields.map((field) => [field.id, field]));
  const changed = snapshot.schema.fields.flatMap((before) => {
    const cut = cutToCasts(before, casts);
    if (cut === undefined) return [];
    const top = casts.get(before.id) ?? byId.get(before.id)!;
    return [{ before: cut, after: casts.has(before.id) ? top : cutAfter(cut, top, casts) }];
  });
  return { fields, casts: changed, tightens };
}

/** A tree with only the fields that are cast, and the structs they lie in. */
function cutToCasts(field: LanceField, casts: ReadonlyMap<number, LanceField>): LanceField | undefined {
  if (casts.has(field.id)) return field;
  const children = field.children.flatMap((child) => cutToCasts(child, casts) ?? []);
  return children.length === 0 ? undefined : { ...field, children };
}

/** The same tree of the new schema. */
function cutAfter(before: LanceField, after: LanceField, casts: ReadonlyMap<number, LanceField>): LanceField {
  const children = before.children.map((child) => {
    const cast = casts.get(child.id);
    return cast ?? cutAfter(child, after.children.find((candidate) => candidate.id === child.id)!, casts);
  });
  return { ...after, children };
}

/** A new field of that type in the place of another: new ids, no metadata, as native. */
function makeCastField(field: LanceField, dataType: DataType, firstFieldId: number): LanceField {
  const arrow = new Schema([new Field(field.name, dataType, field.nullable)]);
  const [made] = fromArrowSchema(toPlainSchema(arrow), { firstFieldId }).fields;
  return { ...made!, parentId: field.parentId };
}

/** @throws INVALID_ARGUMENT, UNSUPPORTED */
function checkCast(snapshot: Snapshot, chain: readonly LanceField[], path: string, dataType: DataType): void {
  const field = chain.at(-1)!;
  const from = toArrowType(field);
  if (!isCastable(from, dataType)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `alterColumns: "${path}" cannot change from ${from} to ${dataType}; expected another type of its kind. Add a column by an expression instead`,
      { column: path, from: String(from), to: String(dataType) },
    );
  }
  const outer = chain.slice(0, -1).find((each) => each.logicalType !== "struct");
  if (outer !== undefined) {
    throw new LanceError(
      "UNSUPPORTED",
      `alterColumns: "${path}" lies in "${outer.name}" of type ${outer.logicalType}; only columns and fields of structs can be cast`,
      { column: path, logicalType: outer.logicalType },
    );
  }
  const ids = new Set(listFieldIds(field));
  const indices = snapshot.indices.filter((index) => index.fields.some((id) => ids.has(id)));
  if (indices.length > 0) {
    const names = [...new Set(indices.map((index) => index.name))];
    throw new LanceError(
      "INVALID_ARGUMENT",
      `alterColumns: "${path}" has the index ${names.join(", ")}, which a cast would make wrong; drop it first and create it again after`,
      { column: path, indexes: names },
    );
  }
}

async function commitCasts(
  snapshot: Snapshot,
  plan: AlterationPlan,
  signal: AbortSignal | undefined,
): Promise<Snapshot> {
  const { fields, casts } = plan;
  const store = requireWritable(snapshot.store, snapshot.uri);
  const steps = casts.map((cast) => compileCast(cast));
  const schema = new Schema(casts.map(({ after }) => toArrowField(after)));
  const written = await writeColumns(snapshot, store, {
    fields: () => casts.map(({ after }) => after),
    makeBatches: (fragment) =>
      computeColumns(snapshot, fragment, {
        readFields: casts.map(({ before }) => before),
        compute: async (batch) => ({ schema, columns: steps.map((cast, i) => cast(batch.data.children[i]!)) }),
        resultSchema: () => schema,
        signal,
      }),
    signal,
  });
  const live = new Set(fields.flatMap(listFieldIds));
  const fragments = written.fragments.map((fragment) => dropUnusedFiles(fragment, live));
  // Data written for the old schema lacks the new field: no harm where that may be null, and all it lies in.
  const preservesNullability = casts.every(({ after }) => after.nullable && allCastsNullable(after));
  return commitFiles(store, written.paths, () =>
    commitMerge(snapshot, { fields, fragments }, { preservesNullability, signal }),
  );
}

function allCastsNullable(field: LanceField): boolean {
  return field.children.every((child) => child.nullable && allCastsNullable(child));
}

/** Files none of whose columns the schema names any more. */
function dropUnusedFiles(fragment: DataFragment, live: ReadonlySet<number>): DataFragment {
  return { ...fragment, files: fragment.files.filter((file) => file.fields.some((id) => live.has(id))) };
}

function checkAlterations(alterations: readonly ColumnAlteration[]): void {
  const isWrong = (each: ColumnAlteration) =>
    typeof each?.path !== "string" ||
    (each.rename === undefined && each.dataType === undefined && each.nullable === undefined);
  if (Array.isArray(alterations) && alterations.length > 0 && !alterations.some(isWrong)) {
    for (const each of alterations) checkOptionNames(each, ALTERATION_KEYS, "alterColumns");
    const paths = alterations.map(({ path }) => path);
    const twice = paths.find((path, i) => paths.indexOf(path) !== i);
    if (twice === undefined) return;
    throw new LanceError("INVALID_ARGUMENT", `alterColumns: "${twice}" is altered twice; give one alteration`, {
      column: twice,
    });
  }
  throw new LanceError(
    "INVALID_ARGUMENT",
    'alterColumns: expected alterations such as { path: "size", rename: "bytes" }, each with a path and one of rename, dataType and nullable',
    {},
  );
}
