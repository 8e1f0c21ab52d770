/** Whether a value has properties: an object of any kind, a list too. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Whether it may be named values: an object, but no list and no bytes. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
