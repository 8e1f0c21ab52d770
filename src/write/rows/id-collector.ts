/** Row ids that come in pieces. Eight bytes a row. */
export class IdCollector {
  readonly #parts: BigUint64Array[] = [];
  #length = 0;

  add(ids: BigUint64Array): void {
    this.#parts.push(ids);
    this.#length += ids.length;
  }

  /** All of them, in the order they came. */
  take(): BigUint64Array {
    const ids = new BigUint64Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      ids.set(part, at);
      at += part.length;
    }
    return ids;
  }
}
