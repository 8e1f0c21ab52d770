import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";

/** How the sort kernel sees a column (index page, section 2): its total order is the order of the index. */
export type SortType = "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "f32" | "f64" | "bytes";

/** What the values of an indexed column are, below their logical type. */
export interface ValueType {
  readonly sortType: SortType;
  /** How literals of a query arrive, and how statistics print. */
  readonly literal: "number" | "bigint" | "boolean" | "string" | "bytes";
  /** Bytes per value; for text, of the offset alone. */
  readonly widthBytes: number;
}

const EXACT: Readonly<Record<string, ValueType>> = {
  bool: { sortType: "u8", literal: "boolean", widthBytes: 1 },
  int8: { sortType: "i8", literal: "number", widthBytes: 1 },
  int16: { sortType: "i16", literal: "number", widthBytes: 2 },
  int32: { sortType: "i32", literal: "number", widthBytes: 4 },
  int64: { sortType: "i64", literal: "bigint", widthBytes: 8 },
  uint8: { sortType: "u8", literal: "number", widthBytes: 1 },
  uint16: { sortType: "u16", literal: "number", widthBytes: 2 },
  uint32: { sortType: "u32", literal: "number", widthBytes: 4 },
  uint64: { sortType: "u64", literal: "bigint", widthBytes: 8 },
  float: { sortType: "f32", literal: "number", widthBytes: 4 },
  double: { sortType: "f64", literal: "number", widthBytes: 8 },
  string: { sortType: "bytes", literal: "string", widthBytes: 4 },
  binary: { sortType: "bytes", literal: "bytes", widthBytes: 4 },
  "date32:day": { sortType: "i32", literal: "number", widthBytes: 4 },
  "date64:ms": { sortType: "i64", literal: "bigint", widthBytes: 8 },
};

const PREFIXED: readonly (readonly [RegExp, ValueType])[] = [
  [/^time32:(s|ms)$/, { sortType: "i32", literal: "number", widthBytes: 4 }],
  [/^time64:(us|ns)$/, { sortType: "i64", literal: "bigint", widthBytes: 8 }],
  [/^timestamp:(s|ms|us|ns):/, { sortType: "i64", literal: "bigint", widthBytes: 8 }],
  [/^duration:(s|ms|us|ns)$/, { sortType: "i64", literal: "bigint", widthBytes: 8 }],
];

/** The value type of a field, or `undefined` when a BTREE cannot index it. */
export function findValueType(field: LanceField): ValueType | undefined {
  return EXACT[field.logicalType] ?? PREFIXED.find(([pattern]) => pattern.test(field.logicalType))?.[1];
}

/** @throws SCHEMA_MISMATCH when a BTREE cannot index the field */
export function getValueType(field: LanceField): ValueType {
  const type = findValueType(field);
  if (!type) {
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `a BTREE index needs a column of integers, floats, bool, text, binary, date, time or timestamp; column ` +
        `"${field.name}" is ${field.logicalType}`,
      { column: field.name, received: field.logicalType },
    );
  }
  return type;
}
