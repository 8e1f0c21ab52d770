import type { Data, RecordBatch } from "apache-arrow";
import { isLanceError, LanceError } from "../errors.ts";
import { bindValue } from "../expr/bind.ts";
import { compileValue } from "../expr/compile/value.ts";
import { parseExpression } from "../expr/parse.ts";
import type { LanceField, LanceSchema } from "../format/schema.ts";
import { gatherData } from "../table/rows/gather-data.ts";
import { buildValues } from "./input/build-values.ts";
import { toInputType } from "./input/input-schema.ts";

/** New values of one column for every row of a batch. */
export interface ColumnValues {
  /** @param batch all columns of the table */
  evaluate(batch: RecordBatch): Data;
}

/**
 * The same value for every row.
 * @throws SCHEMA_MISMATCH, DIMENSION_MISMATCH naming the column, what was expected and what was received
 */
export function planConstant(field: LanceField, value: unknown): ColumnValues {
  const one = buildValues(toInputType(field), [value], {
    nullable: field.nullable,
    fail: (_, expected, code = "SCHEMA_MISMATCH") => {
      throw new LanceError(code, `column "${field.name}": expected ${expected}, received ${describe(value)}`, {
        column: field.name,
        expected,
        received: describe(value),
      });
    },
  });
  return { evaluate: (batch) => gatherData([one], { rows: new Uint32Array(batch.numRows) }) };
}

/**
 * The value of an SQL expression over the row, cast to the column's type.
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED naming the column
 */
export function planSqlValue(field: LanceField, sql: string, schema: LanceSchema): ColumnValues {
  const named = nameColumn(field.name, sql);
  const { evaluate } = named(() =>
    compileValue(bindValue(parseExpression(sql), schema), { outputType: toInputType(field) }),
  );
  return { evaluate: (batch) => named(() => evaluate(batch)) };
}

/** Runs a step, and names column and expression in the error it throws. */
function nameColumn(column: string, sql: string): <T>(step: () => T) => T {
  return (step) => {
    try {
      return step();
    } catch (error) {
      if (!isLanceError(error)) throw error;
      throw new LanceError(
        error.code,
        `column "${column}" = ${sql}: ${error.message}`,
        { ...error.details, column, expression: sql },
        { cause: error },
      );
    }
  };
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return "no value";
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "object") return Object.prototype.toString.call(value).slice(8, -1);
  return `${typeof value} ${String(value)}`;
}
