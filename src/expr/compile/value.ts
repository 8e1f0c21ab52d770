import { type Data, type DataType, type Dictionary, makeData, type RecordBatch, Type } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { encodeDictionary } from "../../format/read/encode-dictionary.ts";
import { arrowTypeOf, fromArrowType } from "../arrow-type.ts";
import { makeCast } from "../bind-cast.ts";
import { type BoundExpression, typeOf } from "../bound.ts";
import { formatLiteral } from "../format-literal.ts";
import { coerceLiteral } from "../literal.ts";
import { isNullable } from "../nullability.ts";
import { describeCastType, type ValueType } from "../value-type.ts";
import { evaluateVector } from "./evaluate.ts";
import { findColumn } from "./read-vector.ts";
import { toArrowData, unpackDictionary } from "./to-data.ts";

/** An expression ready to compute a column. */
export interface CompiledValue {
  readonly type: DataType;
  /** Whether a result can be NULL. */
  readonly nullable: boolean;
  /** The column for a batch that has the columns of `columnsOf(bound)`, found by name. One value per row. */
  evaluate(batch: RecordBatch): Data;
}

/**
 * Compiles an expression to a function from batches to Arrow data. A column alone is passed on as it is, without a copy.
 *
 * @param options `outputType`: the type to give the result. As native's update has it: a literal must fit it exactly,
 * anything else is cast
 * @throws INVALID_ARGUMENT when there is no cast to `outputType`; SCHEMA_MISMATCH when a literal does not fit it
 * @throws (`evaluate`) INVALID_ARGUMENT on an integer division by zero, or a value its type cannot hold
 * @example
 * const { type, evaluate } = compileValue(bindValue(parseExpression("size * 2"), schema));
 */
export function compileValue(
  bound: BoundExpression,
  options: { outputType?: DataType | undefined } = {},
): CompiledValue {
  const converted = options.outputType === undefined ? bound : convertTo(bound, options.outputType);
  const type = options.outputType ?? arrowTypeOf(converted);
  const nullable = isNullable(converted);
  if (converted.kind === "column") {
    const evaluate = (batch: RecordBatch) => {
      const data = findColumn(batch, converted.name);
      return options.outputType === undefined ? data : pack(data, converted.type, type);
    };
    return { type, nullable, evaluate };
  }
  const valueType = typeOf(converted);
  return {
    type,
    nullable,
    evaluate: (batch) => {
      const length = batch.numRows;
      if (length === 0) return makeEmpty(type);
      const vector = evaluateVector(converted, { batch, length, skipped: null });
      return pack(toArrowData(vector, valueType), valueType, type);
    },
  };
}

function convertTo(bound: BoundExpression, outputType: DataType): BoundExpression {
  const type = fromArrowType(outputType);
  const literal =
    bound.kind === "constant" ? ({ kind: "literal", type: typeOf(bound), value: bound.value } as const) : bound;
  if (literal.kind !== "literal") return makeCast(literal, type);
  const value = coerceLiteral(literal, type);
  if (value !== undefined) return { kind: "literal", type, value };
  const [expected, received] = [describeCastType(type), formatLiteral(literal)];
  throw new LanceError("SCHEMA_MISMATCH", `expected a value of type ${expected}, received ${received}`, {
    expected,
    received,
  });
}

/** Data of the value type in the Arrow type asked for: dictionaries are packed and unpacked. */
function pack(data: Data, valueType: ValueType, type: DataType): Data {
  if (String(data.type) === String(type)) return data;
  const plain = unpackDictionary(data, valueType);
  return type.typeId === Type.Dictionary ? encodeDictionary(type as Dictionary, plain, "value") : plain;
}

function makeEmpty(type: DataType): Data {
  return makeData({ type, length: 0 } as never);
}
