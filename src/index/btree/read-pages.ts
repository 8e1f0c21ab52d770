import type { Data } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { fileColumns, type LanceFile } from "../../format/read/file.ts";
import type { CachedPart } from "../part-cache.ts";
import type { RowIdMap } from "../segment.ts";
import { concatColumns, fromArrowData, getColumnBytes, sliceColumn, type ValueColumn } from "./value-column.ts";
import type { ValueType } from "./value-type.ts";

/** A decoded page; without `column` where only its rows were asked for. */
export interface BTreePage extends CachedPart {
  readonly column: ValueColumn | null;
  readonly ids: BigUint64Array;
}

/**
 * Reads row ranges of a data file in one planned read and cuts them into pages.
 * @param ranges ascending, disjoint
 * @throws CORRUPT, IO, ABORTED
 */
export async function readPages(
  file: LanceFile,
  type: ValueType,
  ranges: readonly (readonly [start: number, end: number])[],
  options: {
    readonly withValues: boolean;
    readonly mapRowIds?: RowIdMap | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<BTreePage[]> {
  const columns = getDataColumns(file);
  const wanted = options.withValues ? columns : columns.slice(1);
  const { signal, mapRowIds = keepIds } = options;
  const cutter = new PageCutter(
    type,
    ranges.map(([start, end]) => end - start),
    options.withValues,
    mapRowIds,
  );
  for await (const batch of file.read(wanted, { kind: "ranges", ranges }, { signal })) {
    cutter.push(batch.data.children, batch.numRows);
  }
  if (cutter.pages.length !== ranges.length) {
    throw new LanceError("CORRUPT", `${file.path}: pages ended early`, { path: file.path });
  }
  return cutter.pages;
}

/** The columns `values` and `ids` of a data file. @throws CORRUPT on others */
export function getDataColumns(file: LanceFile): ReturnType<typeof fileColumns> {
  const columns = fileColumns(file);
  const names = columns.map((column) => column.field.name).join(", ");
  if (names !== "values, ids" || columns[1]!.field.logicalType !== "uint64") {
    throw new LanceError(
      "CORRUPT",
      `${file.path} is no BTREE data file: expected columns values, ids; received ${names}`,
      {
        path: file.path,
        received: names,
      },
    );
  }
  return columns;
}

function keepIds(ids: BigUint64Array): BigUint64Array {
  return ids;
}

class PageCutter {
  readonly pages: BTreePage[] = [];
  readonly #type: ValueType;
  readonly #lengths: readonly number[];
  readonly #withValues: boolean;
  readonly #mapRowIds: (ids: BigUint64Array) => BigUint64Array;
  #columns: ValueColumn[] = [];
  #ids: BigUint64Array;
  #filled = 0;

  constructor(
    type: ValueType,
    lengths: readonly number[],
    withValues: boolean,
    mapRowIds: (ids: BigUint64Array) => BigUint64Array,
  ) {
    this.#type = type;
    this.#lengths = lengths;
    this.#withValues = withValues;
    this.#mapRowIds = mapRowIds;
    this.#ids = new BigUint64Array(lengths[0] ?? 0);
  }

  push(children: readonly Data[], numRows: number): void {
    const values = this.#withValues ? fromArrowData(this.#type, children[0]!) : null;
    const ids = (children.at(-1)!.values as BigUint64Array).subarray(0, numRows);
    for (let row = 0; row < numRows; ) {
      const take = Math.min(numRows - row, this.#ids.length - this.#filled);
      if (take === 0) return;
      this.#ids.set(ids.subarray(row, row + take), this.#filled);
      if (values) this.#columns.push(sliceColumn(values, row, row + take));
      this.#filled += take;
      row += take;
      if (this.#filled === this.#ids.length) this.#finishPage();
    }
  }

  #finishPage(): void {
    const column = this.#withValues ? concatColumns(this.#type, this.#columns) : null;
    const ids = this.#mapRowIds(this.#ids);
    const byteLength = ids.byteLength + (column ? getColumnBytes(column) : 0);
    this.pages.push({ column, ids, byteLength, free: () => {} });
    this.#columns = [];
    this.#filled = 0;
    this.#ids = new BigUint64Array(this.#lengths[this.pages.length] ?? 0);
  }
}
