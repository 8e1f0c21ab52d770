import { describe, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { referenceDecode, referenceEncode } from "./reference/roaring.ts";

useTestRuntime();
const core = await loadCoreKernels();
const LIMIT = 2 ** 32;

/** Scattered values, dense containers and long runs. */
const values = fc
  .array(
    fc.record({
      start: fc.oneof(fc.integer({ min: 0, max: LIMIT - 1 }), fc.integer({ min: 0, max: 200_000 })),
      count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 6000 })),
      step: fc.integer({ min: 1, max: 9 }),
    }),
    { maxLength: 8 },
  )
  .map((groups) => {
    const set = new Set<number>();
    for (const { start, count, step } of groups) {
      for (let i = 0; i < count; i++) if (start + i * step < LIMIT) set.add(start + i * step);
    }
    return Uint32Array.from(set).sort();
  });

test("writes the portable bytes, with which the values come back", () => {
  fc.assert(
    fc.property(values, (input) => {
      const bytes = core.encodeRoaring(input);
      expect(bytes).toEqual(referenceEncode(input, false));
      expect(core.decodeRoaring(bytes, LIMIT)).toEqual(input);
    }),
    { numRuns: 60 },
  );
});

test("reads run containers, with and without offsets", () => {
  fc.assert(
    fc.property(values, (input) => {
      if (input.length === 0) return;
      const bytes = referenceEncode(input, true);
      expect(referenceDecode(bytes)).toEqual([...input]);
      expect(core.decodeRoaring(bytes, input.at(-1)! + 1)).toEqual(input);
    }),
    { numRuns: 60 },
  );
});

describe("bad bytes", () => {
  test("any flipped or cut byte gives ascending values below the limit, or CORRUPT", () => {
    fc.assert(
      fc.property(values, fc.boolean(), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (...args) => {
        const [input, runs, position, flip, cut] = args;
        if (input.length === 0) return;
        const bytes = referenceEncode(input, runs);
        const at = position % Math.min(bytes.length, 200);
        bytes[at]! ^= flip;
        try {
          const found = core.decodeRoaring(cut ? bytes.subarray(0, at) : bytes, 1_000_000);
          expect(found.every((value, i) => i === 0 || value > found[i - 1]!)).toBe(true);
          expect(found.at(-1) ?? 0).toBeLessThan(1_000_000);
        } catch (error) {
          if (!isLanceError(error, "CORRUPT")) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a value that is there twice", () => {
    const bytes = core.encodeRoaring(Uint32Array.of(3, 4));
    bytes[bytes.length - 2] = 3;
    expect(() => core.decodeRoaring(bytes, 100)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  });

  test("a value at the limit", () => {
    const bytes = core.encodeRoaring(Uint32Array.of(3, 99));
    expect([...core.decodeRoaring(bytes, 100)]).toEqual([3, 99]);
    expect(() => core.decodeRoaring(bytes, 99)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  });

  test("a few hundred bytes that declare 2^32 values take no memory", () => {
    const containers = 65_536;
    const bytes = new Uint8Array(4 + containers / 8 + containers * 8).fill(0xff);
    new DataView(bytes.buffer).setUint32(0, ((containers - 1) << 16) | 12347, true);
    for (let i = 0; i < containers; i++) new DataView(bytes.buffer).setUint16(4 + 8192 + i * 4, i, true);
    const before = core.memoryBytes();
    expect(() => core.decodeRoaring(bytes, 1_000_000)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
    expect(core.memoryBytes() - before).toBeLessThan(2_000_000);
  });

  test("values that do not ascend cannot be written; a limit must be one", () => {
    const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
    expect(() => core.encodeRoaring(Uint32Array.of(2, 2))).toThrow(invalid);
    expect(() => core.encodeRoaring(Uint32Array.of(2, 1))).toThrow(invalid);
    for (const limit of [-1, Number.NaN, LIMIT + 1]) {
      expect(() => core.decodeRoaring(core.encodeRoaring(new Uint32Array(0)), limit)).toThrow(invalid);
    }
  });
});
