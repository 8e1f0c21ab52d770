import { expect, test } from "vitest";
import { SpareBuffers } from "../../src/table/rows/spare-buffers.ts";

const STEP = 64 * 1024;

test("what is given back is taken again, once; within the bound, and where it is long enough", () => {
  const spare = new SpareBuffers();
  spare.bound(3 * STEP);
  const [first, second] = [spare.take(5), spare.take(STEP + 1)];
  expect([first.byteLength, second.byteLength]).toEqual([STEP, 2 * STEP]);
  spare.give(first);
  spare.give(second);
  spare.give(new Uint8Array(STEP));
  expect(spare.bytes).toBe(3 * STEP);
  expect(spare.take(2 * STEP)).toBe(second);
  expect(spare.take(STEP)).toBe(first);
  expect(spare.take(STEP)).not.toBe(first);
  expect(spare.bytes).toBe(0);
  spare.give(second);
  spare.bound(STEP);
  expect(spare.bytes).toBe(0);
  spare.give(second);
  spare.give(first);
  expect(spare.bytes).toBe(STEP);
});
