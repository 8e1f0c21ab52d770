import { LanceError, throwIfAborted } from "../errors.ts";
import { createInlinePool } from "../pool/inline-pool.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { halvesOf } from "../table/row-ids/row-addresses.ts";
import { RowSet, type RowSetData } from "../table/row-set.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { createSegmentDomain } from "./live-rows.ts";
import { isUntrained } from "./metadata.ts";
import { getFamily } from "./registry.ts";
import { runTableJob } from "./run-job.ts";
import type { SearchRequest, SegmentAnswerData, SegmentAnswers } from "./search-job.ts";
import { addSearchMetrics, createSearchMetrics } from "./search-metrics.ts";
import type { IndexSegment, ScalarAnswer, SearchMetrics, SegmentQuery, VectorAnswer, VectorQuery } from "./segment.ts";

/** How a set of segments is searched. */
export interface SearchOptions {
  /** Each segment is searched on the worker that has it open. Absent or inline: on this thread. */
  readonly pool?: WorkerPool | null | undefined;
  /** Rows that may be answered; absent = all live rows. Deleted rows are never answered. */
  readonly mask?: RowSet | undefined;
  /** Bytes of index parts the workers together may keep. */
  readonly memoryBudgetBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What one segment contributed. */
export interface SegmentContribution {
  readonly uuid: string;
  /** `null` on the calling thread. */
  readonly workerIndex: number | null;
  /** Rows it answered, before the global top-k. */
  readonly rows: number;
  readonly metrics: SearchMetrics;
}

/** An answer over all segments, and what each contributed, in their order. */
export type SetAnswer<A> = A & { readonly segments: readonly SegmentContribution[] };

/**
 * Searches segments of one logical index at one version and puts their answers together: for a vector the global best
 * k, ascending by distance, then row id; for a predicate the union of the rows.
 * @throws UNSUPPORTED, DIMENSION_MISMATCH, INVALID_ARGUMENT, CORRUPT, NOT_FOUND, WORKER_FAILED, ABORTED, IO
 */
export async function searchSegments<Q extends SegmentQuery>(
  snapshot: Snapshot,
  segments: readonly IndexSegment[],
  query: Q,
  options: SearchOptions = {},
): Promise<SetAnswer<Q extends VectorQuery ? VectorAnswer : ScalarAnswer>> {
  return (await searchSegmentsEach(snapshot, segments, [query], options))[0]!;
}

/**
 * As {@link searchSegments}, for several queries: each segment is asked once for all of them, so that they share the
 * parts it loads.
 * @returns an answer for each query, in their order
 */
export async function searchSegmentsEach<Q extends SegmentQuery>(
  snapshot: Snapshot,
  segments: readonly IndexSegment[],
  queries: readonly Q[],
  options: SearchOptions = {},
): Promise<SetAnswer<Q extends VectorQuery ? VectorAnswer : ScalarAnswer>[]> {
  throwIfAborted(options.signal);
  const pool = await getSearchPool(options.pool);
  const found = await settleAll(segments.map((segment) => searchOne(snapshot, segment, queries, { ...options, pool })));
  return queries.map((query, at) => {
    const answers = found.map((one) => one.answers[at]!);
    const contributions = answers.map(({ metrics, data }, i) => ({
      uuid: segments[i]!.uuid,
      workerIndex: pool.inline ? null : found[i]!.workerIndex,
      rows: data.kind === "vector" ? data.rowIds.length : countRows(data.trueRows),
      metrics,
    }));
    const metrics = createSearchMetrics();
    for (const contribution of contributions) addSearchMetrics(metrics, contribution.metrics);
    const answer = query.kind === "vector" ? uniteNearest(answers, query.k) : uniteRows(snapshot, answers);
    return { ...answer, metrics, segments: contributions } as never;
  });
}

/** Reads what searches would read, on the workers that own the segments, up to the budget. */
export async function prewarmSegments(
  snapshot: Snapshot,
  segments: readonly IndexSegment[],
  options: Omit<SearchOptions, "mask"> = {},
): Promise<void> {
  const pool = await getSearchPool(options.pool);
  const memoryBudgetBytes = shareBudget(options.memoryBudgetBytes, pool);
  await settleAll(
    segments
      .filter((segment) => !isUntrained(segment))
      .map((segment) =>
        runTableJob(
          pool,
          snapshot,
          { kind: "index.prewarm", payload: { segment, memoryBudgetBytes } },
          { affinity: segment.uuid, signal: options.signal },
        ),
      ),
  );
}

let inlinePool: Promise<WorkerPool> | undefined;

/** The pool that reads segments; where there are no workers the same jobs run on this thread. */
export async function getSearchPool(pool: WorkerPool | null | undefined): Promise<WorkerPool> {
  if (pool && !pool.inline) return pool;
  inlinePool ??= import("./search-job.ts").then(({ searchHandlers }) => createInlinePool(searchHandlers));
  return inlinePool;
}

async function searchOne(
  snapshot: Snapshot,
  segment: IndexSegment,
  queries: readonly SegmentQuery[],
  options: SearchOptions & { readonly pool: WorkerPool },
): Promise<SegmentAnswers> {
  const { pool, mask, signal } = options;
  const request: SearchRequest = {
    segment,
    queries,
    mask: mask ? await selectMask(snapshot, segment, mask) : null,
    memoryBudgetBytes: shareBudget(options.memoryBudgetBytes, pool),
  };
  const job = { kind: "index.search", payload: { ...request } };
  return runTableJob<SegmentAnswers>(pool, snapshot, job, { affinity: segment.uuid, signal });
}

/** Only what concerns the segment crosses to its worker. */
async function selectMask(snapshot: Snapshot, segment: IndexSegment, mask: RowSet): Promise<RowSetData> {
  const { rowIdDomain } = await getFamily(segment);
  return RowSet.empty(createSegmentDomain(snapshot, segment, rowIdDomain))
    .or(mask)
    .toTransferable();
}

function shareBudget(memoryBudgetBytes: number | undefined, pool: WorkerPool): number | undefined {
  return memoryBudgetBytes === undefined ? undefined : Math.floor(memoryBudgetBytes / pool.numWorkers);
}

/** Nearest rows, of a segment, of fragments or of all. */
export type NearestRows = Pick<VectorAnswer, "rowIds" | "distances">;

/** The best k of several answers: ascending by distance, then row id. */
export function mergeNearest(answers: readonly NearestRows[], k: number): NearestRows {
  const total = answers.reduce((sum, { rowIds }) => sum + rowIds.length, 0);
  const rowIds = new BigUint64Array(total);
  const distances = new Float32Array(total);
  let at = 0;
  for (const answer of answers) {
    rowIds.set(answer.rowIds, at);
    distances.set(answer.distances, at);
    at += answer.rowIds.length;
  }
  // A BigInt for each comparison would cost more than all the rest.
  const halves = halvesOf(rowIds);
  const compare = (a: number, b: number) =>
    distances[a]! - distances[b]! || halves[2 * a + 1]! - halves[2 * b + 1]! || halves[2 * a]! - halves[2 * b]!;
  const order = Uint32Array.from({ length: total }, (_, i) => i);
  if (order.some((i) => i > 0 && compare(i - 1, i) > 0)) order.sort(compare);
  const best = order.subarray(0, k);
  return {
    rowIds: BigUint64Array.from(best, (i) => rowIds[i]!),
    distances: Float32Array.from(best, (i) => distances[i]!),
  };
}

function uniteNearest(answers: readonly SegmentAnswerData[], k: number): Omit<VectorAnswer, "metrics"> {
  const nearest = answers.map(({ data }) => {
    if (data.kind !== "vector") throw unexpected();
    return data;
  });
  return { kind: "vector", ...mergeNearest(nearest, k) };
}

function uniteRows(snapshot: Snapshot, answers: readonly SegmentAnswerData[]): Omit<ScalarAnswer, "metrics"> {
  const domain = new Map<number, number>();
  for (const { data } of answers) {
    if (data.kind !== "scalar") throw unexpected();
    for (const [high, size] of data.trueRows.domain) domain.set(high, size);
  }
  // Without a segment there is no row to answer, over any domain.
  if (answers.length === 0) for (const { id, physicalRows } of snapshot.fragments) domain.set(id, physicalRows);
  let trueRows = RowSet.empty(domain);
  let nullRows = RowSet.empty(domain);
  let exactness: ScalarAnswer["exactness"] = "exact";
  for (const { data } of answers) {
    if (data.kind !== "scalar") throw unexpected();
    trueRows = trueRows.or(RowSet.fromTransferable(data.trueRows));
    nullRows = nullRows.or(RowSet.fromTransferable(data.nullRows));
    if (data.exactness === "recheck") exactness = "recheck";
  }
  return { kind: "scalar", trueRows, nullRows, exactness };
}

function countRows(data: RowSetData): number {
  return RowSet.fromTransferable(data).count();
}

function unexpected(): LanceError {
  return new LanceError("WORKER_FAILED", "a segment answered another kind of query than it was asked");
}
