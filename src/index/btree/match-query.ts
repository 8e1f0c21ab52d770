import { LanceError } from "../../errors.ts";
import { findFirst } from "../../search-sorted.ts";
import type { ScalarQuery } from "../segment.ts";
import { type CompareRows, createCompareRows, createCompareValues } from "./compare-values.ts";
import { fromByteStrings, fromLiterals, gatherColumns, isNullAt, type ValueColumn } from "./value-column.ts";
import type { ValueType } from "./value-type.ts";

/** Which rows of a page satisfy a query: none can, some may, or every row that is not NULL does. */
export type PageMatch = "none" | "some" | "all";

/** A query made ready for one value type. NULL rows satisfy no query but `isNull`, which needs no matcher. */
export interface ValueMatcher {
  /** Judges a page by its bounds; a NULL `min` stands for "lower than any value". Both `max`es are not NULL. */
  matchPage(min: ValueColumn, max: ValueColumn, page: number): PageMatch;
  /** Row `i` must not be NULL. */
  matchRow(column: ValueColumn, i: number): boolean;
}

/** @throws INVALID_ARGUMENT when a literal is not of the column's type, or a prefix is asked of other than text */
export function createMatcher(type: ValueType, query: Exclude<ScalarQuery, { kind: "isNull" }>): ValueMatcher {
  switch (query.kind) {
    case "equals":
      return matchPoints(type, fromLiterals(type, [query.value]));
    case "isIn":
      return matchPoints(type, sortPoints(type, fromLiterals(type, query.values)));
    case "range":
      return matchRange(
        type,
        query.lower && { at: fromLiterals(type, [query.lower.value]), inclusive: query.lower.inclusive },
        query.upper && { at: fromLiterals(type, [query.upper.value]), inclusive: query.upper.inclusive },
      );
    case "likePrefix": {
      if (type.literal !== "string") {
        throw new LanceError("INVALID_ARGUMENT", "a LIKE prefix is asked of text only", { received: type.sortType });
      }
      const prefix = new TextEncoder().encode(query.prefix);
      const end = findPrefixEnd(prefix);
      return matchRange(
        type,
        { at: fromByteStrings(type, [prefix]), inclusive: true },
        end && { at: fromByteStrings(type, [end]), inclusive: false },
      );
    }
  }
}

/** The first byte string after all that start with `prefix`; `null` when there is none. */
function findPrefixEnd(prefix: Uint8Array): Uint8Array | null {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return null;
  const end = prefix.slice(0, length);
  end[length - 1]!++;
  return end;
}

interface Bound {
  readonly at: ValueColumn;
  readonly inclusive: boolean;
}

function matchRange(type: ValueType, lower: Bound | null, upper: Bound | null): ValueMatcher {
  const compare = createCompareValues(type);
  const reaches = (column: ValueColumn, i: number): boolean => {
    const order = lower === null ? 1 : compare(column, i, lower.at, 0);
    return order > 0 || (order === 0 && lower!.inclusive);
  };
  const stays = (column: ValueColumn, i: number): boolean => {
    const order = upper === null ? -1 : compare(column, i, upper.at, 0);
    return order < 0 || (order === 0 && upper!.inclusive);
  };
  return {
    matchPage(min, max, page) {
      const minIsNull = isNullAt(min, page);
      if (!reaches(max, page) || !(minIsNull || stays(min, page))) return "none";
      return !minIsNull && reaches(min, page) && stays(max, page) ? "all" : "some";
    },
    matchRow: (column, i) => reaches(column, i) && stays(column, i),
  };
}

/** `points` ascending. */
function matchPoints(type: ValueType, points: ValueColumn): ValueMatcher {
  const compare = createCompareValues(type);
  return {
    matchPage(min, max, page) {
      const minIsNull = isNullAt(min, page);
      const first = minIsNull ? 0 : findPoint(points, min, page, compare);
      if (first === points.length || compare(points, first, max, page) > 0) return "none";
      return !minIsNull && compare(min, page, max, page) === 0 ? "all" : "some";
    },
    matchRow(column, i) {
      const at = findPoint(points, column, i, compare);
      return at < points.length && compare(points, at, column, i) === 0;
    },
  };
}

/** Position of the first point that is not below row `i`. */
function findPoint(points: ValueColumn, column: ValueColumn, i: number, compare: CompareRows): number {
  return findFirst(points.length, (at) => compare(points, at, column, i) >= 0);
}

function sortPoints(type: ValueType, points: ValueColumn): ValueColumn {
  const compare = createCompareRows(type);
  const order = Uint32Array.from({ length: points.length }, (_, i) => i);
  order.sort((i, j) => compare(points, i, points, j));
  return gatherColumns([points], null, order, type);
}
