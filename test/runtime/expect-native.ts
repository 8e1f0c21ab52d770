import { expect } from "vitest";
import { nativeAnswers } from "./smoke.mjs";

/** Native's rows in native's order; distances may differ by f32 summation order. */
export function expectNative(answer: unknown): void {
  const close = (ranked: (string | number)[][]): unknown[] =>
    ranked.map(([name, distance]) => [name, expect.closeTo(distance as number, 4)]);
  expect(answer).toEqual({ ...nativeAnswers, nearest: close(nativeAnswers.nearest), both: close(nativeAnswers.both) });
}
