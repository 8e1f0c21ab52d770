import { fromHalf, toHalf, type VectorElement } from "../../../kernels/element.ts";
import type { RabitRotation } from "../../../kernels/rabit-layout.ts";
import { createRandom } from "../../../random.ts";
import type { GiveWay } from "../../../tasks/give-way.ts";

/**
 * A rotation that a seed decides, the same on every host: nothing but sums, products and square roots.
 * Fast ones cost nothing; matrices dimension³ multiplications (60 ms for 384 values).
 * @param options.element what files hold a matrix in: its values are rounded to it
 * @throws ABORTED
 */
export async function createRotation(
  kind: RabitRotation["kind"],
  options: {
    readonly dimension: number;
    readonly element: VectorElement;
    readonly seed: number;
    readonly giveWay: GiveWay;
  },
): Promise<RabitRotation> {
  const { dimension, element, seed, giveWay } = options;
  const random = createRandom(seed);
  if (kind === "fast") {
    return { kind, signs: Uint8Array.from({ length: dimension / 2 }, () => Math.floor(random() * 256)) };
  }
  const rows: Float64Array[] = [];
  while (rows.length < dimension) {
    const row = Float64Array.from({ length: dimension }, () => createNormal(random));
    // Twice: rounding leaves a trace of the others the first time.
    for (let turn = 0; turn < 2; turn++) for (const other of rows) subtractProjection(row, other);
    const length = Math.sqrt(multiply(row, row));
    await giveWay();
    if (length < 1e-6) continue;
    for (let i = 0; i < dimension; i++) row[i]! /= length;
    rows.push(row);
  }
  const matrix = new Float32Array(dimension * dimension);
  rows.forEach((row, i) => {
    matrix.set(element === "f16" ? row.map((value) => fromHalf(toHalf(value))) : row, i * dimension);
  });
  return { kind, matrix };
}

/** Near enough to a normal distribution for directions: Math.log, which others use, differs between hosts. */
function createNormal(random: () => number): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

function multiply(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function subtractProjection(row: Float64Array, unit: Float64Array): void {
  const share = multiply(row, unit);
  for (let i = 0; i < row.length; i++) row[i]! -= share * unit[i]!;
}
