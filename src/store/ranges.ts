import { LanceError } from "../errors.ts";
import type { ByteRange } from "./store.ts";

/** Half-open, within an object. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Refuses negative, fractional, unsafe and mixed ranges.
 * @throws INVALID_ARGUMENT
 */
export function assertRange(range: ByteRange): void {
  const { offset, length, suffix } = range as { offset?: unknown; length?: unknown; suffix?: unknown };
  const absent = (value: unknown) => value === undefined;
  const size = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (absent(offset) && absent(length) && (absent(suffix) || size(suffix))) return;
  if (size(offset) && size(length) && absent(suffix) && Number.isSafeInteger((offset as number) + (length as number))) {
    return;
  }
  throw new LanceError(
    "INVALID_ARGUMENT",
    `not a byte range: ${describeRange(offset, length, suffix)}; expected {}, { offset, length } or { suffix } with whole numbers ≥ 0`,
    { offset, length, suffix },
  );
}

/** Clips a range to an object of `totalBytes`. */
export function resolveRange(range: ByteRange, totalBytes: number): ByteSpan {
  if (range.suffix !== undefined) return { start: Math.max(0, totalBytes - range.suffix), end: totalBytes };
  if (range.offset === undefined) return { start: 0, end: totalBytes };
  const start = Math.min(range.offset, totalBytes);
  return { start, end: Math.min(start + range.length, totalBytes) };
}

function describeRange(offset: unknown, length: unknown, suffix: unknown): string {
  return `{ offset: ${String(offset)}, length: ${String(length)}, suffix: ${String(suffix)} }`;
}
