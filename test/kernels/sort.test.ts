import { describe, expect, test } from "vitest";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import type { SortInput, SortType } from "../../src/kernels/sort.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { referencePermutation, type SortValue } from "./reference/sort.ts";
import { packBits } from "./support.ts";

useTestRuntime();
const build = await loadBuildKernels();

type Fixed = Exclude<SortType, "bytes" | "bool">;
const widths: Readonly<Record<Fixed, 1 | 2 | 4 | 8>> = {
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  f32: 4,
  f64: 8,
};

/** Bits whose order is where sorts go wrong: both zeros, both infinities, NaN of either sign, subnormals. */
const specialBits: Readonly<Record<4 | 8, readonly bigint[]>> = {
  4: [0n, 0x80000000n, 0x7f800000n, 0xff800000n, 0x7fc00000n, 0xffc00000n, 1n, 0x80000001n, 0x7fffffffn, 0xffffffffn],
  8: [0n, 1n << 63n, 0x7ffn << 52n, 0xfffn << 52n, 0x7ff8n << 48n, 0xfff8n << 48n, 1n, (1n << 63n) | 1n],
};

function arbitraryBits(type: Fixed): fc.Arbitrary<bigint> {
  const width = widths[type];
  const all = fc.bigInt({ min: 0n, max: (1n << BigInt(width * 8)) - 1n });
  const near = fc.bigInt({ min: 0n, max: 20n });
  const special = width >= 4 ? fc.constantFrom(...specialBits[width as 4 | 8]) : near;
  return fc.oneof(all, near, special);
}

/** Null in one column of three. */
const nullable = <T>(value: fc.Arbitrary<T>, maxLength: number) =>
  fc.boolean().chain((nulls) => fc.array(nulls ? fc.option(value, { freq: 3 }) : value, { maxLength }));

function readBits(type: Fixed, bits: bigint): bigint {
  return type.startsWith("i") ? BigInt.asIntN(widths[type] * 8, bits) : bits;
}

function toInput(type: Fixed, bits: readonly (bigint | null)[]): SortInput {
  const width = widths[type];
  const values = new DataView(new ArrayBuffer(bits.length * width));
  bits.forEach((value, i) => {
    // What lies under a null must not matter.
    for (let b = 0; b < width; b++) {
      values.setUint8(i * width + b, value === null ? i * 37 : Number((value >> BigInt(b * 8)) & 0xffn));
    }
  });
  const validity = bits.includes(null) ? packBits(bits.map((value) => value !== null)) : null;
  return { type, values, validity, length: bits.length };
}

describe.each(Object.keys(widths) as Fixed[])("%s", (type) => {
  test("is the stable order, nulls first", () => {
    fc.assert(
      fc.property(nullable(arbitraryBits(type), 700), (bits) => {
        const values = bits.map((value): SortValue => (value === null ? null : readBits(type, value)));
        expect([...build.sortPermutation(toInput(type, bits))]).toEqual(referencePermutation(type, values));
      }),
      { numRuns: 60 },
    );
  });
});

test("bool is the stable order, nulls first", () => {
  fc.assert(
    fc.property(nullable(fc.boolean(), 700), (values) => {
      const input: SortInput = {
        type: "bool",
        values: packBits(values.map((value) => value ?? true)),
        validity: values.includes(null) ? packBits(values.map((value) => value !== null)) : null,
        length: values.length,
      };
      expect([...build.sortPermutation(input)]).toEqual(referencePermutation("bool", values));
    }),
  );
});

function toBytesInput(values: readonly (Uint8Array | null)[], skip: number): SortInput {
  const offsets = new Int32Array(values.length + 1);
  offsets[0] = skip;
  values.forEach((value, i) => {
    offsets[i + 1] = offsets[i]! + (value?.length ?? 0);
  });
  const data = new Uint8Array(offsets.at(-1)!);
  values.forEach((value, i) => {
    data.set(value ?? [], offsets[i]);
  });
  const validity = values.includes(null) ? packBits(values.map((value) => value !== null)) : null;
  return { type: "bytes", values: data, offsets, validity, length: values.length };
}

test("bytes are the stable byte order, nulls first, also with shared prefixes and zero bytes", () => {
  const tail = fc.uint8Array({ maxLength: 4 });
  const shared = tail.map((bytes) => Uint8Array.of(1, 2, 3, 4, 5, 6, 7, ...bytes));
  const zeros = fc.integer({ min: 0, max: 12 }).map((length) => new Uint8Array(length));
  const value = fc.oneof(fc.uint8Array({ maxLength: 12 }), tail, shared, zeros);
  fc.assert(
    fc.property(nullable(value, 300), fc.integer({ min: 0, max: 9 }), (values, skip) => {
      expect([...build.sortPermutation(toBytesInput(values, skip))]).toEqual(referencePermutation("bytes", values));
    }),
    { numRuns: 200 },
  );
});

test("text sorts by code points, as UTF-8 does", () => {
  const words = ["é", "z", "a", "\u{1f600}", "\uffee", "ab", ""];
  const encoder = new TextEncoder();
  const input = toBytesInput(
    words.map((word) => encoder.encode(word)),
    0,
  );
  const sorted = [...build.sortPermutation(input)].map((row) => words[row]);
  expect(sorted).toEqual(["", "a", "ab", "z", "é", "\uffee", "\u{1f600}"]);
});

test("a hundred thousand rows stay in order", () => {
  const length = 100_000;
  const values = Float64Array.from({ length }, (_, i) => Math.sin(i) * (i % 1000));
  const order = build.sortPermutation({ type: "f64", values, validity: null, length });
  for (let i = 1; i < length; i++) {
    const [a, b] = [values[order[i - 1]!]!, values[order[i]!]!];
    if (a > b || (Object.is(a, b) && order[i - 1]! > order[i]!)) throw new Error(`out of order at ${i}`);
  }
  expect(new Set(order).size).toBe(length);
});

test("bad input is a coded error", () => {
  const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  const base: SortInput = { type: "i32", values: new Int32Array(4), validity: null, length: 4 };
  const bytes: SortInput = { ...base, type: "bytes", values: new Uint8Array(4), length: 1 };
  expect(build.sortPermutation({ ...base, length: 0 }).length).toBe(0);
  for (const input of [
    { ...base, length: 5 },
    { ...base, length: -1 },
    { ...base, validity: new Uint8Array(0) },
    { ...base, type: "f16" as SortType },
    bytes,
    { ...bytes, offsets: Int32Array.of(0) },
    { ...bytes, offsets: Int32Array.of(0, 5) },
    { ...bytes, offsets: Int32Array.of(3, 1) },
    { ...bytes, offsets: Int32Array.of(-1, 1) },
  ]) {
    expect(() => build.sortPermutation(input)).toThrow(invalid);
  }
});
