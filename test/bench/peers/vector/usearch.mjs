/** usearch, native, f32, with its own defaults for the graph. What it looks at in a search is fixed when it is opened. */
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Index } from "usearch";

export async function createEngine({ readVectors, rows, dimension, k, work, workers }) {
  const require = createRequire(import.meta.url);
  const { version } = JSON.parse(readFileSync(join(require.resolve("usearch"), "../../../../package.json"), "utf8"));
  const path = join(work, `usearch-${process.pid}`);
  const opened = new Map();
  const create = (ef) =>
    new Index({
      dimensions: dimension,
      metric: "l2sq",
      quantization: "f32",
      connectivity: 16,
      expansion_add: 128,
      expansion_search: ef,
      multi: false,
    });
  const open = (ef) => {
    if (!opened.has(ef)) {
      // One at a time: each holds all vectors.
      opened.clear();
      const index = create(ef);
      index.load(path);
      opened.set(ef, index);
    }
    return opened.get(ef);
  };
  return {
    version,
    build() {
      const keys = BigUint64Array.from({ length: rows }, (_, row) => BigInt(row));
      const index = create(64);
      index.add(keys, readVectors(), workers);
      index.save(path);
      return { bytes: statSync(path).size };
    },
    search(_, { ef }, query) {
      return open(ef).search(query, k, 1).keys;
    },
    searchMany(_, { ef }, queries) {
      const matches = open(ef).search(queries, k, workers);
      return queries.map((_query, i) => matches.get(i).keys);
    },
  };
}
