/** edgevec (WASM): its graph over f32, and its binary codes ranked again by f32. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EdgeVec, EdgeVecConfig, initSync, MetricType } from "edgevec";

export async function createEngine({ readVectors, rows, dimension, k }) {
  const folder = dirname(fileURLToPath(import.meta.resolve("edgevec")));
  initSync({ module: readFileSync(join(folder, "edgevec_bg.wasm")) });
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  let index;
  return {
    version,
    build() {
      const vectors = readVectors();
      const config = new EdgeVecConfig(dimension);
      config.setMetricType(MetricType.L2);
      index = new EdgeVec(config);
      index.enableBQ();
      for (let row = 0; row < rows; row++) index.insert(vectors.subarray(row * dimension, (row + 1) * dimension));
      return { bytes: index.serializedSize() };
    },
    /** Its ids count from 1. */
    search(_, { rescore }, query) {
      const found = rescore ? index.searchBQRescored(query, k, rescore) : index.search(query, k);
      return found.map(({ id }) => id - 1);
    },
  };
}
