import { LanceError } from "../errors.ts";
import { isObject } from "../is-record.ts";

/** Parameters of an index as a user wrote them. */
export type IndexParams = Readonly<Record<string, unknown>>;

/** Vectors as users give them: one after another, as an array of them, or as an Arrow vector of fixed-size lists. */
export type GivenVectors =
  | ArrayLike<number>
  | readonly ArrayLike<number>[]
  | { readonly length: number; readonly type: { readonly typeId: number }; [Symbol.iterator](): Iterator<unknown> };

/** Refuses parameters a family does not know, so that a misspelt one is not ignored. @throws INVALID_ARGUMENT */
export function checkParamNames(indexType: string, params: IndexParams, expected: readonly string[]): void {
  const unknown = Object.keys(params).filter((name) => params[name] !== undefined && !expected.includes(name));
  if (unknown.length === 0) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `${indexType} has no parameter ${unknown.join(", ")}: expected ${expected.join(", ") || "none"}`,
    { indexType, received: unknown, expected },
  );
}

/** Refuses options a call does not have, for the same reason. @throws INVALID_ARGUMENT naming those there are */
export function checkCallOptions(call: string, options: object, expected: readonly string[]): void {
  checkIsOptions(call, options);
  const unknown = Object.entries(options).flatMap(([name, value]) =>
    value === undefined || expected.includes(name) ? [] : [name],
  );
  if (unknown.length === 0) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `${call} has no option ${unknown.join(", ")}: expected ${expected.join(", ")}`,
    { call, received: unknown, expected },
  );
}

/** Refuses what the options of work that runs on a pool cannot be. @throws INVALID_ARGUMENT */
export function checkPoolOptions(options: {
  readonly pool?: unknown;
  readonly memoryBudgetBytes?: unknown;
  readonly signal?: unknown;
  readonly onProgress?: unknown;
}): void {
  const { pool, memoryBudgetBytes, signal, onProgress } = options;
  const rules: [name: string, value: unknown, isGood: boolean, expected: string][] = [
    ["pool", pool, hasMethod(pool, "run"), "a pool as createPool gives it"],
    [
      "memoryBudgetBytes",
      memoryBudgetBytes,
      typeof memoryBudgetBytes === "number" && memoryBudgetBytes > 0,
      "more than 0",
    ],
    ["signal", signal, hasMethod(signal, "addEventListener"), "an AbortSignal"],
    ["onProgress", onProgress, typeof onProgress === "function", "a function"],
  ];
  for (const [name, value, isGood, expected] of rules) {
    if (value === undefined || isGood) continue;
    throw new LanceError("INVALID_ARGUMENT", `${name}: expected ${expected}, received ${String(value)}`, {
      name,
      expected,
      received: String(value),
    });
  }
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[name] === "function";
}

/** Refuses what is no object of options. @throws INVALID_ARGUMENT naming the call */
export function checkIsOptions(call: string, options: unknown): void {
  if (isObject(options)) return;
  throw new LanceError("INVALID_ARGUMENT", `${call}: expected an object of options, received ${String(options)}`, {
    call,
  });
}

/** A whole number in a range, or `fallback` when absent. @throws INVALID_ARGUMENT */
export function readIntegerParam(
  params: IndexParams,
  name: string,
  range: { readonly min: number; readonly max: number; readonly fallback: number },
): number {
  const value = params[name];
  if (value === undefined || value === null) return range.fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < range.min || value > range.max) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `${name}: expected a whole number from ${range.min} to ${range.max}, received ${String(value)}`,
      { parameter: name, received: value, min: range.min, max: range.max },
    );
  }
  return value;
}
