import { expect, test } from "vitest";
import { createMemoryStore, type Dataset, type IndexSegment, openDataset, writeDataset } from "../../src/index.ts";
import fc from "../support/fast-check.ts";
import {
  compareNearest,
  findNearest,
  idsOf,
  inlinePool,
  makeRows,
  makeVector,
  type Row,
  readIds,
  SCHEMA,
} from "./support.ts";

const q = makeVector(() => 0.35);
const METRICS = ["l2", "cosine", "dot"] as const;

/** The plain model: the rows of every version, and what the fragments of the newest hold. */
interface Model {
  readonly versions: Row[][];
  rows: Row[];
  nextId: number;
  metric: string | undefined;
}

type Step =
  | { readonly kind: "append"; readonly count: number; readonly maxRowsPerFile: number }
  | { readonly kind: "delete"; readonly modulo: number; readonly rest: number }
  | { readonly kind: "deleteBySize"; readonly below: number }
  | { readonly kind: "btree"; readonly column: "size" | "name"; readonly zoneSize: number }
  | { readonly kind: "ivf"; readonly metric: (typeof METRICS)[number]; readonly numPartitions: number }
  | {
      readonly kind: "segments";
      readonly column: "size" | "vector";
      readonly groups: readonly number[];
      readonly merge: boolean;
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("append" as const),
    count: fc.integer({ min: 1, max: 60 }),
    maxRowsPerFile: fc.integer({ min: 7, max: 40 }),
  }),
  fc.record({ kind: fc.constant("delete" as const), modulo: fc.integer({ min: 2, max: 9 }), rest: fc.nat(8) }),
  fc.record({ kind: fc.constant("deleteBySize" as const), below: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    kind: fc.constant("btree" as const),
    column: fc.constantFrom("size" as const, "name" as const),
    zoneSize: fc.constantFrom(1, 8, 4096),
  }),
  fc.record({
    kind: fc.constant("ivf" as const),
    metric: fc.constantFrom(...METRICS),
    numPartitions: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({
    kind: fc.constant("segments" as const),
    column: fc.constantFrom("size" as const, "vector" as const),
    groups: fc.array(fc.nat(3), { minLength: 1, maxLength: 12 }),
    merge: fc.boolean(),
  }),
);

/** Does one step to the table and to the model. */
async function apply(dataset: Dataset, model: Model, current: Step): Promise<void> {
  if (current.kind === "append") {
    const added = makeRows(model.nextId, current.count);
    await dataset.insert(added, { maxRowsPerFile: current.maxRowsPerFile });
    model.nextId += current.count;
    model.rows = [...model.rows, ...added];
  } else if (current.kind === "delete" || current.kind === "deleteBySize") {
    const [predicate, keep] =
      current.kind === "delete"
        ? ([`id % ${current.modulo} = ${current.rest}`, ({ id }: Row) => id % current.modulo !== current.rest] as const)
        : ([`size < ${current.below}`, ({ size }: Row) => size === null || size >= current.below] as const);
    const kept = model.rows.filter(keep);
    expect(await dataset.delete(predicate)).toBe(model.rows.length - kept.length);
    model.rows = kept;
  } else if (current.kind === "btree") {
    await dataset.createScalarIndex(current.column, "BTREE", { zoneSize: current.zoneSize });
  } else if (current.kind === "ivf") {
    if (countVectors(model) === 0) return;
    const { metric } = current;
    const numPartitions = Math.min(current.numPartitions, countVectors(model));
    await dataset.createIndex("vector", "IVF_FLAT", { metric, numPartitions, maxIterations: 3 });
    model.metric = metric;
  } else await applySegments(dataset, model, current);
}

const countVectors = (model: Model): number => model.rows.filter(({ vector }) => vector !== null).length;

/** Groups of fragments chosen at random, each a segment; two of them merged; committed in place of what was there. */
async function applySegments(dataset: Dataset, model: Model, current: Step & { kind: "segments" }): Promise<void> {
  const { column, groups, merge } = current;
  const isVector = column === "vector";
  if (isVector && countVectors(model) === 0) return;
  const type = isVector ? "IVF_FLAT" : "BTREE";
  const params = isVector
    ? { metric: "l2", numPartitions: Math.min(3, countVectors(model)), maxIterations: 3 }
    : { zoneSize: 16 };
  // Fragments of group 3 stay without an index. Those indexed before must be covered whole, so none is left out then.
  const hasIndex = (await dataset.describeIndices()).some(({ name }) => name === `${column}_idx`);
  const chosen = new Map<number, number[]>();
  dataset.fragmentIds.forEach((id, i) => {
    const group = groups[i % groups.length]!;
    if (group < 3 || hasIndex) chosen.set(group, [...(chosen.get(group) ?? []), id]);
  });
  if (chosen.size === 0) return;
  const model_ = await dataset.trainIndexModel(column, type, params);
  let segments: IndexSegment[] = await Promise.all(
    [...chosen.values()].map((fragmentIds) =>
      dataset.createIndexUncommitted(column, type, { fragmentIds, ...params, ...(isVector ? { model: model_ } : {}) }),
    ),
  );
  if (merge && segments.length > 1) {
    segments = [await dataset.mergeExistingIndexSegments(segments.slice(0, 2)), ...segments.slice(2)];
  }
  if (hasIndex && isVector && model.metric !== "l2") await dataset.dropIndex("vector_idx");
  await dataset.commitExistingIndexSegments(`${column}_idx`, column, segments);
  if (isVector) model.metric = "l2";
}

const FILTERS: readonly (readonly [string, (row: Row) => boolean | null])[] = [
  ["size < 30", ({ size }) => size !== null && size < 30],
  ["size IS NULL", ({ size }) => size === null],
  ["NOT (size BETWEEN 20 AND 60)", ({ size }) => size !== null && (size < 20 || size > 60)],
  [
    "size IN (1, 5, 44, 81) OR name = 'name 3'",
    (row) => [1, 5, 44, 81].includes(row.size ?? -1) || row.name === "name 3",
  ],
  ["name LIKE 'name 2%' AND size > 10", ({ name, size }) => !!name?.startsWith("name 2") && size !== null && size > 10],
  ["id % 3 = 1 AND name IS NOT NULL", ({ id, name }) => id % 3 === 1 && name !== null],
];

async function check(dataset: Dataset, rows: readonly Row[], metric: string | undefined): Promise<void> {
  expect(await dataset.countRows()).toBe(rows.length);
  expect(await readIds(dataset)).toEqual(rows.map(({ id }) => id));
  for (const [filter, matches] of FILTERS) {
    const wanted = rows.filter(matches).map(({ id }) => id);
    expect(idsOf(await dataset.toTable({ columns: ["id"], filter })), filter).toEqual(wanted);
    expect(await dataset.countRows(filter), filter).toBe(wanted.length);
  }
  const nearest = { column: "vector", q, k: 15, nprobes: 5, ...(metric ? { metric } : {}) };
  const found = await dataset.toTable({ columns: ["id"], nearest });
  expect(compareNearest(found, findNearest(rows, q, 15, metric))).toBe(null);
  const small = rows.filter(({ size }) => size !== null && size < 30);
  const filtered = await dataset.toTable({ columns: ["id"], nearest, filter: "size < 30", prefilter: true });
  expect(compareNearest(filtered, findNearest(small, q, 15, metric))).toBe(null);
}

test("any order of append, delete and index builds answers as a plain list of rows, at every version", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 9, max: 50 }),
      fc.array(step, { minLength: 1, maxLength: 7 }),
      async (count, maxRowsPerFile, steps) => {
        const store = createMemoryStore();
        const model: Model = { versions: [], rows: makeRows(0, count), nextId: count, metric: undefined };
        const dataset = await writeDataset(model.rows, store, { schema: SCHEMA, maxRowsPerFile, pool: inlinePool });
        model.versions[1] = model.rows;
        const metrics: (string | undefined)[] = [];
        for (const current of steps) {
          const before = dataset.version;
          await apply(dataset, model, current);
          // A drop and a commit are two versions of the same rows.
          for (let version = before + 1; version <= dataset.version; version++) model.versions[version] = model.rows;
          metrics[dataset.version] = model.metric;
          await check(dataset, model.rows, model.metric);
        }
        const fresh = await openDataset(store, { pool: inlinePool });
        expect(fresh.version).toBe(model.versions.length - 1);
        await check(fresh, model.rows, model.metric);
        for (let version = 1; version < model.versions.length; version++) {
          await check(await fresh.checkoutVersion(version), model.versions[version]!, metrics[version]);
        }
      },
    ),
    { numRuns: Number(process.env.LANCELET_RUNS ?? 60), seed: 20260311 },
  );
});
