import { LanceError } from "../../errors.ts";
import type { LanceField, LanceSchema } from "../schema.ts";

/** How the values of a leaf lie in memory and on disk. */
export type ItemType =
  | { readonly kind: "null" }
  | { readonly kind: "bool" }
  | { readonly kind: "fixed"; readonly byteWidth: number }
  | { readonly kind: "variable"; readonly offsetBits: 32 | 64 }
  | { readonly kind: "fixedSizeList"; readonly byteWidth: number; readonly dimension: number }
  /** Fixed-size lists of booleans: bits without a gap, also between values. */
  | { readonly kind: "boolList"; readonly dimension: number };

/** One top-level field as the one file column it is written to. */
export interface LeafColumn {
  /** The top-level field. */
  readonly field: LanceField;
  /** The field whose id the file lists: the item of a list, else the field itself. */
  readonly leaf: LanceField;
  readonly item: ItemType;
  readonly isList: boolean;
  /** What `describeArrowType` gives for columns that fit, `string` for `large_string` and the like included. */
  readonly typeName: string;
}

/** Field metadata that changes how readers take the column's pages. */
const SPECIAL_ENCODINGS = ["lance-encoding:blob", "lance-encoding:packed", "packed"];

const WIDTHS: Readonly<Record<string, number>> = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  halffloat: 2,
  int32: 4,
  uint32: 4,
  float: 4,
  int64: 8,
  uint64: 8,
  double: 8,
};

function readItemType(logicalType: string): ItemType | undefined {
  if (logicalType === "null") return { kind: "null" };
  if (logicalType === "bool") return { kind: "bool" };
  if (logicalType === "string" || logicalType === "binary") return { kind: "variable", offsetBits: 32 };
  if (logicalType === "large_string" || logicalType === "large_binary") return { kind: "variable", offsetBits: 64 };
  const byteWidth = WIDTHS[logicalType] ?? readParametricWidth(logicalType);
  if (byteWidth !== undefined) return { kind: "fixed", byteWidth };
  const list = /^fixed_size_list:(.+):(\d+)$/.exec(logicalType);
  if (!list) return undefined;
  const item = readItemType(list[1]!);
  const dimension = Number(list[2]);
  if (item?.kind !== "fixed" || dimension < 1) return undefined;
  return { kind: "fixedSizeList", byteWidth: item.byteWidth, dimension };
}

function readParametricWidth(logicalType: string): number | undefined {
  const [name, ...parameters] = logicalType.split(":");
  switch (name) {
    case "date32":
    case "time32":
      return 4;
    case "date64":
    case "time64":
    case "timestamp":
    case "duration":
      return 8;
    case "decimal":
      return parameters[0] === "128" ? 16 : parameters[0] === "256" ? 32 : undefined;
    case "fixed_size_binary":
      return Number(parameters[0]) > 0 ? Number(parameters[0]) : undefined;
    default:
      return undefined;
  }
}

/** `large_string` → `string` and so on: offset widths are converted, so they do not count as another type. */
export function foldLargeType(typeName: string): string {
  return typeName.replace(/\blarge_(string|binary|list)\b/g, "$1");
}

function planColumn(field: LanceField): LeafColumn {
  const isList = field.logicalType === "list" || field.logicalType === "large_list";
  const leaf = isList ? field.children[0] : field;
  const item = leaf && leaf.children.length === 0 ? readItemType(leaf.logicalType) : undefined;
  if (!leaf || !item) {
    const received = isList && leaf ? `${field.logicalType} of ${leaf.logicalType}` : field.logicalType;
    throw new LanceError(
      "UNSUPPORTED",
      `cannot write field "${field.name}" of type ${received}: structs, maps, nested lists and fixed-size lists of anything but plain numbers are read-only for now; leave the column out`,
      { field: field.name, fieldId: field.id, logicalType: received },
    );
  }
  const special = SPECIAL_ENCODINGS.find((key) => key in field.metadata || key in leaf.metadata);
  if (special) {
    throw new LanceError(
      "UNSUPPORTED",
      `cannot write field "${field.name}": it asks for ${special}, which is read-only for now; leave the column out`,
      { field: field.name, fieldId: field.id, metadata: special },
    );
  }
  const typeName = foldLargeType(isList ? `list<${leaf.logicalType}>` : leaf.logicalType);
  return { field, leaf, item, isList, typeName };
}

/**
 * The file columns of a schema, one per top-level field.
 * @throws UNSUPPORTED naming the field whose type cannot be written
 */
export function planColumns(schema: LanceSchema): LeafColumn[] {
  return schema.fields.map(planColumn);
}
