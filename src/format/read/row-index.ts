import type { ByteSpan } from "./byte-source.ts";
import { bufferSpan, corruptPage, type PageContext } from "./page-access.ts";
import type { RowRanges } from "./row-ranges.ts";
import type { SpanBytes } from "./span-bytes.ts";

/** An index up to this size is one read as good as any part of it. */
const WHOLE_INDEX_BYTES = 64 * 1024;
/** For more rows than this the whole index is read, whatever its size. */
const MAX_ENTRY_ROWS = 64;

/**
 * Byte offsets of the rows of a full-zip page with rows of different lengths: `rows + 1` numbers of 1, 2, 4 or 8 bytes
 * (FORMAT.md section 2.2). Of a large index a few rows need only their own entries and the next.
 */
export class RowIndex {
  readonly #context: PageContext;
  #all: Float64Array | undefined;
  readonly #known = new Map<number, number>();

  constructor(context: PageContext) {
    this.#context = context;
  }

  get cachedBytes(): number {
    return (this.#all?.byteLength ?? 0) + this.#known.size * 32;
  }

  /** Whether the start and end of every range of rows is known. */
  hasRows(rows: RowRanges): boolean {
    if (this.#all) return true;
    if (this.#known.size === 0) return rows.numRows === 0;
    return rows.starts.every((start, i) => this.#known.has(start) && this.#known.has(rows.ends[i]!));
  }

  /** What to read so that these rows are known. */
  missingSpans(rows: RowRanges): ByteSpan[] {
    if (this.hasRows(rows)) return [];
    const whole = bufferSpan(this.#context, 1, "row index");
    if (this.#isTakenWhole(whole, rows)) return [whole];
    const width = this.#width(whole);
    return this.#entryRuns(rows).map(([first, end]) => ({
      ...whole,
      offset: whole.offset + first * width,
      length: (end - first) * width,
    }));
  }

  /** Takes what `missingSpans` asked for. @throws CORRUPT when offsets decrease or leave the page */
  take(bytes: SpanBytes, rows: RowRanges): void {
    if (this.hasRows(rows)) return;
    const whole = bufferSpan(this.#context, 1, "row index");
    const width = this.#width(whole);
    const count = this.#context.info.numRows + 1;
    if (this.#isTakenWhole(whole, rows)) {
      const offsets = new Float64Array(count);
      this.#read(bytes.slice(whole.offset, whole.length), width, (entry, offset) => {
        offsets[entry] = offset;
      });
      this.#all = offsets;
      this.#known.clear();
      return;
    }
    for (const [first, end] of this.#entryRuns(rows)) {
      const part = bytes.slice(whole.offset + first * width, (end - first) * width);
      this.#read(part, width, (entry, offset) => this.#known.set(first + entry, offset));
    }
  }

  /** The byte a row begins at. */
  offsetOf(row: number): number {
    const offset = this.#all ? this.#all[row] : this.#known.get(row);
    if (offset === undefined) throw new RangeError("the row index was not read");
    return offset;
  }

  clear(): void {
    this.#all = undefined;
    this.#known.clear();
  }

  #isTakenWhole(whole: ByteSpan, rows: RowRanges): boolean {
    return whole.length <= WHOLE_INDEX_BYTES || rows.numRows > MAX_ENTRY_ROWS;
  }

  /** Entries of each range, its end included; a batch may end inside a range, so those between are read too. */
  #entryRuns(rows: RowRanges): [first: number, end: number][] {
    const runs: [number, number][] = [];
    for (let range = 0; range < rows.numRanges; range++) {
      const [first, end] = [rows.starts[range]!, rows.ends[range]! + 1];
      const last = runs.at(-1);
      if (last && first <= last[1]) last[1] = end;
      else runs.push([first, end]);
    }
    return runs;
  }

  #width({ length }: ByteSpan): number {
    const count = this.#context.info.numRows + 1;
    const width = length / count;
    if (width !== 1 && width !== 2 && width !== 4 && width !== 8) {
      throw corruptPage(this.#context, `its row index of ${length} bytes does not hold ${count} offsets`);
    }
    return width;
  }

  #read(bytes: Uint8Array, width: number, put: (entry: number, offset: number) => void): void {
    const dataBytes = bufferSpan(this.#context, 0, "data").length;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let previous = 0;
    for (let entry = 0; entry * width < bytes.byteLength; entry++) {
      const at = entry * width;
      const offset =
        width === 1
          ? view.getUint8(at)
          : width === 2
            ? view.getUint16(at, true)
            : width === 4
              ? view.getUint32(at, true)
              : Number(view.getBigUint64(at, true));
      if (offset > dataBytes || offset < previous) {
        throw corruptPage(this.#context, `its row index points to byte ${offset} of ${dataBytes}`);
      }
      put(entry, offset);
      previous = offset;
    }
  }
}
