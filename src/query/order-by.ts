import { LanceError } from "../errors.ts";
import { bindValue } from "../expr/bind.ts";
import { type BoundExpression, typeOf } from "../expr/bound.ts";
import { describeCastType, type ValueType } from "../expr/value-type.ts";
import type { LanceSchema } from "../format/schema.ts";
import { parseFieldPath } from "./field-path.ts";
import { ROW_COLUMNS, withSystemFields } from "./system-columns.ts";

/** One column rows are ordered by. */
export interface ColumnOrdering {
  /** A column, or the path of a nested field. */
  readonly column: string;
  /** Default true. */
  readonly ascending?: boolean | undefined;
  /** Default false: NULL comes last, also when descending. */
  readonly nullsFirst?: boolean | undefined;
}

/** A resolved ordering. */
export interface SortKey {
  readonly name: string;
  readonly bound: BoundExpression;
  readonly type: ValueType;
  readonly ascending: boolean;
  readonly nullsFirst: boolean;
}

/**
 * Resolves `orderBy`.
 * @throws INVALID_ARGUMENT on an unknown column, or one of a type without order
 */
export function resolveOrder(
  schema: LanceSchema,
  orderBy: string | ColumnOrdering | readonly (string | ColumnOrdering)[],
): SortKey[] {
  const known = withSystemFields(schema, ROW_COLUMNS);
  const list = Array.isArray(orderBy) ? (orderBy as readonly (string | ColumnOrdering)[]) : [orderBy as string];
  return list.map((given) => {
    const ordering: ColumnOrdering = typeof given === "string" ? { column: given } : given;
    const { column: name, ascending = true, nullsFirst = false } = checkOrdering(ordering);
    const isColumn = known.fields.some((field) => field.name === name);
    const path = isColumn ? [name] : parseFieldPath(name);
    if (path === undefined) throw invalid("a column or the path of a nested field", name);
    const bound = bindValue({ kind: "column", path, quoted: true, position: 0 }, known);
    const type = typeOf(bound);
    if (!isSortable(type)) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `orderBy: column "${name}" of type ${describeCastType(type)} has no order; order by one of its fields`,
        { column: name, received: describeCastType(type) },
      );
    }
    return { name, bound, type, ascending, nullsFirst };
  });
}

function checkOrdering(ordering: ColumnOrdering): ColumnOrdering {
  const isFlag = (value: unknown) => value === undefined || typeof value === "boolean";
  const known = new Set(["column", "ascending", "nullsFirst"]);
  const isGood =
    typeof ordering === "object" &&
    ordering !== null &&
    typeof ordering.column === "string" &&
    isFlag(ordering.ascending) &&
    isFlag(ordering.nullsFirst) &&
    Object.keys(ordering).every((key) => known.has(key));
  if (!isGood) throw invalid("a column, or { column, ascending, nullsFirst }", ordering);
  return ordering;
}

function isSortable(type: ValueType): boolean {
  return type.kind === "list" ? isSortable(type.item) : type.kind !== "struct" && type.kind !== "other";
}

function invalid(expected: string, received: unknown): LanceError {
  return new LanceError("INVALID_ARGUMENT", `orderBy: expected ${expected}, received ${JSON.stringify(received)}`, {
    expected,
    received,
  });
}
