import { hasBit } from "../bitset.ts";
import type { Value } from "../bound.ts";
import type { ValueType } from "../value-type.ts";
import type { Vector } from "./vector.ts";

/** Reads a vector's values one by one, as {@link Value}. Of a NULL row it may give anything. */
export function createReader(vector: Vector, type: ValueType): (row: number) => Value {
  switch (vector.kind) {
    case "number":
    case "bigint":
    case "decimal": {
      const values = vector.values as ArrayLike<number | bigint>;
      return (row) => values[row]!;
    }
    case "boolean":
      return (row) => hasBit(vector.bits, row);
    case "bytes": {
      const { bytes, offsets } = vector;
      if (type.kind !== "utf8") return (row) => bytes.subarray(offsets[row]!, offsets[row + 1]!);
      return createTextReader(vector);
    }
    case "list": {
      const { items, offsets } = vector;
      const read = createReader(items, type.kind === "list" ? type.item : type);
      return (row) => {
        const values: (Value | null)[] = [];
        for (let at = offsets[row]!; at < offsets[row + 1]!; at++) {
          values.push(items.nulls !== null && hasBit(items.nulls, at) ? null : read(at));
        }
        return values;
      };
    }
    case "opaque":
      return () => false;
  }
}

/** Reads the texts of a vector of bytes. */
export function createTextReader(vector: Extract<Vector, { kind: "bytes" }>): (row: number) => string {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const { bytes, offsets } = vector;
  return (row) => {
    const [start, end] = [offsets[row]!, offsets[row + 1]!];
    // A call of the decoder costs more than a short text in ASCII.
    if (end - start > 24) return decoder.decode(bytes.subarray(start, end));
    let text = "";
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (byte >= 0x80) return decoder.decode(bytes.subarray(start, end));
      text += String.fromCharCode(byte);
    }
    return text;
  };
}
