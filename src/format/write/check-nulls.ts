import { LanceError } from "../../errors.ts";
import { type ArrowData, offsetAt, validityOf } from "./arrow-data.ts";
import { expandNulls } from "./bits.ts";
import type { WriteNode } from "./leaf-column.ts";

/**
 * Refuses a null where its field may hold none. What lies under a null struct or list is nobody's, and may be null.
 * Cost: nothing where no such field has nulls, else a pass over what is above it.
 * @throws SCHEMA_MISMATCH naming the field
 */
export function checkNulls(root: WriteNode, column: ArrowData): void {
  if (hasSuspects(root, column)) visit(root, column, null);
}

function hasNulls(node: WriteNode, data: ArrowData): boolean {
  if (node.leaf?.item.kind === "null") return data.length > 0;
  return data.type.typeId === 1 ? data.length > 0 : validityOf(data) !== undefined && data.nullCount !== 0;
}

function hasSuspects(node: WriteNode, data: ArrowData): boolean {
  if (isRequired(node) && hasNulls(node, data)) return true;
  return node.children.some((child, i) => hasSuspects(child, data.children[i]!));
}

function isRequired(node: WriteNode): boolean {
  return !node.field.nullable;
}

/** @param gone one byte per value, 1 = under something null */
function visit(node: WriteNode, data: ArrowData, gone: Uint8Array | null): void {
  const { length } = data;
  const nulls = new Uint8Array(length);
  if (hasNulls(node, data)) {
    const validity = validityOf(data);
    if (data.type.typeId === 1 || !validity) nulls.fill(1);
    else expandNulls(nulls, validity, data.offset, length);
    let count = 0;
    for (let i = 0; i < length; i++) if (nulls[i] === 1 && gone?.[i] !== 1) count++;
    if (count > 0 && isRequired(node)) {
      throw new LanceError(
        "SCHEMA_MISMATCH",
        `column "${node.path}" does not fit the schema: expected no nulls (the field is not nullable), received ${count} of them`,
        { field: node.path, expected: "no nulls", received: count },
      );
    }
  }
  if (node.children.length === 0) return;
  for (let i = 0; gone && i < length; i++) nulls[i] = nulls[i]! | gone[i]!;
  for (const [i, child] of node.children.entries()) {
    const childData = data.children[i]!;
    if (hasSuspects(child, childData)) visit(child, childData, spread(node, { data, nulls, count: childData.length }));
  }
}

/** Which children lie under a null, or in no list at all. */
function spread(
  node: WriteNode,
  { data, nulls, count }: { data: ArrowData; nulls: Uint8Array; count: number },
): Uint8Array {
  if (node.kind === "struct") return nulls;
  const gone = new Uint8Array(count);
  if (node.kind === "fixedSizeList") {
    for (let i = 0; i < nulls.length; i++) gone.fill(nulls[i]!, i * node.dimension, (i + 1) * node.dimension);
    return gone;
  }
  gone.fill(1);
  for (let i = 0; i < nulls.length; i++) {
    if (nulls[i] === 0) gone.fill(0, offsetAt(data, i), offsetAt(data, i + 1));
  }
  return gone;
}
