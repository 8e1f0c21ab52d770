import { LanceError } from "../errors.ts";

/**
 * Refuses names an options object does not have, so that a typing error never changes an answer in silence.
 * @param later names that are known, but not built yet: UNSUPPORTED
 * @throws INVALID_ARGUMENT naming the options there are
 */
export function checkOptionNames(
  options: object,
  known: ReadonlySet<string>,
  where: string,
  later: ReadonlySet<string> = new Set(),
): void {
  if (typeof options !== "object" || options === null) {
    throw new LanceError("INVALID_ARGUMENT", `${where}: expected an object of options, received ${String(options)}`, {
      where,
    });
  }
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || known.has(key)) continue;
    const names = [...known];
    if (later.has(key)) {
      throw new LanceError("UNSUPPORTED", `${where}: this version has no "${key}" yet; it has ${names.join(", ")}`, {
        option: key,
        known: names,
      });
    }
    throw new LanceError("INVALID_ARGUMENT", `${where}: no option "${key}"; there are ${names.join(", ")}`, {
      option: key,
      known: names,
    });
  }
}

/** @throws INVALID_ARGUMENT unless a value is absent, or a whole number of at least `least` */
export function checkWhole(name: string, value: unknown, least: number): void {
  if (value === undefined) return;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least) {
    throw refuseOption(name, `a whole number of at least ${least}`, value);
  }
}

/** @throws INVALID_ARGUMENT unless a value is absent, true or false */
export function checkSwitch(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") throw refuseOption(name, "true or false", value);
}

/** @throws INVALID_ARGUMENT for what is no array of numbers: a length alone would have memory taken for it */
export function checkRowList(name: string, rows: unknown): void {
  const isList =
    Array.isArray(rows) || (ArrayBuffer.isView(rows) && !(rows instanceof DataView)) || isIterableList(rows);
  if (!isList) throw refuseOption(name, "an array of numbers", rows);
}

/** As a vector of Arrow is, whichever copy of it made it. */
function isIterableList(rows: unknown): boolean {
  if (typeof rows !== "object" || rows === null) return false;
  return Symbol.iterator in rows && Number.isSafeInteger((rows as { length?: unknown }).length);
}

/** What is thrown for an option of a value it cannot have. */
export function refuseOption(name: string, expected: string, received: unknown): LanceError {
  const shown = typeof received === "bigint" ? `${received}n` : JSON.stringify(received);
  return new LanceError("INVALID_ARGUMENT", `${name}: expected ${expected}, received ${shown}`, {
    name,
    expected,
    received: shown,
  });
}
