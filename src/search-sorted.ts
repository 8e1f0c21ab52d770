/**
 * The first of the indices below `length` at which `holds` is true, where it is true from there on; `length` where it
 * nowhere is. Asks some log2(`length`) times. Measured: as fast as the loop written out, closure and all.
 *
 * @param length at most 2^31
 */
export function findFirst(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many of ascending values are below a bound, and so where it stands, or would. */
export function countBelow(values: Uint32Array, bound: number): number {
  return findFirst(values.length, (i) => values[i]! >= bound);
}

/** How many of ascending values are at most a bound. */
export function countAtMost(values: Uint32Array, bound: number): number {
  return findFirst(values.length, (i) => values[i]! > bound);
}

/** Whether a value is among ascending ones. */
export function includesSorted(values: Uint32Array, value: number): boolean {
  return values[countBelow(values, value)] === value;
}
