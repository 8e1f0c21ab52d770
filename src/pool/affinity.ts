const MAX_KEYS = 4096;

/** Remembers which worker serves a key: a new key goes to the worker with the fewest, the longest unused is forgotten. */
export class AffinityMap {
  readonly #slots = new Map<string, number>();
  readonly #counts: number[];

  constructor(numSlots: number) {
    this.#counts = new Array<number>(numSlots).fill(0);
  }

  assign(key: string): number {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#counts.indexOf(Math.min(...this.#counts));
      this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
    }
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    if (this.#slots.size > MAX_KEYS) this.#forgetOldest();
    return slot;
  }

  #forgetOldest(): void {
    for (const [key, slot] of this.#slots) {
      this.#slots.delete(key);
      this.#counts[slot] = (this.#counts[slot] ?? 1) - 1;
      return;
    }
  }
}
