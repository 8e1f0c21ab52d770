import { LanceError, throwIfAborted } from "../../errors.ts";
import { type CoreKernels, loadCoreKernels } from "../../kernels/core.ts";
import { RowSet } from "../../table/row-set.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { type ReadCounts, withReadCounts } from "../count-reads.ts";
import { PartCache } from "../part-cache.ts";
import { addSearchMetrics, startSearchMetrics } from "../search-metrics.ts";
import type { IndexFamily, OpenSegment, SegmentQuery, SegmentReader, VectorAnswer, VectorQuery } from "../segment.ts";
import { type IvfHeader, openIvfHeader } from "./header.ts";
import type { IvfKind } from "./kind.ts";
import { createPartitionParts } from "./partition-parts.ts";
import { type QueryRun, type RunContext, scanRanks, scanShared, startRun } from "./query-run.ts";
import { createRanking } from "./rank-partitions.ts";
import { prepareQuery } from "./vectors.ts";

type OpenContext = Parameters<IndexFamily["open"]>[1];
type SearchOptions = Parameters<SegmentReader["search"]>[1];

/** Of the best rows of queries that are searched together. */
const TOP_K_BYTES = 4 * 2 ** 20;

/**
 * Opens a segment: centroids are read at once, partitions when a query probes them, into WASM memory.
 * @throws NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function openIvf(kind: IvfKind, open: OpenSegment, context: OpenContext): Promise<SegmentReader> {
  const counts: ReadCounts = { reads: 0, bytes: 0 };
  const store = withReadCounts(open.store, counts);
  const opening = openIvfHeader(kind, open, { store, signal: context.signal });
  const [header, core] = await settleAll([opening, loadCoreKernels()]);
  return createReader(open, context, { kind, header, core, counts });
}

function createReader(
  open: OpenSegment,
  context: OpenContext,
  state: {
    readonly kind: IvfKind;
    readonly header: IvfHeader;
    readonly core: CoreKernels;
    readonly counts: ReadCounts;
  },
): SegmentReader {
  const { kind, header, core, counts } = state;
  const { model } = header;
  const parts = context.parts ?? new PartCache(context.memoryBudgetBytes);
  const prefix = `${open.segment.uuid}/`;
  const { memoryBudgetBytes: maxBytes } = context;
  const partitions = createPartitionParts(core, header, { parts, prefix, maxBytes });
  const rankPartitions = createRanking(core, model, { parts, key: `${prefix}centroids` });

  let domainMask: RowSet | undefined;
  const getDomainMask = (): RowSet => {
    domainMask ??= RowSet.full(context.domain);
    return domainMask;
  };

  const restricted = new WeakMap<RowSet, { readonly rows: RowSet; readonly count: number }>();
  /** A mask may speak of other fragments too; those are not this segment's. The same object for the same mask. */
  const restrict = (mask: RowSet) => {
    const known = restricted.get(mask);
    if (known) return known;
    const rows = RowSet.empty(context.domain).or(mask);
    const made = { rows, count: rows.count() };
    restricted.set(mask, made);
    return made;
  };

  const run: RunContext = { kind, header, core, partitions, domain: context.domain, getDomainMask };

  /** `null`: a query without a direction, to which no cosine distance is a number. */
  const start = async (query: VectorQuery, { mask, threshold, signal }: SearchOptions): Promise<QueryRun | null> => {
    const prepared = prepareQuery(query.q, model.type, model.metric);
    if (prepared === null) return null;
    const ranked = await rankPartitions(prepared.compare);
    const limit = mask && restrict(mask);
    const wanted = limit?.count ?? Number.POSITIVE_INFINITY;
    return startRun(run, query, { prepared, ranked, mask: limit?.rows, wanted, threshold, signal });
  };

  /** Compares what is left of a query's partitions, and frees it. */
  const finish = async (
    started: QueryRun | null,
    account: ReturnType<typeof startSearchMetrics>,
    more: { readonly from: number; readonly signal: AbortSignal | undefined },
  ): Promise<VectorAnswer> => {
    if (started === null) return { ...NO_ROWS(), metrics: account.stop() };
    try {
      await scanRanks(run, started, more);
      const answer = started.finish();
      addSearchMetrics(started.metrics, account.stop());
      return { kind: "vector", ...answer, metrics: started.metrics };
    } finally {
      started.free();
    }
  };

  const searchVectors = async (query: VectorQuery, options: SearchOptions): Promise<VectorAnswer> => {
    const account = startSearchMetrics(counts);
    return finish(await start(query, options), account, { from: 0, signal: options.signal });
  };

  const searchTogether = async (queries: readonly VectorQuery[], options: SearchOptions): Promise<VectorAnswer[]> => {
    const { signal } = options;
    const clock = startSearchMetrics({ reads: 0, bytes: 0 });
    const started: (QueryRun | null)[] = [];
    try {
      for (const query of queries) started.push(await start(query, options));
      const runs = started.filter((each) => each !== null);
      await scanShared(run, runs, signal);
      const { milliseconds } = clock.stop();
      for (const { metrics } of runs) metrics.milliseconds += milliseconds / runs.length;
      const answers: VectorAnswer[] = [];
      for (let each = started.shift(); each !== undefined; each = started.shift()) {
        const from = each?.budget.initial ?? 0;
        answers.push(await finish(each, startSearchMetrics(counts), { from, signal }));
      }
      return answers;
    } finally {
      for (const each of started) each?.free();
    }
  };

  return {
    rowIdDomain: context.stableRowIds ? "stableRowId" : "address",
    numRows: header.file.numRows,
    cachedBytes: () => parts.bytes + model.centroids.byteLength,
    statistics: async () => ({}),
    async search(query: SegmentQuery, options) {
      if (query.kind !== "vector") throw refuseScalar(kind, open);
      return searchVectors(query, options);
    },
    async searchEach(queries, options) {
      const vectors = queries.map((query) => {
        if (query.kind !== "vector") throw refuseScalar(kind, open);
        return query;
      });
      const most = Math.max(1, Math.floor(TOP_K_BYTES / (16 * (vectors[0]?.k ?? 1))));
      const answers: VectorAnswer[] = [];
      for (let from = 0; from < vectors.length; from += most) {
        answers.push(...(await searchTogether(vectors.slice(from, from + most), options)));
      }
      return answers;
    },
    async describe() {
      return describeIvf(kind, header);
    },
    async prewarm(signal) {
      const all = Uint32Array.from({ length: model.numPartitions }, (_, i) => i);
      let bytes = 0;
      for (let from = 0; from < all.length; ) {
        throwIfAborted(signal);
        const group = all.subarray(from, from + partitions.countLoads(all.subarray(from)));
        bytes += partitions.countBytes(group);
        // More would take the place of what was just read.
        if (bytes > context.memoryBudgetBytes) break;
        (await partitions.leaseAll(group, signal)).release();
        from += group.length;
      }
      // What was read ahead is no search's doing.
      startSearchMetrics(counts).stop();
    },
    close() {
      parts.drop(prefix);
      header.close();
    },
  };
}

/** What a query without a direction finds: no cosine distance to it is a number. */
const NO_ROWS = () => ({ kind: "vector", rowIds: new BigUint64Array(0), distances: new Float32Array(0) }) as const;

function describeIvf(kind: IvfKind, header: IvfHeader): Readonly<Record<string, unknown>> {
  const { metric, numPartitions, loss } = header.model;
  return {
    index_type: kind.indexType,
    metric_type: metric,
    num_partitions: numPartitions,
    sub_index: { index_type: kind.storage.name, ...header.storage.facts, metric_type: metric },
    partitions: Array.from(header.lengths, (size) => ({ size })),
    loss,
    index_file_version: "V3",
  };
}

function refuseScalar({ indexType }: IvfKind, open: OpenSegment): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `segment ${open.segment.uuid} is ${indexType}: it takes vectors, not predicates`,
    {
      uuid: open.segment.uuid,
    },
  );
}
