/** Rows as a storage keeps them: one after another, of one length, and the row each belongs to. */
export interface StoredRows {
  readonly values: Uint8Array;
  readonly rowIds: BigUint64Array;
}

/** Room for rows that others are put into, window after window. */
export class RowWindow {
  readonly #rowBytes: number;
  #values = new Uint8Array(0);
  #rowIds = new BigUint64Array(0);

  constructor(rowBytes: number) {
    this.#rowBytes = rowBytes;
  }

  /** `numRows` rows of unspecified content, valid until the next call. */
  take(numRows: number): StoredRows {
    if (this.#rowIds.length < numRows) {
      this.#values = new Uint8Array(numRows * this.#rowBytes);
      this.#rowIds = new BigUint64Array(numRows);
    }
    return sliceRows({ values: this.#values, rowIds: this.#rowIds }, [0, numRows], this.#rowBytes);
  }
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
