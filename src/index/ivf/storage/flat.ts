import { type FixedSizeList, makeData, type RecordBatch, type Schema, Uint64 } from "apache-arrow";
import { LanceError } from "../../../errors.ts";
import { toArrowSchema } from "../../../format/arrow-schema.ts";
import { fileColumns, type LanceFile } from "../../../format/read/file.ts";
import type { LanceSchema } from "../../../format/schema.ts";
import { createBatch, createIndexField } from "../../file-batch.ts";
import type { VectorRows } from "../vectors.ts";

/** A partition is held whole; a larger one would not fit beside others in a 32-bit memory. */
const MAX_READ_BYTES = 2 ** 30;

/** The quantizer that keeps vectors as they are (cosine: scaled to length 1). */
export interface FlatStorage {
  readonly schema: LanceSchema;
  /** One JSON string, as `storage_metadata` holds it. */
  readonly metadata: string;
  createBatch(rows: VectorRows): RecordBatch;
}

/** @param dimension values per vector */
export function createFlatStorage(dimension: number): FlatStorage {
  const schema: LanceSchema = {
    fields: [
      createIndexField(0, "_rowid", "uint64", true),
      createIndexField(1, "flat", `fixed_size_list:float:${dimension}`, false),
    ],
    metadata: {},
  };
  const arrowSchema: Schema = toArrowSchema(schema);
  const type = arrowSchema.fields[1]!.type as FixedSizeList;
  return {
    schema,
    metadata: JSON.stringify({ dim: dimension }),
    createBatch({ vectors, rowIds }) {
      const length = rowIds.length;
      const items = makeData({
        type: type.children[0]!.type,
        length: vectors.length,
        nullCount: 0,
        data: vectors,
      } as never);
      const ids = makeData({ type: new Uint64(), length, nullCount: 0, data: rowIds });
      const lists = makeData({ type, length, nullCount: 0, child: items } as never);
      return createBatch(arrowSchema, length, [ids, lists]);
    },
  };
}

/**
 * Reads row ranges of a storage file as one piece.
 * @param ranges ascending, disjoint
 * @throws CORRUPT when the file has other columns or ends early; IO, ABORTED
 */
export async function readFlatRows(
  file: LanceFile,
  dimension: number,
  ranges: readonly (readonly [start: number, end: number])[],
  signal?: AbortSignal,
): Promise<VectorRows> {
  const numRows = countFlatRows(file, dimension, ranges);
  const vectors = new Float32Array(numRows * dimension);
  const rowIds = new BigUint64Array(numRows);
  let row = 0;
  for await (const part of readFlatBatches(file, dimension, ranges, signal)) {
    vectors.set(part.vectors, row * dimension);
    rowIds.set(part.rowIds, row);
    row += part.rowIds.length;
  }
  return { vectors, rowIds };
}

/** Rows of the ranges. @throws QUOTA_EXCEEDED when they are too many to hold as one piece */
export function countFlatRows(
  file: LanceFile,
  dimension: number,
  ranges: readonly (readonly [start: number, end: number])[],
): number {
  const numRows = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  const byteLength = numRows * (8 + 4 * dimension);
  if (byteLength > MAX_READ_BYTES) {
    throw new LanceError(
      "QUOTA_EXCEEDED",
      `${file.path}: a partition of ${numRows} rows takes ${byteLength} bytes, more than ${MAX_READ_BYTES}; build the index with more partitions`,
      { path: file.path, numRows, byteLength },
    );
  }
  return numRows;
}

/**
 * As {@link readFlatRows}, batch by batch; what is given may be a view of bytes that others read too, and is valid
 * until the next batch. After the last one, every row of the ranges was given.
 */
export async function* readFlatBatches(
  file: LanceFile,
  dimension: number,
  ranges: readonly (readonly [start: number, end: number])[],
  signal?: AbortSignal,
): AsyncIterable<VectorRows> {
  const columns = fileColumns(file);
  const found = columns.map((column) => `${column.field.name}: ${column.field.logicalType}`).join(", ");
  const expected = `_rowid: uint64, flat: fixed_size_list:float:${dimension}`;
  if (found !== expected) {
    throw new LanceError("CORRUPT", `${file.path}: expected columns ${expected}; received ${found}`, {
      path: file.path,
      expected,
      received: found,
    });
  }
  const selected = ranges.filter(([start, end]) => end > start);
  if (selected.length === 0) return;
  let missing = selected.reduce((sum, [start, end]) => sum + end - start, 0);
  for await (const batch of file.read(columns, { kind: "ranges", ranges: selected }, { signal, borrow: true })) {
    missing -= batch.numRows;
    const [ids, lists] = batch.data.children;
    const values = lists!.children[0]!.values as Float32Array;
    yield {
      rowIds: (ids!.values as BigUint64Array).subarray(0, batch.numRows),
      vectors: values.subarray(0, batch.numRows * dimension),
    };
  }
  if (missing !== 0) {
    throw new LanceError("CORRUPT", `${file.path}: ${missing} rows are missing from it`, { path: file.path });
  }
}
