import { expect, test } from "vitest";
import { hasSameBytes } from "../src/same-bytes.ts";
import { measureWork } from "./support/measure-work.ts";

test("bytes are the same where all are", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);
  expect(hasSameBytes(bytes, bytes.slice())).toBe(true);
  expect(hasSameBytes(bytes, bytes.subarray(1))).toBe(false);
  expect(hasSameBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true);
  for (const at of [0, 499, 999]) {
    const other = bytes.slice();
    other[at]! ^= 1;
    expect(hasSameBytes(bytes, other)).toBe(false);
  }
});

// By a callback for each byte 25 MB of centroids were 170 ms of the thread, for every segment of a merge.
test("a call for each byte would take many times as long", () => {
  const bytes = new Uint8Array(2 ** 23).fill(7);
  const other = bytes.slice();
  const called = measureWork(() => expect(bytes.every((byte, i) => byte === other[i])).toBe(true));
  expect(measureWork(() => expect(hasSameBytes(bytes, other)).toBe(true))).toBeLessThan(called / 2);
});
