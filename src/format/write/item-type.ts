import type { LogicalType } from "../logical-type.ts";

/** How the values of a leaf lie in memory and on disk. */
export type ItemType =
  | { readonly kind: "null" }
  | { readonly kind: "bool" }
  | { readonly kind: "fixed"; readonly byteWidth: number }
  | { readonly kind: "variable"; readonly offsetBits: 32 | 64 }
  | { readonly kind: "fixedSizeList"; readonly byteWidth: number; readonly dimension: number }
  /** Fixed-size lists of booleans: bits without a gap, also between values. */
  | { readonly kind: "boolList"; readonly dimension: number };

/** The item type of a scalar, or `undefined` for types that are made of others. */
export function readScalarType(type: LogicalType): ItemType | undefined {
  switch (type.kind) {
    case "null":
    case "bool":
      return { kind: type.kind };
    case "string":
    case "binary":
      return { kind: "variable", offsetBits: 32 };
    case "large_string":
    case "large_binary":
    case "json":
      return { kind: "variable", offsetBits: 64 };
    case "int":
    case "float":
    case "time":
    case "duration":
    case "decimal":
      return { kind: "fixed", byteWidth: type.bits / 8 };
    case "bfloat16":
      return { kind: "fixed", byteWidth: 2 };
    case "date":
      return { kind: "fixed", byteWidth: type.unit === "day" ? 4 : 8 };
    case "timestamp":
      return { kind: "fixed", byteWidth: 8 };
    case "fixed_size_binary":
      return type.byteWidth > 0 ? { kind: "fixed", byteWidth: type.byteWidth } : undefined;
    default:
      return undefined;
  }
}
