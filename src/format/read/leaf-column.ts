import { LanceError } from "../../errors.ts";
import { type LogicalType, parseLogicalType } from "../logical-type.ts";
import type { LanceField } from "../schema.ts";

/** What the values of a leaf look like; the words of the decoder's `Shape`. */
export interface LeafShape {
  readonly variable: boolean;
  /** Bits of the innermost item; 0 for the null type and variable width. */
  readonly itemBits: number;
  /** Sizes of the fixed-size lists around the item, outermost first. */
  readonly dimensions: readonly number[];
}

/** One physical column below a field. */
export interface LeafColumn {
  /** Dotted path, for messages. */
  readonly path: string;
  readonly columnIndex: number;
  readonly shape: LeafShape;
  /** One entry per layer, leaf first: whether it is a list. */
  readonly listLayers: readonly boolean[];
}

/** A field of the tree, with the leaves below it. */
export interface ColumnNode {
  readonly field: LanceField;
  readonly path: string;
  /** Nodes above it: its layer in a leaf is `leaf.listLayers.length - 1 - depth`. */
  readonly depth: number;
  /** Leaves below it: a run of the column's leaves. */
  readonly firstLeaf: number;
  readonly children: readonly ColumnNode[];
}

/** A top-level field ready to read. */
export interface ColumnTree {
  readonly root: ColumnNode;
  readonly leaves: readonly LeafColumn[];
}

/** Number of physical columns below a field, by type alone. */
export function countLeaves(field: LanceField): number {
  if (isLeaf(field)) return 1;
  return field.children.reduce((sum, child) => sum + countLeaves(child), 0);
}

function isLeaf(field: LanceField): boolean {
  return field.children.length === 0 || isPacked(field) || isBlob(field);
}

function isPacked(field: LanceField): boolean {
  const flag = field.metadata["lance-encoding:packed"] ?? field.metadata.packed;
  return flag !== undefined && new TextDecoder().decode(flag).toLowerCase() === "true";
}

function isBlob(field: LanceField): boolean {
  return (
    "lance-encoding:blob" in field.metadata ||
    (field.metadata["ARROW:extension:name"] !== undefined &&
      new TextDecoder().decode(field.metadata["ARROW:extension:name"]) === "lance.blob.v2")
  );
}

/**
 * Lays a field over its physical columns.
 * @param columnIndices file column of every leaf, in pre-order
 * @throws UNSUPPORTED naming the column and what is missing, SCHEMA_MISMATCH when the number of columns does not fit
 */
export function buildColumnTree(field: LanceField, columnIndices: readonly number[]): ColumnTree {
  const leaves: LeafColumn[] = [];
  const visit = (node: LanceField, path: string, lists: readonly boolean[]): ColumnNode => {
    const firstLeaf = leaves.length;
    const depth = lists.length;
    const logical = parseLogicalType(node.logicalType);
    if (isBlob(node)) refuse(path, "blob columns");
    if (isPacked(node)) refuse(path, "packed structs");
    const isList = logical.kind === "list" || logical.kind === "large_list" || logical.kind === "map";
    const layers = [...lists, isList];
    if (isList || logical.kind === "struct") {
      if (node.children.length === 0) refuse(path, `a ${logical.kind} without children`);
      const children = node.children.map((child) => visit(child, `${path}.${child.name}`, layers));
      return { field: node, path, depth, firstLeaf, children };
    }
    const columnIndex = columnIndices[leaves.length];
    if (columnIndex === undefined) {
      throw new LanceError(
        "SCHEMA_MISMATCH",
        `column "${path}" has no physical column; ${columnIndices.length} were given`,
        {
          column: path,
        },
      );
    }
    leaves.push({ path, columnIndex, shape: shapeOf(logical, path), listLayers: layers.toReversed() });
    return { field: node, path, depth, firstLeaf, children: [] };
  };
  const root = visit(field, field.name, []);
  if (leaves.length !== columnIndices.length) {
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `column "${field.name}" has ${leaves.length} leaves, ${columnIndices.length} physical columns were given`,
      {
        column: field.name,
      },
    );
  }
  return { root, leaves };
}

function refuse(path: string, what: string): never {
  throw new LanceError("UNSUPPORTED", `column "${path}": ${what} cannot be read yet`, { column: path });
}

const VARIABLE: LeafShape = { variable: true, itemBits: 0, dimensions: [] };

function shapeOf(type: LogicalType, path: string): LeafShape {
  const fixed = (itemBits: number): LeafShape => ({ variable: false, itemBits, dimensions: [] });
  switch (type.kind) {
    case "null":
      return fixed(0);
    case "bool":
      return fixed(1);
    case "string":
    case "large_string":
    case "binary":
    case "large_binary":
    case "json":
      return VARIABLE;
    case "int":
    case "float":
    case "time":
    case "duration":
    case "decimal":
      return fixed(type.bits);
    case "bfloat16":
      return fixed(16);
    case "date":
      return fixed(type.unit === "day" ? 32 : 64);
    case "timestamp":
      return fixed(64);
    case "fixed_size_binary":
      return fixed(type.byteWidth * 8);
    case "dictionary":
      return shapeOf(type.value, path);
    case "fixed_size_list": {
      const isFixed = !["struct", "blob", "string", "binary", "null"].includes(type.item.kind);
      const item = isFixed ? shapeOf(type.item, path) : undefined;
      if (!item || item.variable) return refuse(path, `a fixed-size list of ${type.item.kind}`);
      return { ...item, dimensions: [type.size, ...item.dimensions] };
    }
    default:
      return refuse(path, `the type ${type.kind}`);
  }
}
