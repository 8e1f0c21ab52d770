import type { Dataset } from "../../src/dataset/dataset.ts";
import type { ModelRow, ModelVersion } from "./model-history.ts";
import { expandVector } from "./model-writer.ts";

/** Every version of a table, with its rows, in plain values, and what its indexes answer. */
export async function readModelVersions(dataset: Dataset): Promise<ModelVersion[]> {
  const versions: ModelVersion[] = [];
  for (const { version, operation } of await dataset.versions()) {
    const opened = await dataset.checkoutVersion(version);
    const rows = (await opened.toTable()).toArray().map((row) => {
      const entries = Object.entries(row.toJSON()).map(([key, value]) => [key, toNumber(value)]);
      return Object.fromEntries(entries) as ModelRow;
    });
    const coverage: Record<string, number[][]> = {};
    const indexTypes: Record<string, string> = {};
    for (const { name, indexType } of await opened.describeIndices()) {
      if (name.startsWith("__")) continue;
      indexTypes[name] = indexType;
      coverage[name] = (await opened.indexSegments(name)).map(({ fragmentIds }) => [...fragmentIds]);
    }
    const wrongAnswers = await findWrongAnswers(opened, rows, indexTypes);
    versions.push({ version, operation, rows, config: opened.config(), coverage, indexTypes, wrongAnswers });
  }
  return versions;
}

function toNumber(value: unknown): number | null {
  if (value === null) return null;
  return typeof value === "object" ? Number((value as { get(i: number): unknown }).get(0)) : Number(value);
}

/** Filters a version is asked, and the same as a function of a row. */
export function listModelFilters(rows: readonly ModelRow[]): [string, (row: ModelRow) => boolean][] {
  const values = rows.map(({ value }) => value!).sort((a, b) => a - b);
  const middle = values[values.length >> 1] ?? 0;
  return [
    ["id >= 0", () => true],
    ["id >= 10 AND id < 25", ({ id }) => id >= 10 && id < 25],
    [`value < ${middle}`, ({ value }) => value! < middle],
    [`value >= ${middle}`, ({ value }) => value! >= middle],
    [`value = ${middle}`, ({ value }) => value === middle],
  ];
}

async function findWrongAnswers(
  dataset: Dataset,
  rows: readonly ModelRow[],
  indexTypes: ModelVersion["indexTypes"],
): Promise<string[]> {
  const wrong: string[] = [];
  for (const [filter, matches] of listModelFilters(rows)) {
    const found = await dataset.toTable({ columns: ["id"], filter });
    const ids = [...found.getChild("id")!].sort((a, b) => a - b).join();
    const wanted = rows.filter(matches).map(({ id }) => id);
    if (ids !== wanted.sort((a, b) => a - b).join()) wrong.push(`${filter} finds ${ids}, expected ${wanted}`);
  }
  const vectors = new Map(rows.map(({ id, vec }) => [id, expandVector(vec)]));
  const types = indexTypes.vec_idx;
  const q = expandVector(500);
  const nearest = { column: "vec", q, k: rows.length, nprobes: 100, ef: 2 * rows.length + 50, refineFactor: 2 };
  const answer = rows.length === 0 ? [] : (await dataset.toTable({ columns: ["id"], nearest })).toArray();
  const found = answer.map(({ id, _distance }) => ({ id: Number(id), distance: Number(_distance) }));
  const far = ([...vectors.keys()].map((id) => [id, measure(vectors.get(id)!, q)]) as [number, number][]).sort(
    (a, b) => a[1] - b[1],
  );
  const ids = new Set(found.map(({ id }) => id));
  if (ids.size !== found.length) wrong.push(`a search of vectors finds a row twice: ${found.map(({ id }) => id)}`);
  const stale = found.find(({ id, distance }) => {
    const vector = vectors.get(id);
    return vector === undefined || Math.abs(measure(vector, q) - distance) > 1e-3 * (1 + distance);
  });
  if (stale)
    wrong.push(`a search of vectors finds row ${stale.id} at ${stale.distance}, expected ${vectors.get(stale.id)}`);
  // A walk over a graph need not come to every row.
  const missing = far.filter(([id]) => !ids.has(id)).map(([id]) => id);
  if (missing.length > 0 && !types?.includes("HNSW")) wrong.push(`a search of vectors misses rows ${missing}`);
  return wrong;
}

function measure(a: readonly number[], b: readonly number[]): number {
  return Math.fround(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0));
}
