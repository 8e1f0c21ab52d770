import { LanceError } from "../errors.ts";
import type { OpenSegment } from "./segment.ts";

/**
 * Checks that one property is the same in all segments.
 * @throws SEGMENT_INCOMPATIBLE naming the first segment and those that differ
 */
export function checkSame(
  segments: readonly OpenSegment[],
  what: string,
  values: readonly (string | number)[],
  hint: string,
): void {
  const expected = values[0];
  const different = segments.filter((_, i) => values[i] !== expected);
  if (different.length === 0) return;
  const received = different.map(
    ({ segment }) => `${segment.uuid} has ${values[segments.findIndex((s) => s.segment === segment)]}`,
  );
  throw new LanceError(
    "SEGMENT_INCOMPATIBLE",
    `segments differ in ${what}: ${segments[0]!.segment.uuid} has ${expected}, ${received.join(", ")}. ${hint}`,
    { what, expected, segments: segments.map(({ segment }) => segment.uuid), values },
  );
}
