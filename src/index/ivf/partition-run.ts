import type { StoredGraph } from "../../kernels/graph-search.ts";
import type { StoredRows } from "./stored-rows.ts";

/** Rows of one partition of a run. */
export interface RunRows extends StoredRows {
  /** Where they stood in the run's partition, ascending, where others there are left out; absent: all are here. */
  readonly positions?: ArrayLike<number> | undefined;
}

/** Rows grouped by partition, wherever they are: in memory, spilled, or in a segment that is merged. */
export interface PartitionRun {
  /** Rows per partition. A reader may give fewer when it drops rows. */
  readonly lengths: Uint32Array;
  /** Partitions `from` to `to` (exclusive), one entry each. */
  read(from: number, to: number): Promise<RunRows[]>;
  /** The graph over all the rows of a partition, those that are left out too. Absent: the run has none. */
  readGraph?(partition: number): Promise<StoredGraph | undefined>;
}

/** A run held in memory. `starts` has one entry per partition and one for the end. */
export function createMemoryRun(rows: StoredRows, starts: Uint32Array, rowBytes: number): PartitionRun {
  return {
    lengths: starts.subarray(1).map((end, i) => end - starts[i]!),
    async read(from, to) {
      return Array.from({ length: to - from }, (_, i) => {
        const start = starts[from + i]!;
        const end = starts[from + i + 1]!;
        return {
          values: rows.values.subarray(start * rowBytes, end * rowBytes),
          rowIds: rows.rowIds.subarray(start, end),
        };
      });
    },
  };
}

/** Puts rows into the order of their partitions, keeping their order within each. One copy. */
export function groupRows(
  rows: StoredRows,
  partitions: Uint32Array,
  options: { readonly numPartitions: number; readonly rowBytes: number },
): { rows: StoredRows; starts: Uint32Array } {
  const { numPartitions, rowBytes } = options;
  const starts = new Uint32Array(numPartitions + 1);
  for (const partition of partitions) starts[partition + 1]!++;
  for (let i = 0; i < numPartitions; i++) starts[i + 1]! += starts[i]!;
  const next = starts.slice();
  const values = new Uint8Array(rows.values.length);
  const rowIds = new BigUint64Array(rows.rowIds.length);
  for (let row = 0; row < partitions.length; row++) {
    const to = next[partitions[row]!]!++;
    values.set(rows.values.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes);
    rowIds[to] = rows.rowIds[row]!;
  }
  return { rows: { values, rowIds }, starts };
}
