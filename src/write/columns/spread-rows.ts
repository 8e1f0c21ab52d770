import { type Data, type DataType, makeData, type RecordBatch, Type } from "apache-arrow";
import { listLiveOffsets } from "../../table/deletions/live-offsets.ts";
import { gatherData } from "../../table/rows/gather-data.ts";
import { createNullData } from "../../table/rows/null-data.ts";
import { makeBatch } from "../../table/rows/record-batches.ts";

/** Which physical rows of a batch are live, as offsets into it. */
export interface LiveRows {
  readonly offsets: Uint32Array;
  readonly numRows: number;
}

/** The rows of `[start, start + numRows)` that are not among `deleted`, which ascends. */
export function findLiveRows(deleted: Uint32Array | null, start: number, numRows: number): LiveRows {
  const physical = listLiveOffsets(deleted, { start, end: start + numRows });
  return { offsets: physical.map((offset) => offset - start), numRows };
}

/** The live rows of a batch; itself where all are. */
export function keepLiveRows(batch: RecordBatch, live: LiveRows): RecordBatch {
  if (live.offsets.length === live.numRows) return batch;
  const columns = batch.data.children.map((data) => gatherData([data], { rows: live.offsets }));
  return makeBatch(batch.schema, columns, live.offsets.length);
}

/**
 * Values of live rows, with something in the place of every deleted row: files of a fragment have equally many rows.
 * @param nullable whether that may be null where no live row is near
 */
export function spreadLiveRows(values: Data, live: LiveRows, type: DataType, nullable: boolean): Data {
  const { offsets, numRows } = live;
  if (offsets.length === numRows) return values;
  if (offsets.length === 0) {
    const nulls = createNullData(type, numRows);
    return nullable ? nulls : clearNulls(nulls);
  }
  const rows = new Uint32Array(numRows);
  for (let i = 0; i < offsets.length; i++) rows[offsets[i]!] = i;
  return gatherData([values], { rows });
}

/** Zeros and empty values in the place of nulls. */
function clearNulls(data: Data): Data {
  const { type, length } = data;
  if ((type as DataType).typeId === Type.Null) return data;
  return makeData({
    type,
    length,
    nullCount: 0,
    data: data.values,
    valueOffsets: data.valueOffsets,
    children: data.children.map(clearNulls),
    child: data.children[0] === undefined ? undefined : clearNulls(data.children[0]),
  } as never) as Data;
}
