/** Squared l2 distances and nearest centroids in f64; ties go to the lowest centroid. */
export function referenceAssign(
  metric: "l2" | "dot",
  vectors: Float32Array,
  centroids: Float32Array | Float64Array,
  dimension: number,
): { partitions: number[]; distances: number[] } {
  const partitions: number[] = [];
  const distances: number[] = [];
  for (let row = 0; row < vectors.length; row += dimension) {
    let [best, found] = [Number.POSITIVE_INFINITY, 0];
    for (let start = 0; start < centroids.length; start += dimension) {
      let sum = metric === "l2" ? 0 : 1;
      for (let i = 0; i < dimension; i++) {
        const [v, c] = [vectors[row + i]!, centroids[start + i]!];
        sum += metric === "l2" ? (v - c) ** 2 : -v * c;
      }
      if (sum < best) [best, found] = [sum, start / dimension];
    }
    partitions.push(found);
    distances.push(best);
  }
  return { partitions, distances };
}

/** Textbook Lloyd for l2 in f64. @returns the summed distance it ends at */
export function referenceLloyd(
  vectors: Float32Array,
  seeds: Float32Array,
  dimension: number,
  iterations: number,
): number {
  const centroids = Float64Array.from(seeds);
  const k = seeds.length / dimension;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const { partitions } = referenceAssign("l2", vectors, centroids, dimension);
    const counts = new Float64Array(k);
    const sums = new Float64Array(k * dimension);
    partitions.forEach((partition, row) => {
      counts[partition]! += 1;
      for (let i = 0; i < dimension; i++) sums[partition * dimension + i]! += vectors[row * dimension + i]!;
    });
    for (let i = 0; i < sums.length; i++) {
      const count = counts[Math.floor(i / dimension)]!;
      if (count > 0) centroids[i] = sums[i]! / count;
    }
  }
  return referenceAssign("l2", vectors, centroids, dimension).distances.reduce((sum, value) => sum + value, 0);
}
