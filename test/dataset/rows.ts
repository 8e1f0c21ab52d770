import { Field, FixedSizeList, Float32, Int32, Schema, type Table, Utf8 } from "apache-arrow";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { createRandom } from "../../src/random.ts";

export { createRandom };

export const DIMENSION = 8;

/** The columns of the tables these tests make. */
export const SCHEMA = new Schema([
  new Field("id", new Int32(), false),
  new Field("size", new Int32(), true),
  new Field("name", new Utf8(), true),
  new Field("vector", new FixedSizeList(DIMENSION, new Field("item", new Float32(), true)), true),
]);

export type Row = {
  readonly id: number;
  readonly size: number | null;
  readonly name: string | null;
  readonly vector: readonly number[] | null;
};

export function makeVector(random: () => number): number[] {
  return Array.from({ length: DIMENSION }, () => Math.fround(random() * 2 - 1));
}

/** Rows `first`, `first + 1`, …: the same for the same ids; some sizes, names and vectors are NULL. */
export function makeRows(first: number, count: number): Row[] {
  return Array.from({ length: count }, (_, i) => {
    const id = first + i;
    const random = createRandom(id + 1);
    return {
      id,
      size: random() < 0.1 ? null : Math.floor(random() * 100),
      name: random() < 0.1 ? null : `name ${Math.floor(random() * 40)}`,
      vector: random() < 0.05 ? null : makeVector(random),
    };
  });
}

export const idsOf = (table: Table): number[] => Array.from(table.getChild("id")!, Number);
export const rowIdsOf = (table: Table): bigint[] => Array.from(table.getChild("_rowid")!, (value) => BigInt(value));

/** Ids of the live rows, in table order, read from the data files. */
export async function readIds(dataset: Dataset, filter?: string): Promise<number[]> {
  return idsOf(await dataset.toTable({ columns: ["id"], filter, useScalarIndex: false }));
}

/** Squared l2, 1 − cosine or 1 − dot product, in double precision. */
export function measure(metric: string, q: readonly number[], v: readonly number[]): number {
  let [dot, qq, vv, squares] = [0, 0, 0, 0];
  for (const [i, x] of q.entries()) {
    const y = v[i]!;
    dot += x * y;
    qq += x * x;
    vv += y * y;
    squares += (x - y) ** 2;
  }
  return metric === "l2" ? squares : metric === "dot" ? 1 - dot : 1 - dot / Math.sqrt(qq * vv);
}

/** Brute force over rows: ids and distances of the nearest. */
export function findNearest(rows: readonly Row[], q: readonly number[], k: number, metric = "l2") {
  return rows
    .filter(({ vector }) => vector !== null)
    .map(({ id, vector }) => ({ id, distance: measure(metric, q, vector!) }))
    .sort((a, b) => a.distance - b.distance || a.id - b.id)
    .slice(0, k);
}

/** Says how an answer differs from brute force: rank by rank, ids free among distances the kernels cannot tell apart. */
export function compareNearest(table: Table, expected: readonly { id: number; distance: number }[]): string | null {
  const ids = idsOf(table);
  const distances = Array.from(table.getChild("_distance")!, Number);
  if (ids.length !== expected.length) return `expected ${expected.length} rows, received ${ids.length}`;
  for (const [rank, id] of ids.entries()) {
    const tolerance = 1e-4 * Math.max(1, Math.abs(expected[rank]!.distance));
    const off = Math.abs(distances[rank]! - expected[rank]!.distance);
    if (!(off <= tolerance)) return `rank ${rank}: expected ${expected[rank]!.distance}, received ${distances[rank]}`;
    const own = expected.find((row) => row.id === id)?.distance ?? expected.at(-1)!.distance;
    if (Math.abs(own - distances[rank]!) > 2 * tolerance) return `rank ${rank}: id ${id} does not belong there`;
  }
  return new Set(ids).size === ids.length ? null : "a row twice";
}
