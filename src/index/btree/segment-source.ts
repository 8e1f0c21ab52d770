import { LanceError } from "../../errors.ts";
import { listRowsLeft } from "../../table/row-ids/row-map.ts";
import type { RowSet } from "../../table/row-set.ts";
import type { OpenSegment, RowIdMap } from "../segment.ts";
import { createCompareRows } from "./compare-values.ts";
import { readBatchSize } from "./page-lookup.ts";
import { getDataColumns } from "./read-pages.ts";
import { openBTreeFiles } from "./reader.ts";
import { permuteRows, type SortedRows, type SortedSource } from "./sorted-run.ts";
import { fromArrowData, type ValueColumn } from "./value-column.ts";
import { getValueType } from "./value-type.ts";

const PIECE_ROWS = 4096;

/** What of a segment's rows to give on: the new row id, or `null` to drop the row. */
export type MapRows = (ids: BigUint64Array) => { readonly keep: Uint32Array | null; readonly ids: BigUint64Array };

/** A segment as a source of a merge. */
export interface SegmentSource extends SortedSource {
  readonly numRows: number;
  /** Rows per page it was built with. */
  readonly batchSize: number;
}

/** The rows of a segment in index order, without its table. Reads the data file once, piece by piece. */
export async function openSegmentSource(
  open: OpenSegment,
  mapRows: MapRows,
  signal?: AbortSignal,
): Promise<SegmentSource> {
  const type = getValueType(open.field);
  const { lookup, data: file } = await openBTreeFiles(open, signal);
  const columns = getDataColumns(file);
  const compare = createCompareRows(type);
  const batches = file.read(columns, { kind: "all" }, { batchRows: PIECE_ROWS, signal })[Symbol.asyncIterator]();
  let last: ValueColumn | undefined;

  const checkOrder = (column: ValueColumn): void => {
    let inOrder = last === undefined || compare(last, last.length - 1, column, 0) <= 0;
    for (let i = 1; inOrder && i < column.length; i++) inOrder = compare(column, i - 1, column, i) <= 0;
    last = column;
    if (inOrder) return;
    throw new LanceError("CORRUPT", `${file.path} is not sorted: rebuild segment ${open.segment.uuid} to merge it`, {
      uuid: open.segment.uuid,
      path: file.path,
    });
  };

  return {
    numRows: file.numRows,
    batchSize: readBatchSize(lookup),
    async next(): Promise<SortedRows | null> {
      for (;;) {
        const batch = await batches.next();
        if (batch.done) return null;
        const [values, ids] = batch.value.data.children;
        const column = fromArrowData(type, values!);
        if (column.length === 0) continue;
        checkOrder(column);
        const stored = (ids!.values as BigUint64Array).subarray(0, column.length);
        const mapped = mapRows(open.mapRowIds?.(stored) ?? stored);
        if (mapped.keep === null) return { column, ids: mapped.ids };
        if (mapped.keep.length > 0) return permuteRows({ column, ids: mapped.ids }, mapped.keep);
      }
    },
  };
}

/** Keeps the rows of a set. */
export function keepRows(rows: RowSet): MapRows {
  return (ids) => {
    const halves = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2);
    const keep = new Uint32Array(ids.length);
    let count = 0;
    for (let i = 0; i < ids.length; i++) if (rows.has(halves[2 * i + 1]!, halves[2 * i]!)) keep[count++] = i;
    return { keep: count === ids.length ? null : keep.subarray(0, count), ids };
  };
}

/** Gives every row its new id; drops those without. */
export function remapRows(rowIdMap: RowIdMap): MapRows {
  return (ids) => {
    const mapped = rowIdMap(ids);
    const keep = listRowsLeft(mapped);
    return { keep: keep.length === ids.length ? null : keep, ids: mapped };
  };
}
