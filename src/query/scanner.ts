import { type RecordBatch, Table } from "apache-arrow";
import type { NearestRows } from "../index/search.ts";
import { getGlobalPool } from "../pool/global-pool.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { getRuntime } from "../runtime.ts";
import { takeAddresses } from "../table/rows/take.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import { callGuarded } from "../tasks/guard-callback.ts";
import { evaluateFilter } from "./evaluate-filter.ts";
import { explainAnalyzed, explainScan } from "./explain.ts";
import { findNearest } from "./nearest.ts";
import { assembleBatch } from "./output-batch.ts";
import { planScan, type ScanPlan } from "./plan-scan.ts";
import type { QueryContext } from "./query-context.ts";
import type { ScannerOptions } from "./scan-options.ts";
import { countRows, scanRows } from "./scan-rows.ts";
import { type ScanStatistics, StatisticsCollector } from "./statistics.ts";
import { readSystemColumns } from "./system-columns.ts";

/** What a scanner runs with beside its options. */
export interface ScannerEnvironment {
  readonly pool: WorkerPool | undefined;
  readonly memoryBudgetBytes: number;
}

/** One question to one version of a table. It may be asked again; later commits do not change the answer. */
export class Scanner {
  readonly #snapshot: Snapshot;
  readonly #options: ScannerOptions;
  readonly #environment: ScannerEnvironment;
  #plan: Promise<ScanPlan> | undefined;

  constructor(snapshot: Snapshot, options: ScannerOptions, environment: ScannerEnvironment) {
    this.#snapshot = snapshot;
    this.#options = options;
    this.#environment = environment;
  }

  /**
   * The whole answer as one Arrow table.
   * @throws INVALID_ARGUMENT, INDEX_NOT_FOUND, SCHEMA_MISMATCH, DIMENSION_MISMATCH, UNSUPPORTED, CORRUPT, IO, ABORTED
   */
  async toTable(): Promise<Table> {
    const { projection } = await this.#prepare();
    const batches: RecordBatch[] = [];
    for await (const batch of this.toBatches()) batches.push(batch);
    return new Table(projection.schema, batches);
  }

  /** The answer a batch at a time; memory is one batch, whatever the size of the table. @throws as `toTable` */
  async *toBatches(): AsyncGenerator<RecordBatch> {
    const plan = await this.#prepare();
    const context = this.#createContext();
    for await (const batch of run(context, plan)) {
      context.statistics.rowsReturned += batch.numRows;
      yield batch;
    }
    callGuarded("scanStatsCallback", this.#options.scanStatsCallback, context.statistics.finish());
  }

  /** How many rows the answer has. Reads only what the filter needs. @throws as `toTable` */
  async countRows(): Promise<number> {
    const plan = await this.#prepare();
    const context = this.#createContext();
    if (plan.nearest === null) return countRows(context, plan);
    let count = 0;
    for await (const batch of run(context, plan)) count += batch.numRows;
    return count;
  }

  /** What will be done, as text: its nodes are named as native Lance names them. Reads no data. */
  async explainPlan(): Promise<string> {
    return explainScan(this.#snapshot.uri, await this.#prepare());
  }

  /** Runs the scan and tells, per segment, what was read, compared and how long it took. */
  async analyzePlan(): Promise<string> {
    const plan = await this.#prepare();
    const context = this.#createContext();
    for await (const batch of run(context, plan)) context.statistics.rowsReturned += batch.numRows;
    const statistics: ScanStatistics = context.statistics.finish();
    return explainAnalyzed(this.#snapshot.uri, plan, statistics);
  }

  #prepare(): Promise<ScanPlan> {
    this.#plan ??= planScan(this.#snapshot, this.#options);
    return this.#plan;
  }

  #createContext(): QueryContext {
    const { now } = getRuntime();
    return {
      snapshot: this.#snapshot,
      pool: this.#options.pool ?? this.#environment.pool ?? getGlobalPool() ?? null,
      memoryBudgetBytes: this.#environment.memoryBudgetBytes,
      statistics: new StatisticsCollector(now),
      signal: this.#options.signal,
    };
  }
}

async function* run(context: QueryContext, plan: ScanPlan): AsyncGenerator<RecordBatch> {
  if (plan.nearest === null) yield* scanRows(context, plan);
  else yield* readNearest(context, plan, plan.nearest);
}

async function* readNearest(
  context: QueryContext,
  plan: ScanPlan,
  nearest: NonNullable<ScanPlan["nearest"]>,
): AsyncGenerator<RecordBatch> {
  const { projection, filter, prefilter, offset, limit, batchSize } = plan;
  const found = joinAnswers(await findNearest(context, nearest, prefilter ? filter : null, prefilter ? null : filter));
  const end = limit === null ? found.rowIds.length : Math.min(found.rowIds.length, offset + limit);
  const { snapshot, signal } = context;
  for (let from = offset; from < end; from += batchSize) {
    const to = Math.min(end, from + batchSize);
    const addresses = found.rowIds.slice(from, to);
    const stored = await takeAddresses(snapshot, addresses, projection.fields, { signal });
    const system = await readSystemColumns(snapshot, addresses, projection.system, signal);
    const made = { _distance: found.distances.slice(from, to), query_index: found.queries.slice(from, to) };
    yield assembleBatch(projection, stored, { ...system, ...made }, addresses.length);
  }
}

/** Answers one after another, and of each row the query it is for. */
function joinAnswers(answers: readonly NearestRows[]): NearestRows & { readonly queries: Int32Array } {
  const total = answers.reduce((sum, { rowIds }) => sum + rowIds.length, 0);
  const joined = {
    rowIds: new BigUint64Array(total),
    distances: new Float32Array(total),
    queries: new Int32Array(total),
  };
  let row = 0;
  for (const [query, { rowIds, distances }] of answers.entries()) {
    joined.rowIds.set(rowIds, row);
    joined.distances.set(distances, row);
    joined.queries.fill(query, row, row + rowIds.length);
    row += rowIds.length;
  }
  return joined;
}

/** Physical offsets, by fragment, of the live rows a filter is true for. */
export async function findMatches(
  snapshot: Snapshot,
  filter: string,
  environment: ScannerEnvironment,
  signal: AbortSignal | undefined,
): Promise<Map<number, Uint32Array>> {
  const plan = await planScan(snapshot, { filter });
  const context: QueryContext = {
    snapshot,
    pool: environment.pool ?? getGlobalPool() ?? null,
    memoryBudgetBytes: environment.memoryBudgetBytes,
    statistics: new StatisticsCollector(getRuntime().now),
    signal,
  };
  const rows = await evaluateFilter(context, plan.filter!);
  const giveWay = createGiveWay(signal);
  const matches = new Map<number, Uint32Array>();
  for (const fragmentId of rows.highs()) {
    await giveWay();
    matches.set(fragmentId, rows.offsets(fragmentId));
  }
  return matches;
}
