import { SpareBuffers } from "./spare-buffers.ts";

/** Rows of one length, of one column of a file, by number. */
export interface CachedRows {
  /** Copies a row to `target`. @returns whether it was there */
  copy(row: number, target: Uint8Array, at: number): boolean;
  /** Keeps a copy of a row, where there is room for any and it is not there yet. */
  add(row: number, bytes: Uint8Array): void;
}

/** Rows that came together, and go together. */
interface Slab {
  readonly bytes: Uint8Array;
  /** The row in each slot, as far as they are filled. */
  readonly rows: Float64Array;
  numRows: number;
  lastUse: number;
  /** What it costs, beside the bytes the places of its rows. */
  readonly cost: number;
  forget(): void;
}

const SLAB_BYTES = 256 * 1024;
/** Of what rows may take, so much more may be held to read them. */
const SPARE_SHARE = 8;
/** What a row costs beside its bytes: its place in a map. */
const PLACE_BYTES = 48;

/** Rows of columns in memory, bounded in bytes. The slab that was used longest ago goes first. */
export class RowCache {
  /** Memory that what is read lies in until its rows are kept. */
  readonly spare = new SpareBuffers();
  readonly #columns = new Map<string, CachedRows>();
  readonly #slabs = new Set<Slab>();
  #bytes = 0;
  #maxBytes = 0;
  #clock = 0;

  /** Bytes held now, with what it takes to find the rows. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Holds at most so many bytes from now on. */
  bound(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.spare.bound(maxBytes / SPARE_SHARE);
    this.#makeRoom(0);
  }

  /** The rows of one column, by a key that names its file and its bytes' length too. */
  open(key: string, rowBytes: number): CachedRows {
    let column = this.#columns.get(key);
    if (column === undefined) {
      column = this.#createColumn(rowBytes);
      this.#columns.set(key, column);
    }
    return column;
  }

  #createColumn(rowBytes: number): CachedRows {
    const slabRows = Math.max(1, Math.floor(SLAB_BYTES / rowBytes));
    /** Slab × `slabRows` + slot. */
    const places = new Map<number, number>();
    const slabs = new Map<number, Slab>();
    let numSlabs = 0;
    let filling: Slab | undefined;

    const addSlab = (): Slab | undefined => {
      const cost = slabRows * (rowBytes + PLACE_BYTES);
      if (cost > this.#maxBytes) return undefined;
      this.#makeRoom(cost);
      const number = numSlabs++;
      const slab: Slab = {
        bytes: new Uint8Array(slabRows * rowBytes),
        rows: new Float64Array(slabRows),
        numRows: 0,
        lastUse: ++this.#clock,
        cost,
        forget() {
          for (let slot = 0; slot < slab.numRows; slot++) places.delete(slab.rows[slot]!);
          slabs.delete(number);
          if (filling === slab) filling = undefined;
        },
      };
      slabs.set(number, slab);
      this.#slabs.add(slab);
      this.#bytes += cost;
      return slab;
    };

    return {
      copy: (row, target, at) => {
        const place = places.get(row);
        if (place === undefined) return false;
        const slab = slabs.get(Math.floor(place / slabRows))!;
        const from = (place % slabRows) * rowBytes;
        slab.lastUse = ++this.#clock;
        target.set(slab.bytes.subarray(from, from + rowBytes), at);
        return true;
      },
      add: (row, bytes) => {
        if (places.has(row)) return;
        if (filling === undefined || filling.numRows === slabRows) filling = addSlab();
        if (filling === undefined) return;
        const slot = filling.numRows++;
        filling.rows[slot] = row;
        filling.bytes.set(bytes, slot * rowBytes);
        places.set(row, (numSlabs - 1) * slabRows + slot);
      },
    };
  }

  #makeRoom(cost: number): void {
    while (this.#slabs.size > 0 && this.#bytes + cost > this.#maxBytes) {
      let oldest: Slab | undefined;
      for (const slab of this.#slabs) if (oldest === undefined || slab.lastUse < oldest.lastUse) oldest = slab;
      this.#slabs.delete(oldest!);
      this.#bytes -= oldest!.cost;
      oldest!.forget();
    }
  }
}
