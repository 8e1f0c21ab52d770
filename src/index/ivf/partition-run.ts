import type { VectorRows } from "./vectors.ts";

/** Rows grouped by partition, wherever they are: in memory, spilled, or in a segment that is merged. */
export interface PartitionRun {
  /** Rows per partition. A reader may give fewer when it drops rows. */
  readonly lengths: Uint32Array;
  /** Partitions `from` to `to` (exclusive), one entry each. */
  read(from: number, to: number): Promise<VectorRows[]>;
}

/** A run held in memory. `starts` has one entry per partition and one for the end. */
export function createMemoryRun(rows: VectorRows, starts: Uint32Array, dimension: number): PartitionRun {
  return {
    lengths: starts.subarray(1).map((end, i) => end - starts[i]!),
    async read(from, to) {
      return Array.from({ length: to - from }, (_, i) => {
        const start = starts[from + i]!;
        const end = starts[from + i + 1]!;
        return {
          vectors: rows.vectors.subarray(start * dimension, end * dimension),
          rowIds: rows.rowIds.subarray(start, end),
        };
      });
    },
  };
}

/** Puts rows into the order of their partitions, keeping their order within each. One copy. */
export function groupRows(
  rows: VectorRows,
  partitions: Uint32Array,
  numPartitions: number,
  dimension: number,
): { rows: VectorRows; starts: Uint32Array } {
  const starts = new Uint32Array(numPartitions + 1);
  for (const partition of partitions) starts[partition + 1]!++;
  for (let i = 0; i < numPartitions; i++) starts[i + 1]! += starts[i]!;
  const next = starts.slice();
  const vectors = new Float32Array(rows.vectors.length);
  const rowIds = new BigUint64Array(rows.rowIds.length);
  for (let row = 0; row < partitions.length; row++) {
    const to = next[partitions[row]!]!++;
    vectors.set(rows.vectors.subarray(row * dimension, (row + 1) * dimension), to * dimension);
    rowIds[to] = rows.rowIds[row]!;
  }
  return { rows: { vectors, rowIds }, starts };
}
