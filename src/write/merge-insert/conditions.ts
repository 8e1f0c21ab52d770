import { Field, type RecordBatch, Schema } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { Expression } from "../../expr/ast.ts";
import { bindExpression } from "../../expr/bind.ts";
import { selectIndices } from "../../expr/bitset.ts";
import { columnsOf } from "../../expr/bound.ts";
import { compileExpression } from "../../expr/compile/compile.ts";
import { parseFilter } from "../../expr/parse.ts";
import type { LanceField, LanceSchema } from "../../format/schema.ts";
import { gatherData } from "../../table/rows/gather-data.ts";
import { makeBatch } from "../../table/rows/record-batches.ts";
import type { SourceRows } from "./held-source.ts";

/** Which pairs of a source row and a table row pass. */
export interface PairCondition {
  /** Columns of the table that must be in the batch. */
  readonly targetFields: readonly LanceField[];
  /** Positions among the pairs given, ascending. */
  select(target: RecordBatch, targetRows: Uint32Array, sourceRows: Uint32Array): ArrayLike<number>;
}

/**
 * A condition over `source.column` and `target.column`.
 * @throws INVALID_ARGUMENT (also for a column with neither prefix), SCHEMA_MISMATCH, UNSUPPORTED
 */
export function compilePairCondition(
  sql: string,
  sides: { readonly source: readonly LanceField[]; readonly target: readonly LanceField[] },
  rows: SourceRows,
): PairCondition {
  const prefixed = (["source", "target"] as const).flatMap((side) =>
    sides[side].map((field) => ({ ...field, name: `${side}.${field.name}`, nullable: true })),
  );
  const bound = bindExpression(qualifyColumns(parseFilter(sql)), { fields: prefixed, metadata: {} });
  const evaluate = compileExpression(bound);
  const used = columnsOf(bound).map((name) => {
    const side = name.startsWith("source.") ? "source" : "target";
    const fields = sides[side];
    const position = fields.findIndex((field) => `${side}.${field.name}` === name);
    return { name, side, position, field: fields[position]! };
  });
  return {
    targetFields: used.flatMap(({ side, field }) => (side === "target" ? [field] : [])),
    select(target, targetRows, sourceRows) {
      const columns = used.map(({ side, position, field }) => {
        if (side === "source") return rows.gather(position, sourceRows);
        const at = target.schema.fields.findIndex((each) => each.name === field.name);
        return gatherData([target.data.children[at]!], { rows: targetRows });
      });
      const schema = new Schema(used.map(({ name }, i) => new Field(name, columns[i]!.type, true)));
      return selectIndices(evaluate(makeBatch(schema, columns, sourceRows.length)).values);
    },
  };
}

/** A condition over the table's own columns. @throws as {@link bindExpression} */
export function compileTargetCondition(
  sql: string,
  schema: LanceSchema,
): { readonly targetFields: readonly LanceField[]; select(target: RecordBatch): ArrayLike<number> } {
  const bound = bindExpression(parseFilter(sql), schema);
  const evaluate = compileExpression(bound);
  const names = new Set(columnsOf(bound));
  return {
    targetFields: schema.fields.filter((field) => names.has(field.name)),
    select: (target) => selectIndices(evaluate(target).values),
  };
}

/** `source.a.b` → the column "source.a" and its field b, so that both sides stand in one schema. */
function qualifyColumns(expression: Expression): Expression {
  const visit = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== "object" || node === null) return node;
    if ((node as Expression).kind === "column") return qualify(node as Extract<Expression, { kind: "column" }>);
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, visit(value)]));
  };
  return visit(expression) as Expression;
}

function qualify(column: Extract<Expression, { kind: "column" }>): Expression {
  const [side, name, ...rest] = column.path;
  const prefix = side?.toLowerCase();
  if ((prefix === "source" || prefix === "target") && name !== undefined) {
    return { ...column, path: [`${prefix}.${name}`, ...rest] };
  }
  const received = column.path.join(".");
  throw new LanceError(
    "INVALID_ARGUMENT",
    `mergeInsert: where: column ${received} stands on both sides; write source.${received} for the new row, target.${received} for the old one`,
    { column: received },
  );
}
