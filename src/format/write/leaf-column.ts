import { LanceError } from "../../errors.ts";
import { blobVersion } from "../blob-field.ts";
import { parseLogicalType } from "../logical-type.ts";
import type { LanceField, LanceSchema } from "../schema.ts";
import type { LanceFileVersion } from "./file-writer.ts";
import type { ItemType } from "./item-type.ts";
import { type LeafForm, type LeafType, readLeafType } from "./leaf-form.ts";
import { isPackedField, readPackedType } from "./packed-struct.ts";

export type { ItemType } from "./item-type.ts";

/** One layer of a leaf's structure, and the codes of its ways to hold nothing (0 is "a value", small is deep). */
export interface ColumnLayer {
  readonly kind: "item" | "list" | "fixedSizeList";
  readonly nullable: boolean;
  readonly nullCode: number;
  /** Lists only. */
  readonly emptyCode: number;
  /** Fixed-size lists only. */
  readonly dimension: number;
}

/** One file column. */
export interface LeafColumn {
  /** The field whose id the file lists. */
  readonly field: LanceField;
  readonly path: string;
  /** Where it is in the tree: index of the root, then of a child at every layer. */
  readonly steps: readonly number[];
  /** From the root to the leaf itself. */
  readonly layers: readonly ColumnLayer[];
  /** Lists among the layers. */
  readonly numLists: number;
  /** Product of the fixed-size lists among them: pages count each of their items as a row. */
  readonly itemsPerRow: number;
  readonly item: ItemType;
  readonly form: LeafForm;
}

/** One field of the schema as batches are matched against it. */
export interface WriteNode {
  readonly field: LanceField;
  readonly path: string;
  readonly kind: "leaf" | "struct" | "list" | "map" | "fixedSizeList";
  /** Fixed-size lists of structs only. */
  readonly dimension: number;
  readonly children: readonly WriteNode[];
  readonly leaf: LeafType | null;
}

/** The fields of a schema and the file columns under them. */
export interface ColumnPlan {
  readonly roots: readonly WriteNode[];
  readonly leaves: readonly LeafColumn[];
}

/**
 * Lays a schema over file columns: one per leaf, in pre-order.
 * @param version some types need 2.2, the default
 * @throws UNSUPPORTED naming the field whose type cannot be written, CORRUPT for a type without its children
 */
export function planColumns(schema: LanceSchema, version: LanceFileVersion = "2.2"): ColumnPlan {
  const context = { version, inList: false, inFixedList: false, depth: 0 };
  const roots = schema.fields.map((field) => planNode(field, field.name, context));
  const leaves: LeafColumn[] = [];
  for (const [i, root] of roots.entries()) collectLeaves(root, [], [i], leaves);
  return { roots, leaves };
}

interface PlanContext {
  readonly version: LanceFileVersion;
  readonly inList: boolean;
  readonly inFixedList: boolean;
  readonly depth: number;
}

function planNode(field: LanceField, path: string, context: PlanContext): WriteNode {
  const { version } = context;
  const make = (kind: WriteNode["kind"], children: readonly WriteNode[], dimension = 0): WriteNode => {
    return { field, path, kind, dimension, children, leaf: null };
  };
  const makeLeaf = (leaf: LeafType): WriteNode => ({ field, path, kind: "leaf", dimension: 0, children: [], leaf });
  const plan = (child: LanceField, inner: PlanContext) =>
    planNode(child, `${path}.${child.name}`, { ...inner, depth: context.depth + 1 });
  const blob = blobVersion(field);
  if (blob !== undefined) return makeLeaf(planBlob(field, path, { ...context, blob }));
  const logical = parseLogicalType(field.logicalType);
  switch (logical.kind) {
    case "struct":
      if (isPackedField(field)) return makeLeaf(readPackedType(field, path, version));
      if (field.children.length === 0) refuse(field, path, "a struct without fields");
      return make(
        "struct",
        field.children.map((child) => plan(child, context)),
      );
    case "list":
    case "large_list":
      if (context.inFixedList) refuse(field, path, "a list within a fixed-size list");
      return make("list", [plan(onlyChild(field, path), { ...context, inList: true })]);
    case "map": {
      if (version === "2.1") refuse(field, path, "a map in a file of version 2.1", "write version 2.2");
      if (context.inFixedList) refuse(field, path, "a map within a fixed-size list");
      const entries = plan(onlyChild(field, path), { ...context, inList: true });
      if (entries.kind !== "struct" || entries.children.length !== 2)
        refuse(field, path, "a map without key and value");
      return make("map", [entries]);
    }
    case "fixed_size_list":
      if (logical.item.kind !== "struct") break;
      if (version === "2.1")
        refuse(field, path, "a fixed-size list of structs in a file of version 2.1", "write version 2.2");
      // Native writes such a list within a struct, and then cannot read it.
      if (context.depth > 0) refuse(field, path, "a fixed-size list of structs within another type");
      if (logical.size < 1) refuse(field, path, "a fixed-size list without items");
      return make("fixedSizeList", [plan(onlyChild(field, path), { ...context, inFixedList: true })], logical.size);
  }
  const leaf = readLeafType(logical);
  if (!leaf) refuse(field, path, `the type ${field.logicalType}`);
  return makeLeaf(leaf);
}

function planBlob(field: LanceField, path: string, context: PlanContext & { blob: 1 | 2 }): LeafType {
  const { version, blob } = context;
  if (blob === 2 && version === "2.1")
    refuse(field, path, "a blob of version 2 in a file of version 2.1", "write version 2.2");
  if (blob === 1 && version === "2.2")
    refuse(field, path, "a blob of version 1 in a file of version 2.2", "use blob version 2");
  if (blob === 1 && context.inList)
    refuse(field, path, "blobs within a list in a file of version 2.1", "write version 2.2");
  if (context.inFixedList) refuse(field, path, "blobs within a fixed-size list");
  if (blob === 1) {
    const { kind } = parseLogicalType(field.logicalType);
    if (kind !== "large_binary" && kind !== "blob")
      refuse(field, path, `blobs of type ${field.logicalType}`, "use large_binary");
    return { item: { kind: "fixed", byteWidth: 16 }, form: { kind: "blob", version: 1 } };
  }
  return { item: { kind: "variable", offsetBits: 32 }, form: { kind: "blob", version: 2 } };
}

function onlyChild(field: LanceField, path: string): LanceField {
  const [child] = field.children;
  if (child && field.children.length === 1) return child;
  throw new LanceError(
    "CORRUPT",
    `schema: field "${path}" of type ${field.logicalType} has ${field.children.length} children, expected 1`,
    { field: path },
  );
}

function refuse(field: LanceField, path: string, what: string, remedy = "leave the column out"): never {
  throw new LanceError("UNSUPPORTED", `cannot write field "${path}": Lance has no way to store ${what}; ${remedy}`, {
    field: path,
    fieldId: field.id,
    logicalType: field.logicalType,
  });
}

function collectLeaves(
  node: WriteNode,
  above: readonly Omit<ColumnLayer, "nullCode" | "emptyCode">[],
  steps: readonly number[],
  leaves: LeafColumn[],
): void {
  const kind =
    node.kind === "list" || node.kind === "map" ? "list" : node.kind === "fixedSizeList" ? node.kind : "item";
  const layers = [...above, { kind, nullable: node.field.nullable, dimension: node.dimension } as const];
  for (const [i, child] of node.children.entries()) collectLeaves(child, layers, [...steps, i], leaves);
  if (!node.leaf) return;
  const { field, path, leaf } = node;
  const numLists = layers.filter((layer) => layer.kind === "list").length;
  const itemsPerRow = layers.reduce((count, { dimension }) => count * (dimension || 1), 1);
  const { item, form } = leaf;
  leaves.push({ field, path, steps, layers: numberLayers(layers, path), numLists, itemsPerRow, item, form });
}

/** Codes are kept as bytes. */
const MAX_CODE = 255;

/** Codes count from the leaf, as definition levels do (format page section 2.2). */
function numberLayers(layers: readonly Omit<ColumnLayer, "nullCode" | "emptyCode">[], path: string): ColumnLayer[] {
  let code = 1;
  const numbered = layers.toReversed().map((layer) => {
    const nullCode = code++;
    return { ...layer, nullCode, emptyCode: layer.kind === "list" ? code++ : 0 };
  });
  if (code > MAX_CODE) {
    throw new LanceError("UNSUPPORTED", `cannot write field "${path}": it lies ${layers.length} levels deep`, {
      field: path,
      levels: layers.length,
    });
  }
  return numbered.reverse();
}
