import { LanceError } from "../../errors.ts";
import { blobVersion, descriptorFields } from "../blob-field.ts";
import { type LogicalType, parseLogicalType } from "../logical-type.ts";
import type { LanceField } from "../schema.ts";

/** What the values of a leaf look like; the words of the decoder's `Shape`. */
export interface LeafShape {
  readonly variable: boolean;
  /** Bits of the innermost item; 0 for the null type and variable width. */
  readonly itemBits: number;
  /** Sizes of the fixed-size lists around the item, outermost first. */
  readonly dimensions: readonly number[];
  /** Packed structs: the values side by side in each row. Absent for everything else. */
  readonly fields?: readonly LeafShape[];
}

/** One physical column below a field. */
export interface LeafColumn {
  /** Dotted path, for messages. */
  readonly path: string;
  readonly columnIndex: number;
  readonly shape: LeafShape;
  /** One entry per layer, leaf first: whether it is a list. */
  readonly listLayers: readonly boolean[];
  /** One entry per layer: levels of the file in one of its entries. More than 1 at and above a fixed-size list of structs. */
  readonly layerFactors: readonly number[];
  /** Levels of the file in one row. */
  readonly rowFactor: number;
  /** Whether its values are descriptors of blobs that say themselves which are null (2.1). */
  readonly isBlob: boolean;
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

/** Number of physical columns below a field in files 2.1 and 2.2, by type alone. */
export function countLeaves(field: LanceField): number {
  if (isLeafField(field)) return 1;
  return field.children.reduce((sum, child) => sum + countLeaves(child), 0);
}

/** Number of physical columns of a field in files 2.0, where lists and structs have one too. */
export function countNodes(field: LanceField): number {
  if (isLeafField(field)) return 1;
  return field.children.reduce((sum, child) => sum + countNodes(child), 1);
}

/** Whether all below a field lies in one physical column: values, packed structs, blobs. */
export function isLeafField(field: LanceField): boolean {
  return field.children.length === 0 || isPacked(field) || blobVersion(field) !== undefined;
}

/** Whether a struct is stored as rows of its fields, in one column. */
export function isPacked(field: LanceField): boolean {
  const flag = field.metadata["lance-encoding:packed"] ?? field.metadata.packed;
  return flag !== undefined && new TextDecoder().decode(flag).toLowerCase() === "true";
}

/**
 * Lays a field over its physical columns.
 * @param columnIndices file column of every leaf, in pre-order
 * @throws UNSUPPORTED naming the column and what is missing, SCHEMA_MISMATCH when the number of columns does not fit
 */
export function buildColumnTree(field: LanceField, columnIndices: readonly number[]): ColumnTree {
  const leaves: LeafColumn[] = [];
  const addLeaf = (node: LanceField, path: string, layers: readonly Layer[]) => {
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
    // From the leaf up, each fixed-size list multiplies what an entry of it and of all above stands for.
    let factor = 1;
    const layerFactors = layers.toReversed().map(({ size }) => {
      factor *= size;
      return factor;
    });
    const listLayers = layers.toReversed().map(({ isList }) => isList);
    if (factor !== 1 && listLayers.includes(true)) refuse(path, "fixed-size lists of structs beside other lists");
    const shape = shapeOfField(node, path);
    const isBlob = blobVersion(node) === 1;
    leaves.push({ path, columnIndex, shape, listLayers, layerFactors, rowFactor: factor, isBlob });
  };
  const visit = (node: LanceField, path: string, above: readonly Layer[]): ColumnNode => {
    const firstLeaf = leaves.length;
    const depth = above.length;
    const logical = parseLogicalType(node.logicalType);
    const isList = logical.kind === "list" || logical.kind === "large_list" || logical.kind === "map";
    const isStructList = logical.kind === "fixed_size_list" && logical.item.kind === "struct";
    const layers = [...above, { isList, size: isStructList ? logical.size : 1 }];
    const isNested = isList || isStructList || logical.kind === "struct";
    if (!isNested || isLeafField(node)) {
      if (isList) refuse(path, `a ${logical.kind} without children`);
      addLeaf(node, path, layers);
      return { field: node, path, depth, firstLeaf, children: [] };
    }
    if (isStructList && logical.size === 0) refuse(path, "a fixed-size list of no structs");
    const children = node.children.map((child) => visit(child, `${path}.${child.name}`, layers));
    return { field: node, path, depth, firstLeaf, children };
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

/** A field between the column and a leaf. */
interface Layer {
  readonly isList: boolean;
  /** Fixed-size lists of structs: their size. 1 for everything else. */
  readonly size: number;
}

function refuse(path: string, what: string): never {
  throw new LanceError("UNSUPPORTED", `column "${path}": ${what} cannot be read yet`, { column: path });
}

/** The null type, and structs without fields. */
const NOTHING: LeafShape = { variable: false, itemBits: 0, dimensions: [] };
const VARIABLE: LeafShape = { variable: true, itemBits: 0, dimensions: [] };

/** The shape of a leaf's values, packed structs and blob descriptors included. @throws UNSUPPORTED */
export function shapeOfField(field: LanceField, path: string): LeafShape {
  const version = blobVersion(field);
  const packed = version !== undefined ? descriptorFields(version) : field.children;
  if (version === undefined && packed.length === 0 && field.logicalType === "struct") return NOTHING;
  if (packed.length === 0) return shapeOf(parseLogicalType(field.logicalType), path);
  const fields = packed.map((child) => {
    const shape = shapeOfField(child, `${path}.${child.name}`);
    if (shape.fields) refuse(path, "a packed struct in a packed struct");
    return shape;
  });
  return { variable: false, itemBits: 0, dimensions: [], fields };
}

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
