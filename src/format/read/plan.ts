import type { ByteSpan } from "./byte-source.ts";
import type { ColumnInfo } from "./column-metadata.ts";
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

/** The pages of a leaf that hold selected rows. Pure. */
export function planLeaf(path: string, leaf: LeafColumn, column: ColumnInfo, rows: RowRanges): PageTask[] {
  const tasks: PageTask[] = [];
  for (const info of column.pages) {
    const { ranges, position } = rows.clip(info.firstRow, info.firstRow + info.numRows);
    if (ranges.numRows === 0) continue;
    tasks.push({
      // Two fields may read one physical column with different types, so the type is part of the key.
      key: `${leaf.columnIndex}/${info.index}/${leaf.listLayers.length}/${leaf.shape.itemBits}/${leaf.shape.dimensions}`,
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
    auxiliary.push(...page.auxiliarySpans());
    if (!page.isOpen && page.needsIndex(task.rows)) numPagesPending++;
    else data.push(...page.dataSpans(task.rows));
  }
  return { numRows, auxiliary, data, numPagesPending };
}
