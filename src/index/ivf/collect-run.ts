import type { PartitionRun, RunRows } from "./partition-run.ts";
import type { StoredRows } from "./stored-rows.ts";

/** Bytes of rows in a slab, about. */
const SLAB_BYTES = 1 << 20;
/** Beside the row: its id, its partition, its place in the order of partitions. */
const BESIDE_BYTES = 8 + 4 + 4;
/** Rows up to so many bytes are copied word by word: a call of `set` takes longer. */
const SHORT_BYTES = 128;

/** Rows in the order they came. */
interface Slab extends StoredRows {
  readonly words: Uint32Array | null;
  readonly partitions: Uint32Array;
}

/**
 * Collects coded rows until they are asked for by partition. Each is copied once when it comes and once when it is read;
 * slabs serve again for the next run.
 */
export class RunCollector {
  readonly #numPartitions: number;
  readonly #rowBytes: number;
  /** Rows of a slab are a power of two. */
  readonly #shift: number;
  readonly #slabs: Slab[] = [];
  #numRows = 0;

  constructor({ numPartitions, rowBytes }: { readonly numPartitions: number; readonly rowBytes: number }) {
    this.#numPartitions = numPartitions;
    this.#rowBytes = rowBytes;
    this.#shift = Math.max(0, Math.floor(Math.log2(SLAB_BYTES / (rowBytes + BESIDE_BYTES))));
  }

  get numRows(): number {
    return this.#numRows;
  }

  /** Bytes the collected rows take, also while they are read. */
  get byteLength(): number {
    return this.#numRows * (this.#rowBytes + BESIDE_BYTES) + this.#numPartitions * 8;
  }

  /** Copies rows and the partition of each. */
  append({ values, rowIds }: StoredRows, partitions: Uint32Array): void {
    const rowBytes = this.#rowBytes;
    const slabRows = 1 << this.#shift;
    for (let row = 0; row < partitions.length; ) {
      const at = this.#numRows & (slabRows - 1);
      const count = Math.min(slabRows - at, partitions.length - row);
      const slab = this.#getSlab(this.#numRows >> this.#shift);
      slab.values.set(values.subarray(row * rowBytes, (row + count) * rowBytes), at * rowBytes);
      slab.rowIds.set(rowIds.subarray(row, row + count), at);
      slab.partitions.set(partitions.subarray(row, row + count), at);
      this.#numRows += count;
      row += count;
    }
  }

  /** What was collected, by partition, rows of one in the order they came. Valid until the next append. */
  finish(): PartitionRun {
    const { order, starts } = this.#sort();
    const lengths = starts.subarray(1).map((end, i) => end - starts[i]!);
    return {
      lengths,
      read: async (from, to) =>
        Array.from({ length: to - from }, (_, i): RunRows => {
          const rows = order.subarray(starts[from + i]!, starts[from + i + 1]!);
          return { numRows: rows.length, copyTo: (into, row) => this.#copy(rows, into, row) };
        }),
    };
  }

  /** Forgets the rows and keeps the slabs. */
  clear(): void {
    this.#numRows = 0;
  }

  #getSlab(index: number): Slab {
    const known = this.#slabs[index];
    if (known) return known;
    const slabRows = 1 << this.#shift;
    const values = new Uint8Array(slabRows * this.#rowBytes);
    const slab = {
      values,
      words: this.#rowBytes % 4 === 0 ? new Uint32Array(values.buffer) : null,
      rowIds: new BigUint64Array(slabRows),
      partitions: new Uint32Array(slabRows),
    };
    this.#slabs[index] = slab;
    return slab;
  }

  /** Row numbers by partition, and where each partition starts among them. */
  #sort(): { order: Uint32Array; starts: Uint32Array } {
    const starts = new Uint32Array(this.#numPartitions + 1);
    const order = new Uint32Array(this.#numRows);
    const slabRows = 1 << this.#shift;
    const forEachSlab = (visit: (partitions: Uint32Array, first: number) => void) => {
      for (let first = 0, i = 0; first < this.#numRows; first += slabRows, i++) {
        visit(this.#slabs[i]!.partitions.subarray(0, Math.min(slabRows, this.#numRows - first)), first);
      }
    };
    forEachSlab((partitions) => {
      for (let i = 0; i < partitions.length; i++) starts[partitions[i]! + 1]!++;
    });
    for (let i = 0; i < this.#numPartitions; i++) starts[i + 1]! += starts[i]!;
    const next = starts.slice();
    forEachSlab((partitions, first) => {
      for (let i = 0; i < partitions.length; i++) order[next[partitions[i]!]!++] = first + i;
    });
    return { order, starts };
  }

  #copy(rows: Uint32Array, into: StoredRows, at: number): void {
    const rowBytes = this.#rowBytes;
    const mask = (1 << this.#shift) - 1;
    const { values, rowIds } = into;
    const width = rowBytes / 4;
    const words =
      rowBytes <= SHORT_BYTES && rowBytes % 4 === 0 && values.byteOffset % 4 === 0
        ? new Uint32Array(values.buffer, values.byteOffset, values.byteLength >> 2)
        : null;
    for (let i = 0; i < rows.length; i++) {
      const slab = this.#slabs[rows[i]! >> this.#shift]!;
      const from = rows[i]! & mask;
      rowIds[at + i] = slab.rowIds[from]!;
      if (words) {
        const source = slab.words!;
        for (let w = 0; w < width; w++) words[(at + i) * width + w] = source[from * width + w]!;
      } else {
        values.set(slab.values.subarray(from * rowBytes, (from + 1) * rowBytes), (at + i) * rowBytes);
      }
    }
  }
}
