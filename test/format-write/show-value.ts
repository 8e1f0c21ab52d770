import { MapRow, StructRow, Vector } from "apache-arrow";

/** A value of any Arrow type as text: lists item by item, structs field by field, bytes as numbers. */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (value instanceof StructRow) {
    const fields = Object.entries(value.toJSON()).map(([name, field]) => `${name}:${showValue(field)}`);
    return `{${fields.join()}}`;
  }
  if (value instanceof MapRow) return `<${Array.from(value, ([key, item]) => `${showValue(key)}=${showValue(item)}`)}>`;
  if (value instanceof Vector) return `[${Array.from(value, showValue).join()}]`;
  if (ArrayBuffer.isView(value)) return `[${Array.from(value as unknown as ArrayLike<number>, String).join()}]`;
  return value instanceof Date ? String(value.getTime()) : String(value);
}
