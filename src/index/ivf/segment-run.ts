import type { IvfHeader } from "./header.ts";
import type { PartitionRun } from "./partition-run.ts";
import { readFlatRows } from "./storage/flat.ts";
import type { VectorRows } from "./vectors.ts";

/** The new row id of each row, or `null` to drop it. */
export type MapVectorRow = (rowId: bigint) => bigint | null;

/** The partitions of an open segment as a run, so that a merge only concatenates. Reads row ranges as they are asked for. */
export function createSegmentRun(header: IvfHeader, mapRow: MapVectorRow, signal?: AbortSignal): PartitionRun {
  const { dimension, lengths, offsets, storage } = header;
  return {
    lengths,
    async read(from, to) {
      const pieces: VectorRows[] = [];
      // One planned read for the whole window: neighbouring partitions are neighbouring rows.
      const ranges = Array.from({ length: to - from }, (_, i): [number, number] => {
        const start = offsets[from + i]!;
        return [start, start + lengths[from + i]!];
      });
      const isAscending = ranges.every((range, i) => i === 0 || ranges[i - 1]![1] <= range[0]);
      if (!isAscending) {
        for (const range of ranges)
          pieces.push(mapRows(await readFlatRows(storage, dimension, [range], signal), dimension, mapRow));
        return pieces;
      }
      const window = await readFlatRows(storage, dimension, ranges, signal);
      let row = 0;
      for (const [start, end] of ranges) {
        const next = row + end - start;
        const vectors = window.vectors.subarray(row * dimension, next * dimension);
        pieces.push(mapRows({ vectors, rowIds: window.rowIds.subarray(row, next) }, dimension, mapRow));
        row = next;
      }
      return pieces;
    },
  };
}

function mapRows(rows: VectorRows, dimension: number, mapRow: MapVectorRow): VectorRows {
  const vectors = new Float32Array(rows.vectors.length);
  const rowIds = new BigUint64Array(rows.rowIds.length);
  let count = 0;
  for (let row = 0; row < rows.rowIds.length; row++) {
    const rowId = mapRow(rows.rowIds[row]!);
    if (rowId === null) continue;
    vectors.set(rows.vectors.subarray(row * dimension, (row + 1) * dimension), count * dimension);
    rowIds[count++] = rowId;
  }
  return { vectors: vectors.subarray(0, count * dimension), rowIds: rowIds.subarray(0, count) };
}
