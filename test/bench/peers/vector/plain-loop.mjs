/** What anyone would write first: a loop over one array in memory. */
import { keepNearest } from "../../vector/exact.mjs";

export async function createEngine({ readVectors, rows, dimension, k }) {
  const vectors = readVectors();
  const distances = new Float32Array(rows);
  return {
    version: `Node ${process.version}`,
    search(_index, _setting, query) {
      for (let row = 0, at = 0; row < rows; row++) {
        let sum = 0;
        for (let d = 0; d < dimension; d++, at++) {
          const difference = vectors[at] - query[d];
          sum += difference * difference;
        }
        distances[row] = sum;
      }
      return keepNearest(distances, k).rows;
    },
  };
}
