import type { Data, FixedSizeList } from "apache-arrow";
import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import type { NearestRows } from "../index/search.ts";
import { boundDistances, findVectors } from "../index/vector-rule.ts";
import type { VectorType } from "../index/vector-type.ts";
import type { CoreKernels } from "../kernels/core.ts";
import { elementBytes, elementOf, type VectorValues } from "../kernels/element.ts";
import type { WasmBuffer } from "../kernels/memory.ts";
import type { TopK } from "../kernels/top-k.ts";
import type { GiveWay } from "../tasks/give-way.ts";
import type { FlatQuery } from "./flat-search.ts";
import { ADDRESS_BYTES, type KeptBlock } from "./kept-blocks.ts";

/** Rows of one fragment, as they were read. */
export interface VectorBatch {
  readonly fragmentId: number;
  /** Of `numRows` vectors, one after another. */
  readonly values: VectorValues;
  readonly numRows: number;
  /** Physical offset of row i: `offsets[i]`, or `firstOffset + i` where there is no list of them. */
  readonly offsets: Uint32Array | null;
  readonly firstOffset: number;
  /** Bit i, LSB first, set: row i may be returned. Absent: all may. */
  readonly mask: Uint8Array | undefined;
}

/** Bytes copied into WASM memory and compared at once: they are still in the processor's cache when they are read. */
const SLICE_BYTES = 256 * 1024;

/** Compares queries with vectors that come batch by batch. Holds {@link SLICE_BYTES} of WASM memory until it ends. */
export class VectorScan {
  readonly #query: FlatQuery;
  /** One a query. */
  readonly #best: readonly TopK[];
  readonly #vectors: WasmBuffer;
  readonly #rowIds: WasmBuffer;
  readonly #sliceRows: number;

  constructor(kernels: CoreKernels, query: FlatQuery) {
    this.#query = query;
    // A multiple of 8: a slice's mask is then a slice of the mask.
    const { element, dimension } = query.type;
    const rowBytes = dimension * elementBytes(element);
    this.#sliceRows = Math.max(8, Math.floor(SLICE_BYTES / rowBytes) & ~7);
    this.#vectors = kernels.allocate(this.#sliceRows * rowBytes);
    this.#rowIds = kernels.allocate(this.#sliceRows * 8);
    this.#best = query.queries.map(() => kernels.createTopK(query.k));
  }

  /** Offers the rows of a batch. What is no vector, and distances that are not finite, are never kept. */
  async add(batch: VectorBatch, giveWay: GiveWay): Promise<void> {
    const { type, metric, queries, distanceRange } = this.#query;
    const { element, dimension } = type;
    const { values, mask, numRows: total } = batch;
    const { lower, upper } = boundDistances(distanceRange);
    for (let row = 0; row < total; row += this.#sliceRows) {
      const numRows = Math.min(this.#sliceRows, total - row);
      const { buffer } = this.#vectors.bytes();
      const slice = values.subarray(row * dimension, (row + numRows) * dimension);
      new Uint8Array(buffer, this.#vectors.pointer).set(
        new Uint8Array(slice.buffer, slice.byteOffset, slice.byteLength),
      );
      writeAddresses(new Uint32Array(buffer, this.#rowIds.pointer, numRows * 2), batch, row);
      const scan = {
        metric,
        element,
        vectors: this.#vectors,
        rowIds: this.#rowIds,
        numRows,
        dimension,
        mask: mask?.subarray(row >> 3, (row + numRows + 7) >> 3),
        lower,
        upper,
      };
      for (const [i, query] of queries.entries()) {
        this.#best[i]!.scanFlat({ ...scan, query });
        const pause = giveWay();
        if (pause) await pause;
      }
    }
  }

  /** Offers the rows of a block that is kept: nothing is copied. The block is in use until it is done. */
  async addKept({ vectors, rowIds }: KeptBlock, mask: Uint8Array | undefined, giveWay: GiveWay): Promise<void> {
    const { type, metric, queries, distanceRange } = this.#query;
    const { element, dimension } = type;
    const { lower, upper } = boundDistances(distanceRange);
    const numRows = rowIds.byteLength / ADDRESS_BYTES;
    for (const [i, query] of queries.entries()) {
      this.#best[i]!.scanFlat({ metric, element, query, vectors, rowIds, numRows, dimension, mask, lower, upper });
      const pause = giveWay();
      if (pause) await pause;
    }
  }

  /** The best rows so far of each query. No other call may follow but `free`. */
  finish(): NearestRows[] {
    return this.#best.map((best) => best.finish());
  }

  free(): void {
    for (const best of this.#best) best.free();
    this.#vectors.free();
    this.#rowIds.free();
  }
}

/** Row addresses of the rows from `first` on, low half first. */
function writeAddresses(halves: Uint32Array, { fragmentId, offsets, firstOffset }: VectorBatch, first: number): void {
  for (let i = 0; i < halves.length; i += 2) {
    const row = first + (i >> 1);
    halves[i] = offsets === null ? firstOffset + row : offsets[row]!;
    halves[i + 1] = fragmentId;
  }
}

/** The rows of a column that hold a vector, and are in a mask. */
export function maskVectors(data: Data, mask: Uint8Array | undefined, dimension: number): Uint8Array | undefined {
  return intersectBits(mask, findVectors(data, dimension));
}

/** The values of a fixed-size list, as one array of `rows × dimension`. No copy. */
export function readVectors(data: Data, { element, dimension }: VectorType, field: LanceField): VectorValues {
  const values = data.children[0]?.values as VectorValues | undefined;
  if (!values || elementOf(values) !== element || (data.type as FixedSizeList).listSize !== dimension) {
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `column "${field.name}": expected ${dimension} ${element} a row, received ${data.type}`,
      {
        column: field.name,
      },
    );
  }
  // apache-arrow cuts a child's values to its slice, and keeps the parent's offset as rows of the parent
  return values.subarray(0, data.length * dimension);
}

/** `length` bits from bit `start` on, LSB first. A view where they start at a byte. */
export function cutBits(bits: Uint8Array, start: number, length: number): Uint8Array {
  if (start % 8 === 0) return bits.subarray(start >>> 3, (start + length + 7) >>> 3);
  const cut = new Uint8Array((length + 7) >>> 3);
  for (let i = 0; i < length; i++) {
    const at = start + i;
    if (bits[at >>> 3]! & (1 << (at & 7))) cut[i >>> 3]! |= 1 << (i & 7);
  }
  return cut;
}

function intersectBits(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (!a || !b) return a ?? b;
  return a.map((byte, i) => byte & b[i]!);
}
