import { type Data, type FixedSizeList, makeData, type RecordBatch, type Schema, Uint64 } from "apache-arrow";
import { LanceError } from "../../../errors.ts";
import { toArrowSchema } from "../../../format/arrow-schema.ts";
import type { FileColumn, LanceFile } from "../../../format/read/file.ts";
import type { LanceSchema } from "../../../format/schema.ts";
import { elementBytes, type VectorElement, viewValues } from "../../../kernels/element.ts";
import { createBatch, createIndexField } from "../../file-batch.ts";
import { nameVectorType } from "../../vector-type.ts";
import type { StoredRows } from "../stored-rows.ts";
import { findColumns } from "./find-columns.ts";
import type { RowRanges } from "./storage.ts";
import { streamRows } from "./stream-rows.ts";

/** A storage file of row ids and one fixed-size list; native 0.20 left the partition of each row beside them. */
export interface ListColumn {
  readonly schema: LanceSchema;
  readonly rowBytes: number;
  createBatch(rows: StoredRows): RecordBatch;
  readBatches(file: LanceFile, ranges: RowRanges, signal?: AbortSignal): AsyncIterable<StoredRows>;
}

/** @param options.width values a row */
export function createListColumn(
  name: string,
  options: { readonly element: VectorElement; readonly width: number; readonly nullable: boolean },
): ListColumn {
  const { element, width, nullable } = options;
  const rowBytes = width * elementBytes(element);
  const logicalType = nameVectorType({ element, dimension: width });
  const schema: LanceSchema = {
    fields: [createIndexField(0, "_rowid", "uint64", true), createIndexField(1, name, logicalType, nullable)],
    metadata: {},
  };
  const arrowSchema: Schema = toArrowSchema(schema);
  const type = arrowSchema.fields[1]!.type as FixedSizeList;
  const expected = [["_rowid: uint64"], [`${name}: ${logicalType}`]];
  return {
    schema,
    rowBytes,
    createBatch({ values, rowIds }) {
      const length = rowIds.length;
      const data = viewValues(element, values);
      const itemType = type.children[0]!.type;
      const items = makeData({ type: itemType, length: data.length, nullCount: 0, data } as never);
      const ids = makeData({ type: new Uint64(), length, nullCount: 0, data: rowIds });
      const lists = makeData({ type, length, nullCount: 0, child: items } as never);
      return createBatch(arrowSchema, length, [ids, lists]);
    },
    async *readBatches(file, ranges, signal) {
      const columns = findColumns(file, expected);
      const selected = ranges.filter(([start, end]) => end > start);
      if (selected.length === 0) return;
      const read = (wanted: readonly FileColumn[]) =>
        file.read(wanted, { kind: "ranges", ranges: selected }, { signal, borrow: true });
      const numRows = selected.reduce((sum, [start, end]) => sum + end - start, 0);
      const pieces = streamRows(file, columns[1]!, selected, signal);
      const parts = pieces
        ? pairRows(read([columns[0]!]), pieces, { numRows, rowBytes })
        : splitRows(read(columns), rowBytes);
      let missing = numRows;
      for await (const part of parts) {
        missing -= part.rowIds.length;
        yield part;
      }
      if (missing !== 0) {
        throw new LanceError("CORRUPT", `${file.path}: ${missing} rows are missing from it`, { path: file.path });
      }
    },
  };
}

async function* splitRows(batches: AsyncIterable<RecordBatch>, rowBytes: number): AsyncGenerator<StoredRows> {
  for await (const { numRows, data } of batches) {
    const [ids, lists] = data.children;
    const items = lists!.children[0]!.values as ArrayBufferView;
    yield {
      rowIds: viewIds(ids!, numRows),
      values: new Uint8Array(items.buffer, items.byteOffset, numRows * rowBytes),
    };
  }
}

/** Row ids are read first: they are few bytes beside the values. */
async function* pairRows(
  batches: AsyncIterable<RecordBatch>,
  pieces: AsyncIterable<Uint8Array>,
  { numRows, rowBytes }: { readonly numRows: number; readonly rowBytes: number },
): AsyncGenerator<StoredRows> {
  const rowIds = new BigUint64Array(numRows);
  let row = 0;
  for await (const batch of batches) {
    rowIds.set(viewIds(batch.data.children[0]!, batch.numRows), row);
    row += batch.numRows;
  }
  row = 0;
  for await (const values of pieces) {
    const end = row + values.byteLength / rowBytes;
    yield { rowIds: rowIds.subarray(row, end), values };
    row = end;
  }
}

function viewIds(ids: Data, numRows: number): BigUint64Array {
  return (ids.values as BigUint64Array).subarray(0, numRows);
}
