/** Rows as a storage keeps them: one after another, of one length, and the row each belongs to. */
export interface StoredRows {
  readonly values: Uint8Array;
  readonly rowIds: BigUint64Array;
}

/** Several pieces as one. No copy of a single one. */
export function concatRows(parts: readonly StoredRows[]): StoredRows {
  if (parts.length === 1) return parts[0]!;
  const values = new Uint8Array(parts.reduce((sum, part) => sum + part.values.length, 0));
  const rowIds = new BigUint64Array(parts.reduce((sum, part) => sum + part.rowIds.length, 0));
  let byte = 0;
  let row = 0;
  for (const part of parts) {
    values.set(part.values, byte);
    rowIds.set(part.rowIds, row);
    byte += part.values.length;
    row += part.rowIds.length;
  }
  return { values, rowIds };
}

/** Rows from one position to another. No copy. */
export function sliceRows(
  { values, rowIds }: StoredRows,
  [start, end]: readonly [start: number, end: number],
  rowBytes: number,
): StoredRows {
  return { values: values.subarray(start * rowBytes, end * rowBytes), rowIds: rowIds.subarray(start, end) };
}

/** Some of the rows, by position. One copy. */
export function pickRows({ values, rowIds }: StoredRows, positions: ArrayLike<number>, rowBytes: number): StoredRows {
  const picked = new Uint8Array(positions.length * rowBytes);
  const ids = new BigUint64Array(positions.length);
  for (let i = 0; i < positions.length; i++) {
    const row = positions[i]!;
    picked.set(values.subarray(row * rowBytes, (row + 1) * rowBytes), i * rowBytes);
    ids[i] = rowIds[row]!;
  }
  return { values: picked, rowIds: ids };
}
