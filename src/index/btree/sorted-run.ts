import { gatherColumns, getColumnBytes, type ValueColumn } from "./value-column.ts";

/** Rows in index order: a run of a sort, a page of an index, or a piece of either. */
export interface SortedRows {
  readonly column: ValueColumn;
  readonly ids: BigUint64Array;
}

/** Gives sorted rows in pieces; each piece follows the last in order. */
export interface SortedSource {
  /** @returns `null` at the end */
  next(): Promise<SortedRows | null>;
}

/** Bytes held by sorted rows. */
export function getRowsBytes(rows: SortedRows): number {
  return getColumnBytes(rows.column) + rows.ids.byteLength;
}

/** Puts rows into the order of `permutation`. */
export function permuteRows(rows: SortedRows, permutation: Uint32Array): SortedRows {
  const ids = new BigUint64Array(permutation.length);
  for (let i = 0; i < permutation.length; i++) ids[i] = rows.ids[permutation[i]!]!;
  return { column: gatherColumns([rows.column], null, permutation, rows.column.type), ids };
}

/** A run that is in memory, whole. */
export function createMemorySource(rows: SortedRows): SortedSource {
  let given = rows.ids.length === 0;
  return {
    async next() {
      if (given) return null;
      given = true;
      return rows;
    },
  };
}
