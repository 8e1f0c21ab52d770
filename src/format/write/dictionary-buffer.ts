import { ItemBuffer, type ItemRun } from "./item-buffer.ts";
import type { ItemType } from "./item-type.ts";

const NOT_YET = -1;

/** The distinct values of a dictionary column's page. Batches may each bring a dictionary of their own. */
export class DictionaryBuffer {
  readonly #capacity: number;
  readonly #values: ItemBuffer;
  readonly #indices = new Map<string, number>();
  /** What the last dictionary's indices became. */
  #last: { readonly source: ItemRun; readonly mapped: Int32Array } | undefined;

  /** @param capacity how many values an index can name */
  constructor(type: ItemType, capacity: number) {
    this.#values = new ItemBuffer(type);
    this.#capacity = capacity;
  }

  get byteLength(): number {
    return this.#values.byteLength;
  }

  get count(): number {
    return this.#values.count;
  }

  /** Whether indices can name all values of another dictionary too. */
  hasRoom(source: ItemRun): boolean {
    return this.#last?.source === source || this.#values.count + source.count <= this.#capacity;
  }

  /** The page's index of a value of `source`. */
  intern(source: ItemRun, index: number): number {
    if (this.#last?.source !== source) this.#last = { source, mapped: new Int32Array(source.count).fill(NOT_YET) };
    const { mapped } = this.#last;
    const known = mapped[index]!;
    if (known !== NOT_YET) return known;
    const key = readKey(source, index);
    let found = this.#indices.get(key);
    if (found === undefined) {
      found = this.#values.count;
      this.#values.appendOne(source, index);
      this.#indices.set(key, found);
    }
    mapped[index] = found;
    return found;
  }

  run(): ItemRun {
    return this.#values.run();
  }

  reset(): void {
    this.#values.reset();
    this.#indices.clear();
    this.#last = undefined;
  }
}

// One character per byte, so that equal keys are equal bytes.
const bytesToText = new TextDecoder("latin1");

function readKey(run: ItemRun, index: number): string {
  const { type, values, ends, firstBit } = run;
  if (type.kind === "variable") return bytesToText.decode(values.subarray(ends[index]!, ends[index + 1]!));
  if (type.kind === "fixed") {
    return bytesToText.decode(values.subarray(index * type.byteWidth, (index + 1) * type.byteWidth));
  }
  const bit = firstBit + index;
  return String((values[bit >> 3]! >> (bit & 7)) & 1);
}
