import { LanceError } from "../../errors.ts";
import type { ByteSpan } from "./byte-source.ts";
import type { ColumnInfo } from "./column-metadata.ts";
import { shapeWords } from "./decode-program.ts";
import type { LeafColumn } from "./leaf-column.ts";
import type { PageTask } from "./leaf-reader.ts";
import { createPageAccess } from "./open-page.ts";
import type { PageCache } from "./page-cache.ts";
import type { RowRanges } from "./row-ranges.ts";

/** Every byte range a read will ask for, as far as it is known before any I/O. */
export interface ReadPlan {
  readonly numRows: number;
  /** First phase: indexes, dictionaries and constants of pages that are not open yet. */
  readonly auxiliary: readonly ByteSpan[];
  /** Second phase, or with the first where no index is needed: rows. */
  readonly data: readonly ByteSpan[];
  /** Pages whose data ranges are known only after the first phase. */
  readonly numPagesPending: number;
}

/** A file and the rows wanted of it. */
export interface PlannedFile {
  readonly path: string;
  readonly numRows: number;
  readonly rows: RowRanges;
}

/**
 * The pages of a leaf that hold selected rows. Pure.
 * @throws CORRUPT when the column has another number of rows than the file
 */
export function planLeaf(file: PlannedFile, leaf: LeafColumn, column: ColumnInfo): PageTask[] {
  const { path, numRows } = file;
  if (column.numRows !== numRows * leaf.rowFactor) {
    throw new LanceError(
      "CORRUPT",
      `${path}: the pages of column "${leaf.path}" hold ${column.numRows} rows, the file ${numRows}`,
      { path, column: leaf.path },
    );
  }
  const rows = file.rows.scale(leaf.rowFactor);
  const tasks: PageTask[] = [];
  for (const info of column.pages) {
    const { ranges, position } = rows.clip(info.firstRow, info.firstRow + info.numRows);
    if (ranges.numRows === 0) continue;
    tasks.push({
      // Two fields may read one physical column with different types, so the type is part of the key.
      key: `${leaf.columnIndex}/${info.index}/${leaf.listLayers.length}/${shapeWords(leaf.shape)}`,
      create: () => createPageAccess({ path, leaf, info }),
      rows: ranges,
      start: position,
      end: position + ranges.numRows,
    });
  }
  return tasks;
}

/** The byte ranges of page tasks. Pure: reads the state of the cache, changes nothing. */
export function planSpans(tasks: readonly PageTask[], cache: PageCache, numRows: number): ReadPlan {
  const auxiliary: ByteSpan[] = [];
  const data: ByteSpan[] = [];
  let numPagesPending = 0;
  for (const task of tasks) {
    const page = cache.peek(task.key) ?? task.create();
    auxiliary.push(...page.auxiliarySpans(task.rows));
    if (page.needsIndex(task.rows)) numPagesPending++;
    else data.push(...page.dataSpans(task.rows));
  }
  return { numRows, auxiliary, data, numPagesPending };
}
