import type { RecordBatch, Schema } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { blobVersion } from "../blob-field.ts";
import { type ArrowData, type ArrowType, describeArrowType } from "./arrow-data.ts";
import { checkNulls } from "./check-nulls.ts";
import type { WriteNode } from "./leaf-column.ts";
import { findChild, makeNulls, normalizeColumn } from "./normalize-column.ts";

/**
 * The columns of a batch in the order of the file's, matched by name and ready to be written; nulls for a nullable
 * column the batch lacks. Nothing is written when a check fails.
 * @throws SCHEMA_MISMATCH naming the field, what was expected and what was received; INVALID_ARGUMENT, UNSUPPORTED
 */
export function readBatchColumns(batch: RecordBatch, roots: readonly WriteNode[]): ArrowData[] {
  checkArrowSchema(batch.schema, roots);
  const names = batch.schema.fields.map((field) => field.name);
  return roots.map((root) => {
    const index = names.indexOf(root.field.name);
    if (index < 0) return makeNulls(root, batch.numRows);
    const data = batch.data.children[index] as unknown as ArrowData;
    checkType(root, data.type);
    if (data.length !== batch.numRows) fail(root.path, `${batch.numRows} rows, as the batch says`, `${data.length}`);
    const column = normalizeColumn(root, data);
    checkNulls(root, column);
    return column;
  });
}

/**
 * Whether batches of this schema fit the file: every column known, of the right type, once; none missing that may not
 * be null. The order does not matter.
 * @throws SCHEMA_MISMATCH, DIMENSION_MISMATCH naming the field
 */
export function checkArrowSchema(schema: Schema, roots: readonly WriteNode[]): void {
  checkNames(
    schema.fields.map((field) => field.name),
    roots,
    "",
  );
  for (const field of schema.fields) {
    const root = roots.find((root) => root.field.name === field.name)!;
    checkType(root, field.type as unknown as ArrowType);
  }
}

/** Every name known and there once; none missing that may not be null. */
function checkNames(names: readonly string[], nodes: readonly WriteNode[], parent: string): void {
  for (const [i, name] of names.entries()) {
    const path = parent === "" ? name : `${parent}.${name}`;
    if (names.indexOf(name) !== i) fail(path, "one column of that name", "two of them");
    if (nodes.some((node) => node.field.name === name)) continue;
    const known = nodes.map((node) => `"${node.field.name}"`).join(", ");
    fail(path, `one of the fields ${known}`, "a column the schema does not have");
  }
  for (const node of nodes) {
    if (node.field.nullable || names.includes(node.field.name)) continue;
    fail(node.path, `a ${describeNode(node)} column (not nullable)`, "no such column");
  }
}

const LIST_TYPES = [12, 21];

function checkType(node: WriteNode, type: ArrowType): void {
  if (type.typeId === 1 && (node.field.nullable || node.leaf?.item.kind === "null")) return;
  const { children = [] } = type;
  if (node.leaf) {
    checkLeafType(node, type);
    return;
  }
  if (node.kind === "struct" && type.typeId === 13) {
    checkNames(
      (children ?? []).map((child) => child.name),
      node.children,
      node.path,
    );
    for (const [i, child] of node.children.entries()) {
      const index = findChild(node, i, { type });
      if (index >= 0) checkType(child, children![index]!.type);
    }
    return;
  }
  const isList =
    (node.kind === "list" && LIST_TYPES.includes(type.typeId)) ||
    (node.kind === "map" && type.typeId === 17) ||
    (node.kind === "fixedSizeList" && type.typeId === 16 && type.listSize === node.dimension);
  if (!isList || children?.length !== 1) fail(node.path, describeNode(node), describeArrowType(type) ?? String(type));
  if (node.kind === "map") checkEntries(node, children![0]!.type);
  else checkType(node.children[0]!, children![0]!.type);
}

/** Keys and values are told by their place: the names differ between writers. */
function checkEntries(node: WriteNode, type: ArrowType): void {
  const entries = node.children[0]!;
  if (type.typeId !== 13 || type.children?.length !== 2) {
    fail(entries.path, describeNode(entries), describeArrowType(type) ?? String(type));
  }
  for (const [i, child] of entries.children.entries()) checkType(child, type.children![i]!.type);
}

function checkLeafType(node: WriteNode, type: ArrowType): void {
  const { kind } = node.leaf!.form;
  if (kind === "blob") checkBlobType(node, type);
  else if (kind === "packed") checkPackedType(node, type);
  else checkValueType(node, type);
}

function checkValueType(node: WriteNode, type: ArrowType): void {
  const { field, path } = node;
  const received = describeArrowType(type);
  const expected = describeNode(node);
  if (received !== undefined && foldType(received) === foldType(expected)) return;
  const vector = /^fixed_size_list:(.+):(\d+)$/.exec(received ?? "");
  const own = /^fixed_size_list:(.+):(\d+)$/.exec(field.logicalType);
  if (own && vector && foldType(vector[1]!) === foldType(own[1]!)) {
    const dimensions = { expected: Number(own[2]), received: Number(vector[2]) };
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `column "${path}" holds vectors of ${dimensions.expected} numbers, received vectors of ${dimensions.received}`,
      { field: path, ...dimensions },
    );
  }
  fail(path, expected, received ?? String(type));
}

function checkBlobType({ path, field }: WriteNode, type: ArrowType): void {
  const received = describeArrowType(type) ?? String(type);
  if (/^(large_)?binary$/.test(received)) return;
  const names = type.children?.map((child) => child.name) ?? [];
  const data = type.children?.[names.indexOf("data")];
  const isBlob = blobVersion(field) === 2 && type.typeId === 13 && data !== undefined;
  if (isBlob && /^(large_)?binary$/.test(describeArrowType(data.type) ?? "")) return;
  fail(path, "large_binary, or structs of data and uri", received);
}

function checkPackedType({ path, field }: WriteNode, type: ArrowType): void {
  if (type.typeId !== 13) fail(path, "struct", describeArrowType(type) ?? String(type));
  const children = type.children ?? [];
  for (const { name } of children) {
    if (!field.children.some((child) => child.name === name)) {
      fail(`${path}.${name}`, "a field of the packed struct", "a field the schema does not have");
    }
  }
  for (const child of field.children) {
    const found = children.find(({ name }) => name === child.name);
    const received = found ? (describeArrowType(found.type) ?? String(found.type)) : "no such field";
    if (foldType(received) !== foldType(child.logicalType)) fail(`${path}.${child.name}`, child.logicalType, received);
  }
}

/** What the writer takes for a field, in Lance's words. */
function describeNode(node: WriteNode): string {
  const { field, kind, children } = node;
  if (kind === "list") return `list<${describeNode(children[0]!)}>`;
  if (kind === "fixedSizeList") return `fixed_size_list:struct:${node.dimension}`;
  if (node.leaf?.form.kind === "json") return "string";
  return field.logicalType;
}

/**
 * Types that are stored alike are one: offsets of either width, dictionaries and their values, the two names of 16-bit
 * brain floats. Widths are converted, so they do not count as another type.
 */
function foldType(typeName: string): string {
  return typeName
    .replace(/^dict:(.*):u?int(8|16|32|64):(true|false)$/, "$1")
    .replace(/\blarge_(string|binary|list)\b/g, "$1")
    .replace("lance.bfloat16", "fixed_size_binary:2");
}

function fail(field: string, expected: string, received: string): never {
  throw new LanceError(
    "SCHEMA_MISMATCH",
    `column "${field}" does not fit the schema: expected ${expected}, received ${received}`,
    { field, expected, received },
  );
}
