import { type Data, type DataType, Field, makeData, type RecordBatch, Schema, Struct } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { bindValue } from "../../expr/bind.ts";
import { type CompiledValue, compileValue } from "../../expr/compile/value.ts";
import { toArrowField, toArrowType } from "../../format/arrow-schema.ts";
import type { LanceField } from "../../format/schema.ts";
import { makeBatch } from "../../table/rows/record-batches.ts";

/** A field with some leaves of another type, as it is written: only those, and the structs they lie in. */
export interface FieldCast {
  readonly before: LanceField;
  /** The same tree, with new ids and types where it is cast. */
  readonly after: LanceField;
}

/** A function that casts one column. @throws (the function) INVALID_ARGUMENT naming the value that does not fit */
export function compileCast({ before, after }: FieldCast, path = before.name): (data: Data) => Data {
  if (before.id !== after.id) return compileLeafCast(before, after, path);
  const children = after.children.map((child, i) =>
    compileCast({ before: before.children[i]!, after: child }, `${path}.${child.name}`),
  );
  const type = new Struct(after.children.map(toArrowField));
  return (data) =>
    makeData({
      type,
      length: data.length,
      offset: data.offset,
      nullCount: data.nullCount,
      nullBitmap: data.nullBitmap,
      children: children.map((cast, i) => cast(data.children[i]!)),
    });
}

function compileLeafCast(before: LanceField, after: LanceField, path: string): (data: Data) => Data {
  const column: LanceField = { ...before, name: "value", parentId: -1 };
  let value: CompiledValue;
  try {
    const bound = bindValue(
      { kind: "column", path: ["value"], quoted: true, position: 0 },
      {
        fields: [column],
        metadata: {},
      },
    );
    value = compileValue(bound, { outputType: toArrowType(after) });
  } catch (cause) {
    throw new LanceError(
      "UNSUPPORTED",
      `alterColumns: "${path}" cannot be cast from ${before.logicalType} to ${after.logicalType} here: ${(cause as Error).message}`,
      { column: path, from: before.logicalType, to: after.logicalType },
      { cause },
    );
  }
  const schema = new Schema([new Field("value", toArrowType(before) as DataType, true)]);
  return (data) => {
    const batch: RecordBatch = makeBatch(schema, [data], data.length);
    try {
      return value.evaluate(batch);
    } catch (cause) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `alterColumns: a value of "${path}" does not fit ${after.logicalType}: ${(cause as Error).message}`,
        { column: path, from: before.logicalType, to: after.logicalType },
        { cause },
      );
    }
  };
}
