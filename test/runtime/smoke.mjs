/**
 * What every runtime must do, over the built package: open the bundled table, find the nearest 10, filter, both.
 *
 * @param {typeof import("../../src/index.ts")} lancelet
 * @param {string} uri
 * @returns plain JSON
 */
export async function smoke(lancelet, uri) {
  const dataset = await lancelet.openDataset(uri);
  try {
    const filter = "section = 'games' AND installed_kb < 100";
    const q = Float32Array.from({ length: 128 }, (_, i) => ((i * 37) % 128) / 128 - 0.5);
    const nearest = await dataset.scanner({ columns: ["name"], nearest: { column: "vector", q, k: 10 } }).toTable();
    const filtered = await dataset.scanner({ columns: ["name", "installed_kb"], filter }).toTable();
    const both = await dataset
      .scanner({ columns: ["name"], filter, prefilter: true, nearest: { column: "vector", q, k: 3 } })
      .toTable();
    return {
      rows: await dataset.countRows(),
      nearest: readRanked(nearest),
      filtered: { rows: filtered.numRows, first: readColumn(filtered, "name").slice(0, 5) },
      both: readRanked(both),
    };
  } finally {
    await dataset.close();
  }
}

/** Native Lance 14.0.2's answers to the same, by flat search; distances to five digits. */
export const nativeAnswers = {
  rows: 10_000,
  nearest: [
    ["hachu", 9.89915],
    ["starpu-tools", 9.90315],
    ["caja-rename", 9.96134],
    ["pseudo", 9.99265],
    ["uap-core", 10.07147],
    ["q2templates", 10.10429],
    ["gnome-builder", 10.12721],
    ["pdfgrep", 10.13054],
    ["uuid", 10.14421],
    ["q2cli", 10.15736],
  ],
  filtered: { rows: 64, first: ["tetrinet-server", "empire-lafe", "xvier", "lolcat", "njam"] },
  both: [
    ["wesnoth-1.16", 10.61244],
    ["wesnoth", 10.9473],
    ["xinv3d", 10.98762],
  ],
};

function readColumn(table, name) {
  return Array.from(table.getChild(name));
}

function readRanked(table) {
  const distances = readColumn(table, "_distance");
  return readColumn(table, "name").map((name, i) => [name, distances[i]]);
}
