/** The true nearest rows of each query by squared l2, compared one by one: what recall is measured against. */

/** So many more than k are kept that rows as near as the k-th are known. */
const SPARE = 15;

/**
 * @param vectors, queries  row-major f32 of one dimension
 * @returns per query `{ rows, distances }`, nearest first, k and some more
 */
export function findExact({ vectors, queries, dimension, k }) {
  const rows = vectors.length / dimension;
  const keep = Math.min(k + SPARE, rows);
  const distances = new Float64Array(rows);
  return Array.from({ length: queries.length / dimension }, (_, at) => {
    const query = queries.subarray(at * dimension, (at + 1) * dimension);
    measureRows({ vectors, query, dimension }, distances);
    return keepNearest(distances, keep);
  });
}

/** Squared distances of every row, in f64 by four sums: no slower, and no order of summing to argue about. */
function measureRows({ vectors, query, dimension }, distances) {
  const whole = dimension - (dimension % 4);
  for (let row = 0; row < distances.length; row++) {
    const start = row * dimension;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = 0; i < whole; i += 4) {
      const w = vectors[start + i] - query[i];
      const x = vectors[start + i + 1] - query[i + 1];
      const y = vectors[start + i + 2] - query[i + 2];
      const z = vectors[start + i + 3] - query[i + 3];
      a += w * w;
      b += x * x;
      c += y * y;
      d += z * z;
    }
    for (let i = whole; i < dimension; i++) a += (vectors[start + i] - query[i]) ** 2;
    distances[row] = a + b + c + d;
  }
}

/** Insertion into a short sorted list: most rows fail its first comparison. */
export function keepNearest(distances, keep) {
  const nearest = { rows: [], distances: [] };
  for (let row = 0; row < distances.length; row++) {
    const distance = distances[row];
    if (nearest.rows.length === keep && !(distance < nearest.distances[keep - 1])) continue;
    let at = Math.min(nearest.rows.length, keep - 1);
    for (; at > 0 && nearest.distances[at - 1] > distance; at--) {
      nearest.rows[at] = nearest.rows[at - 1];
      nearest.distances[at] = nearest.distances[at - 1];
    }
    nearest.rows[at] = row;
    nearest.distances[at] = distance;
  }
  return nearest;
}
