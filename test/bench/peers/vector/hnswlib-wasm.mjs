/** hnswlib compiled to WASM, f32, with the M and efConstruction its documentation names. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const M = 16;
const EF_CONSTRUCTION = 200;
const SEED = 100;
/** A row of the lowest layer: 2 M links and their number, the vector, its label. */
const linkBytes = 4 * (2 * M + 1);

export async function createEngine({ readVectors, rows, dimension, k }) {
  const { library, version } = await loadLibrary();
  let index;
  return {
    version,
    build() {
      const vectors = readVectors();
      index = new library.HierarchicalNSW("l2", dimension, "");
      index.initIndex(rows, M, EF_CONSTRUCTION, SEED);
      for (let row = 0; row < rows; row++) {
        index.addPoint(vectors.subarray(row * dimension, (row + 1) * dimension), row, false);
      }
      return { bytes: rows * (linkBytes + 4 * dimension + 8) };
    },
    search(_, { ef }, query) {
      if (index.getEfSearch() !== ef) index.setEfSearch(ef);
      return index.searchKnn(query, k, undefined).neighbors;
    },
  };
}

/** The package's own loader knows browsers only: its module is loaded as from a page. */
async function loadLibrary() {
  globalThis.window ??= globalThis;
  const folder = dirname(createRequire(import.meta.url).resolve("hnswlib-wasm/dist/hnswlib.js"));
  const module = readdirSync(folder).find((name) => /^hnswlib-\w+\.js$/.test(name));
  const { default: create } = await import(pathToFileURL(join(folder, module)).href);
  const { version } = JSON.parse(readFileSync(join(folder, "../package.json"), "utf8"));
  return { library: await create(), version };
}
