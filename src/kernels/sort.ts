import { sortBytes, sortFixed } from "../../wasm/pkg/build/build.js";
import { LanceError } from "../errors.ts";
import { callKernel, copyUint32, type KernelMemory, withBuffers } from "./memory.ts";

/** Physical types that have an order. `bytes` is text as well: byte order is code point order. */
export type SortType = "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "f32" | "f64" | "bool" | "bytes";

/** One column's values in Arrow's layout, without an offset. */
export interface SortInput {
  readonly type: SortType;
  /** Little-endian values; one bit each, LSB first, for `bool`; the data that `offsets` point into for `bytes`. */
  readonly values: ArrayBufferView;
  /** `length + 1`, for `bytes` only. */
  readonly offsets?: Int32Array | undefined;
  /** Bit i, LSB first, clear: value i is null. `null`: none is. */
  readonly validity: Uint8Array | null;
  readonly length: number;
}

const SIGNED = 0;
const UNSIGNED = 1;
const FLOAT = 2;
const BOOL = 3;

/** [family, log2 of the width in bytes] */
const FIXED: Readonly<Record<Exclude<SortType, "bytes">, readonly [family: number, log2Width: number]>> = {
  i8: [SIGNED, 0],
  i16: [SIGNED, 1],
  i32: [SIGNED, 2],
  i64: [SIGNED, 3],
  u8: [UNSIGNED, 0],
  u16: [UNSIGNED, 1],
  u32: [UNSIGNED, 2],
  u64: [UNSIGNED, 3],
  f32: [FLOAT, 2],
  f64: [FLOAT, 3],
  bool: [BOOL, 0],
};

/**
 * The stable ascending order of a column: nulls first, floats in IEEE total order, bytes in byte order.
 *
 * Radix sort for fixed widths (passes only over bytes that differ), prefix comparison for bytes. At most 131,072 rows
 * a call stay under 20 ms; sort slices and merge them above. Copies the values in: 16 to 32 bytes of memory a row.
 *
 * @returns row numbers in order
 * @throws INVALID_ARGUMENT for buffers shorter than `length` needs, or offsets that do not ascend inside the data
 */
export function sortPermutation(memory: KernelMemory, input: SortInput): Uint32Array<ArrayBuffer> {
  const { type, values, offsets, validity, length } = input;
  if (!Number.isInteger(length) || length < 0 || length > 0xffffffff) {
    throw new LanceError("INVALID_ARGUMENT", `length must be a whole number from 0; received ${length}`, { length });
  }
  const fixed = type === "bytes" ? undefined : FIXED[type];
  if (type !== "bytes" && !fixed) {
    throw new LanceError("INVALID_ARGUMENT", `cannot sort the type ${String(type)}`, {
      expected: [...Object.keys(FIXED), "bytes"],
      received: type,
    });
  }
  if (validity) requireBytes("validity", validity.byteLength, Math.ceil(length / 8));
  if (fixed) {
    const needed = fixed[0] === BOOL ? Math.ceil(length / 8) : length * 2 ** fixed[1];
    requireBytes("values", values.byteLength, needed);
  } else requireBytes("offsets", offsets?.byteLength ?? 0, (length + 1) * 4);
  return withBuffers(memory, ({ allocate, copyIn }) => {
    const data = copyIn(values);
    const valid = validity ? copyIn(validity).pointer : 0;
    const output = allocate(length * 4);
    if (fixed) {
      const kind = (fixed[0] << 2) | fixed[1];
      callKernel(() => sortFixed(kind, data.pointer, valid, length, output.pointer), { type, length });
    } else {
      const starts = copyIn(offsets!);
      callKernel(() => sortBytes(starts.pointer, data.pointer, values.byteLength, valid, length, output.pointer), {
        type,
        length,
      });
    }
    return copyUint32(output, length);
  });
}

function requireBytes(name: string, received: number, expected: number): void {
  if (received >= expected) return;
  throw new LanceError("INVALID_ARGUMENT", `${name} holds ${received} bytes; ${expected} are needed`, {
    name,
    expected,
    received,
  });
}
