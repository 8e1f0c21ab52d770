import { Field, FixedSizeList, Float32, Int32, Schema, type Table, Uint8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { getFamilyByType, listIndexTypes } from "../../src/index/registry.ts";
import { type Dataset, type IndexSegment, openDataset, writeDataset } from "../../src/index.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createRandom, inlinePool } from "../dataset/support.ts";
import fc from "../support/fast-check.ts";

/**
 * Any order of builds, merges, appends, deletes, updates, compactions and optimisations of a vector index: with all
 * partitions probed it answers what a plain loop over the live rows does. `LANCELET_RUNS` sets how many histories each
 * index type and metric has, `LANCELET_SEED` from where they are drawn, `LANCELET_TYPES` which index types.
 */
const RUNS = Number(process.env.LANCELET_RUNS ?? 4);
const SEED = Number(process.env.LANCELET_SEED ?? 20261121);
const ONLY = process.env.LANCELET_TYPES?.split(",");

const DIMENSION = 16;
const ALL_PARTITIONS = 1000;
const EVERY_ROW = 1000;

interface Row {
  readonly id: number;
  readonly tag: number;
  readonly vector: readonly number[] | null;
}

interface Case {
  readonly indexType: string;
  readonly metric: string;
  /** Whether distances are those of the vectors, and all of them are looked at. */
  readonly isExact: boolean;
  readonly isGraph: boolean;
}

const CASES: Case[] = [];
for (const indexType of listIndexTypes()) {
  const family = await getFamilyByType(indexType);
  if (family.queryKind !== "vector" || (ONLY && !ONLY.includes(indexType))) continue;
  const [isGraph, isExact] = [indexType.includes("HNSW"), family.distances === "exact"];
  for (const metric of ["l2", "cosine", "dot", ...(isExact ? ["hamming"] : [])]) {
    CASES.push({ indexType, metric, isExact: isExact && !isGraph, isGraph });
  }
}

const schemaOf = (metric: string): Schema => {
  const item = metric === "hamming" ? new Uint8() : new Float32();
  return new Schema([
    new Field("id", new Int32(), false),
    new Field("tag", new Int32(), false),
    new Field("vector", new FixedSizeList(DIMENSION, new Field("item", item, true)), true),
  ]);
};

function makeVector(random: () => number, metric: string): number[] {
  if (metric === "hamming") return Array.from({ length: DIMENSION }, () => Math.floor(random() * 256));
  return Array.from({ length: DIMENSION }, () => Math.fround(random() * 2 - 1));
}

/** Rows by id and edition: an update gives a row the vector of its next edition. */
function makeRow(id: number, edition: number, metric: string): Row {
  const random = createRandom(id * 31 + edition * 7 + 1);
  return { id, tag: Math.floor(random() * 6), vector: random() < 0.04 ? null : makeVector(random, metric) };
}

function measure(metric: string, q: readonly number[], v: readonly number[]): number {
  let [dot, qq, vv, squares, bits] = [0, 0, 0, 0, 0];
  for (const [i, x] of q.entries()) {
    const y = v[i]!;
    dot += x * y;
    qq += x * x;
    vv += y * y;
    squares += (x - y) ** 2;
    if (metric === "hamming") for (let differ = x ^ y; differ > 0; differ &= differ - 1) bits++;
  }
  if (metric === "l2") return squares;
  if (metric === "hamming") return bits;
  return metric === "dot" ? 1 - dot : 1 - dot / Math.sqrt(qq * vv);
}

const share = fc.record({ modulo: fc.integer({ min: 2, max: 9 }), rest: fc.nat(8) });
const step = fc.oneof(
  fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 90 }) }),
  fc.record({ kind: fc.constant("delete" as const), share }),
  fc.record({ kind: fc.constant("retag" as const), share }),
  fc.record({ kind: fc.constant("rewrite" as const), share }),
  fc.record({
    kind: fc.constant("compact" as const),
    deferIndexRemap: fc.boolean(),
    target: fc.constantFrom(60, 200, 5000),
  }),
  fc.record({
    kind: fc.constant("create" as const),
    numPartitions: fc.integer({ min: 1, max: 4 }),
    half: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("segments" as const),
    groups: fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
    shared: fc.boolean(),
    merges: fc.nat(2),
    reverse: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("optimize" as const), numIndicesToMerge: fc.constantFrom(undefined, 0, 1, 2, 100) }),
  fc.record({ kind: fc.constant("retrain" as const) }),
  fc.record({ kind: fc.constant("merge" as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant("plan" as const) }),
  fc.record({ kind: fc.constant("clean" as const) }),
  fc.record({ kind: fc.constant("reopen" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One table, the index under test, and what its rows should be. */
class History {
  readonly #case: Case;
  readonly #store = createMemoryStore();
  #dataset!: Dataset;
  #rows: Row[] = [];
  #nextId = 0;
  #edition = 1;
  #stable = false;

  constructor(tested: Case) {
    this.#case = tested;
  }

  async start(count: number, options: { readonly maxRowsPerFile: number; readonly stable: boolean }): Promise<void> {
    const { maxRowsPerFile, stable } = options;
    this.#stable = stable;
    this.#dataset = await writeDataset(this.#makeRows(count), this.#store, {
      schema: schemaOf(this.#case.metric),
      maxRowsPerFile,
      enableStableRowIds: stable,
      pool: inlinePool,
    });
  }

  #makeRows(count: number): Row[] {
    const rows = Array.from({ length: count }, () => makeRow(this.#nextId++, 0, this.#case.metric));
    this.#rows.push(...rows);
    return rows;
  }

  get #numVectors(): number {
    return this.#rows.filter(({ vector }) => vector !== null).length;
  }

  async apply(current: Step): Promise<void> {
    const { indexType, metric } = this.#case;
    const dataset = this.#dataset;
    switch (current.kind) {
      case "append":
        await dataset.insert(this.#makeRows(current.count));
        return;
      case "delete": {
        const { modulo, rest } = current.share;
        await dataset.delete(`id % ${modulo} = ${rest}`);
        this.#rows = this.#rows.filter(({ id }) => id % modulo !== rest);
        return;
      }
      case "retag": {
        const { modulo, rest } = current.share;
        await dataset.update({ valuesSql: { tag: "tag + 1" }, where: `id % ${modulo} = ${rest}` });
        this.#rows = this.#rows.map((row) => (row.id % modulo === rest ? { ...row, tag: row.tag + 1 } : row));
        return;
      }
      case "rewrite": {
        const { modulo, rest } = current.share;
        const edition = this.#edition++;
        const renew = ({ id }: Row): boolean => id % modulo === rest;
        const renewed = this.#rows.filter(renew).map(({ id }) => makeRow(id, edition, metric));
        if (renewed.length === 0) return;
        await dataset.mergeInsert("id").whenMatchedUpdateAll().execute(renewed);
        const byId = new Map(renewed.map((row) => [row.id, row]));
        this.#rows = this.#rows.map((row) => byId.get(row.id) ?? row);
        return;
      }
      case "compact":
        await dataset.optimize.compactFiles({
          // Rows with stable ids keep them: there is nothing to remap.
          deferIndexRemap: current.deferIndexRemap && !this.#stable,
          targetRowsPerFragment: current.target,
        });
        return;
      case "create": {
        if (this.#numVectors === 0) return;
        const numPartitions = Math.min(current.numPartitions, this.#numVectors);
        const half = dataset.fragmentIds.filter((_, i) => i % 2 === 0);
        const hasIndex = (await dataset.describeIndices()).length > 0;
        const fragmentIds = current.half && !hasIndex ? half : undefined;
        await this.#tolerate(
          () => dataset.createIndex("vector", indexType, { metric, numPartitions, maxIterations: 4, fragmentIds }),
          // A part of the fragments may have fewer vectors than partitions.
          fragmentIds ? "INVALID_ARGUMENT" : null,
        );
        return;
      }
      case "segments":
        return this.#buildSegments(current);
      case "optimize":
      case "retrain":
        await this.#tolerate(
          () =>
            dataset.optimize.optimizeIndices(
              current.kind === "retrain" ? { retrain: true } : { numIndicesToMerge: current.numIndicesToMerge },
            ),
          "SEGMENT_INCOMPATIBLE",
        );
        return;
      case "merge": {
        const segments = await this.#listSegments();
        const chosen = segments.slice(0, current.count);
        if (chosen.length === 0) return;
        await this.#tolerate(async () => {
          const merged = await dataset.mergeExistingIndexSegments(chosen);
          await dataset.commitExistingIndexSegments("vector_idx", "vector", [merged]);
        }, "SEGMENT_INCOMPATIBLE");
        return;
      }
      case "plan": {
        if (this.#numVectors === 0) return;
        await dataset.createIndex("vector", indexType, { metric, train: false });
        return;
      }
      case "clean":
        await dataset.cleanupOldVersions({ olderThanMs: 0, deleteUnverified: true });
        return;
      case "reopen":
        this.#dataset = await openDataset(this.#store, { pool: inlinePool });
    }
  }

  async #tolerate(run: () => Promise<unknown>, code: string | null): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (code === null || !isLanceError(error, code as never)) throw error;
    }
  }

  async #listSegments(): Promise<IndexSegment[]> {
    const [index] = await this.#dataset.describeIndices();
    return index ? this.#dataset.indexSegments(index.name) : [];
  }

  /** Fragments in groups, a segment each, some merged, all in place of the index there was. */
  async #buildSegments(current: Step & { kind: "segments" }): Promise<void> {
    const { indexType, metric } = this.#case;
    const dataset = this.#dataset;
    const hasIndex = (await dataset.describeIndices()).length > 0;
    const chosen = new Map<number, number[]>();
    dataset.fragmentIds.forEach((id, i) => {
      const group = current.groups[i % current.groups.length]!;
      // What an index covers in part must be covered whole.
      if (group < 3 || hasIndex) chosen.set(group, [...(chosen.get(group) ?? []), id]);
    });
    if (chosen.size === 0 || this.#numVectors === 0) return;
    const options = { metric, numPartitions: current.shared ? Math.min(3, this.#numVectors) : 1, maxIterations: 3 };
    const model = current.shared ? await dataset.trainIndexModel("vector", indexType, options) : null;
    const order = [...chosen.values()];
    if (current.reverse) order.reverse();
    let segments: IndexSegment[] = [];
    for (const fragmentIds of order) {
      segments.push(await dataset.createIndexUncommitted("vector", indexType, { ...options, fragmentIds, model }));
    }
    for (let i = 0; i < current.merges && segments.length > 1; i++) {
      await this.#tolerate(
        async () => {
          const merged = await dataset.mergeExistingIndexSegments(segments.slice(0, 2));
          segments = [...segments.slice(2), merged];
        },
        current.shared ? null : "SEGMENT_INCOMPATIBLE",
      );
    }
    await dataset.commitExistingIndexSegments("vector_idx", "vector", segments);
  }

  #bruteForce(
    q: readonly number[],
    k: number,
    keep: (row: Row) => boolean = () => true,
  ): { id: number; distance: number }[] {
    return this.#rows
      .filter((row) => row.vector !== null && keep(row))
      .map(({ id, vector }) => ({ id, distance: measure(this.#case.metric, q, vector!) }))
      .sort((a, b) => a.distance - b.distance || a.id - b.id)
      .slice(0, k);
  }

  async #ask(q: unknown, options: object, more: object = {}): Promise<Table> {
    const { metric, isExact } = this.#case;
    const measured = isExact ? {} : { refineFactor: EVERY_ROW };
    const nearest = { column: "vector", q, metric, ...measured, ef: 4 * EVERY_ROW, ...options };
    return this.#dataset.toTable({ columns: ["id", "tag"], nearest: nearest as never, ...more });
  }

  /** Every way to ask gives what a loop over the rows does. */
  async check(seed: number): Promise<void> {
    const { metric, isGraph } = this.#case;
    const random = createRandom(seed);
    const queries = [makeVector(random, metric), makeVector(random, metric)];
    expect(await this.#dataset.countRows()).toBe(this.#rows.length);
    const all = { k: 12, minimumNprobes: ALL_PARTITIONS };
    for (const q of queries) this.#compare(await this.#ask(q, all), this.#bruteForce(q, 12));
    await this.#checkCoverage(queries[0]!);
    // Several at once answer as one by one.
    const together = await this.#ask(queries, all);
    const wanted = queries.map((q) => this.#bruteForce(q, 12));
    if (!isGraph) expect(readDistances(together)).toHaveLength(wanted.flat().length);
    const [q] = queries as [number[]];
    // However few rows a prefilter leaves, and with the probes of the default: k of them, or all.
    for (const [filter, keep] of [
      ["tag = 2", ({ tag }: Row) => tag === 2],
      ["id % 7 = 3", ({ id }: Row) => id % 7 === 3],
      ["id < 3", ({ id }: Row) => id < 3],
    ] as const) {
      const few = await this.#ask(q, { k: 12, refineFactor: undefined }, { filter, prefilter: true });
      expect(few.numRows, filter).toBe(this.#bruteForce(q, 12, keep).length);
      const exact = await this.#ask(q, all, { filter, prefilter: true });
      this.#compare(exact, this.#bruteForce(q, 12, keep));
    }
    // Codes alone: rows that live, each once, as many as there are.
    const coded = await this.#ask(q, { ...all, k: 25, refineFactor: undefined });
    const ids = readIds(coded);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(Math.min(25, this.#bruteForce(q, EVERY_ROW).length));
    const live = new Map(this.#rows.map((row) => [row.id, row]));
    for (const [i, id] of ids.entries()) {
      expect(live.get(id)?.vector, `row ${id}`).toBeTruthy();
      expect(coded.getChild("tag")!.get(i)).toBe(live.get(id)!.tag);
    }
  }

  /** An index that covers something is asked, and a fast search finds the rows of its fragments and no other. */
  async #checkCoverage(q: readonly number[]): Promise<void> {
    const live = new Set(this.#dataset.fragmentIds);
    const segments = await this.#listSegments();
    const covered = segments.flatMap(({ fragmentIds }) => fragmentIds.filter((id) => live.has(id)));
    expect(new Set(covered).size).toBe(covered.length);
    const nearest = { column: "vector", q, metric: this.#case.metric };
    const plan = await this.#dataset.scanner({ nearest }).explainPlan();
    expect(plan.includes("ANNSubIndex"), plan).toBe(covered.length > 0);
    const inside = await this.#dataset.toTable({
      columns: ["id"],
      filter: "vector IS NOT NULL",
      fragmentIds: covered.sort((a, b) => a - b),
    });
    const all = { k: EVERY_ROW, minimumNprobes: ALL_PARTITIONS, refineFactor: undefined };
    const fast = readIds(await this.#ask(q, all, { fastSearch: true }));
    const [found, wanted] = [new Set(fast), readIds(inside)];
    expect(fast).toHaveLength(found.size);
    const missing = wanted.filter((id) => !found.has(id)).length;
    // A graph may not lead to every row.
    expect(missing).toBeLessThanOrEqual(this.#case.isGraph ? wanted.length * 0.05 : 0);
    expect(found.size - (wanted.length - missing)).toBe(0);
  }

  /** Ids are free among distances that rounding cannot tell apart. */
  #compare(table: Table, wanted: readonly { readonly id: number; readonly distance: number }[]): void {
    const [ids, distances] = [readIds(table), readDistances(table)];
    const live = new Map(this.#rows.map((row) => [row.id, row]));
    for (const id of ids) expect(live.get(id)?.vector, `row ${id} is dead, or no vector`).toBeTruthy();
    expect(new Set(ids).size).toBe(ids.length);
    if (this.#case.isGraph) {
      const found = new Set(ids);
      const kept = wanted.filter(({ id }) => found.has(id)).length;
      expect(kept).toBeGreaterThanOrEqual(Math.ceil(wanted.length * 0.9) - 1);
      return;
    }
    expect(ids).toHaveLength(wanted.length);
    for (const [i, { distance }] of wanted.entries()) {
      expect(Math.abs(distances[i]! - distance), `rank ${i}`).toBeLessThan(1e-4 * Math.max(1, Math.abs(distance)));
    }
  }
}

const readIds = (table: Table): number[] => Array.from(table.getChild("id")!, Number);
const readDistances = (table: Table): number[] => Array.from(table.getChild("_distance")!, Number);

describe.each(CASES)("$indexType $metric", (tested) => {
  test(
    "any history answers as a loop over its rows",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            count: fc.integer({ min: 20, max: 320 }),
            maxRowsPerFile: fc.integer({ min: 15, max: 90 }),
            stable: fc.boolean(),
          }),
          fc.array(step, { minLength: 2, maxLength: 8 }),
          fc.nat(1000),
          async ({ count, maxRowsPerFile, stable }, steps, seed) => {
            const history = new History(tested);
            await history.start(count, { maxRowsPerFile, stable });
            for (const current of steps) {
              await history.apply(current);
              await history.check(seed);
            }
          },
        ),
        { numRuns: RUNS, seed: SEED, endOnFailure: RUNS > 50 },
      );
    },
    30_000 + RUNS * 3000,
  );
});
