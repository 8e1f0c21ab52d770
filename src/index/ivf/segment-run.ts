import { chainRowIdMaps, listRowsLeft } from "../../table/row-map.ts";
import type { RowIdMap } from "../segment.ts";
import type { IvfHeader } from "./header.ts";
import type { PartitionRun } from "./partition-run.ts";
import { readFlatRows } from "./storage/flat.ts";
import type { VectorRows } from "./vectors.ts";

/**
 * The partitions of an open segment as a run, so that a merge only concatenates. Reads row ranges as they are asked for.
 * @param keepRows gives each row its id in the new segment; `NO_ROW` drops it
 */
export function createSegmentRun(header: IvfHeader, keepRows: RowIdMap, signal?: AbortSignal): PartitionRun {
  const { dimension, lengths, offsets, storage, mapRowIds } = header;
  const mapRow: RowIdMap = mapRowIds === undefined ? keepRows : chainRowIdMaps([mapRowIds, keepRows]);
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

function mapRows(rows: VectorRows, dimension: number, mapRow: RowIdMap): VectorRows {
  const mapped = mapRow(rows.rowIds);
  const left = listRowsLeft(mapped);
  if (left.length === mapped.length) return { vectors: rows.vectors, rowIds: mapped };
  const vectors = new Float32Array(left.length * dimension);
  const rowIds = new BigUint64Array(left.length);
  for (let i = 0; i < left.length; i++) {
    const row = left[i]!;
    vectors.set(rows.vectors.subarray(row * dimension, (row + 1) * dimension), i * dimension);
    rowIds[i] = mapped[row]!;
  }
  return { vectors, rowIds };
}
