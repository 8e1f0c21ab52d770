import { expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../../src/index/base64.ts";
import { measureWork } from "../support/measure-work.ts";
import { createRandom, expectError } from "./support.ts";

const random = createRandom(3);
const makeBytes = (length: number) => Uint8Array.from({ length }, () => Math.floor(random() * 256));

test("bytes of every length come back", () => {
  for (const length of [0, 1, 2, 3, 4, 255, 32_767, 32_768, 32_769, 100_001]) {
    const bytes = makeBytes(length);
    const text = encodeBase64(bytes);
    expect(text).toBe(btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")));
    expect(decodeBase64(text, "it")).toEqual(bytes);
    expect(encodeBase64(new Uint8Array([9, ...bytes]).subarray(1))).toBe(text);
  }
});

test("what is no base64 is refused by its name", async () => {
  const error = await expectError(
    Promise.resolve().then(() => decodeBase64("no base64!", "the model")),
    "CORRUPT",
  );
  expect(error.message).toContain("the model");
});

// Models carry centroids of tens of megabytes; character by character through an iterator took seconds of the thread.
test("megabytes take little more than a plain loop", () => {
  const bytes = makeBytes(4 * 2 ** 20);
  const text = encodeBase64(bytes);
  const binary = atob(text);
  const copy = new Uint8Array(binary.length);
  const plain = (): void => {
    for (let i = 0; i < copy.length; i++) copy[i] = binary.charCodeAt(i);
  };
  const unit = measureWork(plain);
  // Measured 11 and 3; through an iterator it is over 100.
  expect(measureWork(() => encodeBase64(bytes)) / unit).toBeLessThan(40);
  expect(measureWork(() => decodeBase64(text, "it")) / unit).toBeLessThan(40);
});
