import type { StoredGraph } from "../../kernels/graph-search.ts";
import type { StoredRows } from "./stored-rows.ts";

/** Rows of one partition of a run. */
export interface RunRows {
  readonly numRows: number;
  /** Where they stood in the run's partition, ascending, where others there are left out; absent: all are here. */
  readonly positions?: ArrayLike<number> | undefined;
  /** Puts them, in their order, at a row of others. */
  copyTo(into: StoredRows, row: number): void;
}

/** Rows grouped by partition, wherever they are: in memory, spilled, or in a segment that is merged. */
export interface PartitionRun {
  /** Rows per partition. A reader may give fewer when it drops rows. */
  readonly lengths: Uint32Array;
  /** Partitions `from` to `to` (exclusive), one entry each, to be copied before anything else is read or collected. */
  read(from: number, to: number): Promise<RunRows[]>;
  /** The graph over all the rows of a partition, those that are left out too. Absent: the run has none. */
  readGraph?(partition: number): Promise<StoredGraph | undefined>;
}

/** Rows that are one piece already, as those of a run. */
export function createRunRows({ values, rowIds }: StoredRows, rowBytes: number): RunRows {
  return {
    numRows: rowIds.length,
    copyTo(into, row) {
      into.values.set(values, row * rowBytes);
      into.rowIds.set(rowIds, row);
    },
  };
}
