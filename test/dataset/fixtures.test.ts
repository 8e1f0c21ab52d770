import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Table } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dataset, openDataset } from "../../src/entry-node.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/lance/", import.meta.url));

/** One query and native's answer to it, as the script that wrote the fixture recorded them. */
interface NativeQuery {
  readonly kind: "filter" | "nearest";
  readonly filter?: string;
  readonly column?: string;
  readonly q?: number[];
  readonly k?: number;
  readonly params?: Record<string, unknown>;
  readonly options: Record<string, unknown>;
  readonly index: string | null;
  readonly index_used: boolean;
  readonly ids: number[];
  readonly row_ids: number[];
  readonly distances?: number[];
}

const camelKeys = (object: Record<string, unknown> = {}): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(object).map(([key, value]) => [
      key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );

const numbers = (table: Table, name: string): number[] => Array.from(table.getChild(name)!, Number);

function toScanOptions(query: NativeQuery): object {
  const shared = { columns: ["id"], withRowId: true, ...camelKeys(query.options) };
  if (query.kind === "filter") return { ...shared, filter: query.filter };
  const { column, q, k, params } = query;
  return { ...shared, nearest: { column, q, k, ...camelKeys(params) } };
}

/** Ranked answers agree when distances do, and ids do except among equal distances or at the cut. */
function expectRanked(table: Table, query: NativeQuery): void {
  const [ids, distances] = [numbers(table, "id"), numbers(table, "_distance")];
  const wanted = query.distances!;
  expect(distances).toHaveLength(wanted.length);
  const within = (a: number, b: number, factor = 1) =>
    Math.abs(a - b) <= 1e-4 * factor * Math.max(1, Math.abs(a), Math.abs(b));
  ids.forEach((id, rank) => {
    expect(within(distances[rank]!, wanted[rank]!), `rank ${rank}: ${distances[rank]} for ${wanted[rank]}`).toBe(true);
    const at = query.ids.indexOf(id);
    const native = at < 0 ? wanted.at(-1)! : wanted[at]!;
    expect(within(distances[rank]!, native, 4), `rank ${rank}: id ${id}`).toBe(true);
  });
  expect(new Set(ids).size).toBe(ids.length);
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

const INDEXED = readdirSync(FIXTURES).filter((folder) => /^(btree|ivf_)/.test(folder));

describe.each(INDEXED)("%s, written by native Lance", (folder) => {
  const path = `${FIXTURES}${folder}`;
  const expected = JSON.parse(readFileSync(`${path}/expected.json`, "utf8"));
  const queries = expected.queries as NativeQuery[];
  let dataset: Dataset;
  beforeAll(async () => {
    dataset = await openDataset(path);
  });
  afterAll(() => dataset.close());

  test("opens at native's version, with its rows and indexes", async () => {
    expect(dataset.version).toBe(expected.version);
    expect(await dataset.countRows()).toBe(expected.rows);
    const described = await dataset.describeIndices();
    const names = (expected.indices as { name: string }[]).map(({ name }) => name);
    expect(described.map(({ name }) => name).sort()).toEqual([...names].sort());
    expect(queries.length).toBeGreaterThan(5);
  });

  test.each(queries.map((query, at) => [at, query.filter ?? JSON.stringify({ k: query.k, ...query.params }), query]))(
    "%i: %s",
    async (_at, _title, query) => {
      const scanner = dataset.scanner(toScanOptions(query as NativeQuery));
      const table = await scanner.toTable();
      const { kind, ids, row_ids: rowIds, index, index_used: indexUsed } = query as NativeQuery;
      if (kind === "filter") {
        expect(sorted(numbers(table, "id"))).toEqual(sorted(ids));
        expect(sorted(numbers(table, "_rowid"))).toEqual(sorted(rowIds));
      } else expectRanked(table, query as NativeQuery);
      if (indexUsed && index) expect(await scanner.explainPlan()).toContain(index);
    },
  );
});
