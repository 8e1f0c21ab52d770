import { chainRowIdMaps, listRowsLeft } from "../../table/row-ids/row-map.ts";
import type { RowIdMap } from "../segment.ts";
import type { IvfHeader } from "./header.ts";
import { createRunRows, type PartitionRun, type RunRows } from "./partition-run.ts";
import { readRows } from "./storage/read-rows.ts";
import { pickRows, type StoredRows } from "./stored-rows.ts";

/**
 * The partitions of an open segment as a run, so that a merge only concatenates. Reads row ranges as they are asked for.
 * @param options.keepRows gives each row its id in the new segment; `NO_ROW` drops it
 * @param options.recode from the segment's codes to the new one's; `null`: they are the same
 */
export function createSegmentRun(
  header: IvfHeader,
  options: {
    readonly keepRows: RowIdMap;
    readonly recode?: ((values: Uint8Array) => Uint8Array) | null;
    readonly signal?: AbortSignal | undefined;
  },
): PartitionRun {
  const { lengths, offsets, file, storage, graphs, mapRowIds } = header;
  const { keepRows, recode, signal } = options;
  const { rowBytes } = storage;
  const mapRow: RowIdMap = mapRowIds === undefined ? keepRows : chainRowIdMaps([mapRowIds, keepRows]);
  const convert = ({ values, rowIds }: StoredRows): RunRows => {
    const restored = storage.restoreRows?.(values, rowIds.length) ?? values;
    return mapRows({ values: recode ? recode(restored) : restored, rowIds }, rowBytes, mapRow);
  };
  return {
    lengths,
    ...(graphs ? { readGraph: (partition: number) => graphs.readGraph(partition, lengths[partition]!, signal) } : {}),
    async read(from, to) {
      const pieces: RunRows[] = [];
      // One planned read for the whole window: neighbouring partitions are neighbouring rows.
      const ranges = Array.from({ length: to - from }, (_, i): [number, number] => {
        const start = offsets[from + i]!;
        return [start, start + lengths[from + i]!];
      });
      const isAscending = ranges.every((range, i) => i === 0 || ranges[i - 1]![1] <= range[0]);
      if (!isAscending) {
        for (const range of ranges) pieces.push(convert(await readRows(file, storage, [range], signal)));
        return pieces;
      }
      const window = await readRows(file, storage, ranges, signal);
      let row = 0;
      for (const [start, end] of ranges) {
        const next = row + end - start;
        const values = window.values.subarray(row * rowBytes, next * rowBytes);
        pieces.push(convert({ values, rowIds: window.rowIds.subarray(row, next) }));
        row = next;
      }
      return pieces;
    },
  };
}

function mapRows(rows: StoredRows, rowBytes: number, mapRow: RowIdMap): RunRows {
  const mapped = { values: rows.values, rowIds: mapRow(rows.rowIds) };
  const left = listRowsLeft(mapped.rowIds);
  if (left.length === mapped.rowIds.length) return createRunRows(mapped, rowBytes);
  return { ...createRunRows(pickRows(mapped, left, rowBytes), rowBytes), positions: left };
}
