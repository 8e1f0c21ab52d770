/**
 * A value of any Arrow type as text: lists item by item, structs field by field, bytes as numbers. By shape, since it
 * may be of another version of apache-arrow.
 */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (value instanceof Date) return String(value.getTime());
  if (ArrayBuffer.isView(value)) return `[${Array.from(value as unknown as ArrayLike<number>, String).join()}]`;
  if (typeof value !== "object") return String(value);
  const row = value as { size?: unknown; toJSON?: () => object; toArray?: unknown };
  if (typeof row.toArray === "function") return `[${Array.from(value as Iterable<unknown>, showValue).join()}]`;
  if (Object.prototype.toString.call(value) !== "[object Row]") return String(value);
  if (typeof row.size === "number") {
    const pairs = Array.from(value as Iterable<[unknown, unknown]>);
    return `<${pairs.map(([key, item]) => `${showValue(key)}=${showValue(item)}`).join()}>`;
  }
  const fields = Object.entries(row.toJSON!()).map(([name, field]) => `${name}:${showValue(field)}`);
  return `{${fields.join()}}`;
}
