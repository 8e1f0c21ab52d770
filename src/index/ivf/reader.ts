import { LanceError, throwIfAborted } from "../../errors.ts";
import { type CoreKernels, loadCoreKernels } from "../../kernels/core.ts";
import { RowSet } from "../../table/row-set.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { type ReadCounts, withReadCounts } from "../count-reads.ts";
import { PartCache } from "../part-cache.ts";
import { startSearchMetrics } from "../search-metrics.ts";
import type { IndexFamily, OpenSegment, SegmentQuery, SegmentReader, VectorAnswer, VectorQuery } from "../segment.ts";
import { boundDistances } from "../vector-rule.ts";
import { type IvfHeader, openIvfHeader } from "./header.ts";
import type { IvfKind } from "./kind.ts";
import { type CachedPartition, createPartitionParts, type LeasedGroup } from "./partition-parts.ts";
import { planProbes } from "./probe-policy.ts";
import { createRanking } from "./rank-partitions.ts";
import { CALL_BYTES } from "./sub-index/flat.ts";
import type { PartitionCounts } from "./sub-index/sub-index.ts";
import { prepareQuery } from "./vectors.ts";

type OpenContext = Parameters<IndexFamily["open"]>[1];

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
  const { model, storage } = header;
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

  const searchVectors = async (
    query: VectorQuery,
    options: Parameters<SegmentReader["search"]>[1],
  ): Promise<VectorAnswer> => {
    const account = startSearchMetrics(counts);
    const prepared = prepareQuery(query.q, model.type, model.metric);
    if (prepared === null) return { ...NO_ROWS(), metrics: account.stop() };
    const ranked = await rankPartitions(prepared.compare);
    const budget = planProbes(query, ranked.distances, model.metric);
    const { threshold, signal } = options;
    const limit = options.mask && restrict(options.mask);
    const mask = limit?.rows;
    const { lower, upper: farthest } = boundDistances(query.distanceRange);
    const upper = tightenUpper(farthest, threshold);
    const { rowBytes, blockRows = 1 } = storage;
    const askPartition = storage.prepareQuery(prepared.query, { approxMode: query.approxMode });
    const { k } = query;
    // As native: half as many again as are asked for.
    const ef = Math.max(k, query.ef ?? k + Math.floor(k / 2));
    const giveWay = createGiveWay(signal);
    const wanted = limit?.count ?? Number.POSITIVE_INFINITY;
    const topK = core.createTopK(query.k);
    let seen = 0;
    const scan = (rank: number, part: CachedPartition): PartitionCounts | Promise<PartitionCounts> => {
      const inside = mask !== undefined || isInside(part.extent, context.domain);
      const rows = inside ? mask : getDomainMask();
      const search = {
        query: askPartition(ranked.partitions[rank]!, ranked.distances[rank]!),
        k,
        ef,
        rowBytes,
        blockRows,
        mask: rows,
        lower,
        upper,
      };
      return kind.subIndex.searchPartition(topK, part, search, giveWay);
    };
    /** One that is held, as long as it is small enough to be scanned at once. */
    const scanHeld = (rank: number): PartitionCounts | undefined =>
      partitions.visit(ranked.partitions[rank]!, (part) =>
        part.values.byteLength > CALL_BYTES ? undefined : (scan(rank, part) as PartitionCounts),
      );
    let loaded: LeasedGroup | undefined;
    let numLeased = 0;
    try {
      throwIfAborted(signal);
      for (let rank = 0; rank < budget.limit; rank++) {
        if (rank >= budget.initial) {
          const isFull = threshold !== undefined || topK.threshold() < Number.POSITIVE_INFINITY;
          if (isFull || seen >= wanted) break;
        }
        const partition = ranked.partitions[rank]!;
        let counts = header.lengths[partition] === 0 ? NO_COUNTS : undefined;
        if (rank >= numLeased) counts ??= scanHeld(rank);
        if (counts) account.metrics.partsFromCache++;
        else {
          if (rank >= numLeased) {
            // Beyond the first budget each partition may be the last.
            const ahead = ranked.partitions.subarray(rank, Math.max(rank + 1, budget.initial));
            const group = ahead.subarray(0, partitions.countLoads(ahead));
            loaded?.release();
            loaded = undefined;
            loaded = await partitions.leaseAll(group, signal);
            numLeased = rank + group.length;
          }
          const lease = loaded!.leases.get(partition)!;
          try {
            account.metrics[lease.fromCache ? "partsFromCache" : "partsLoaded"]++;
            counts = await scan(rank, lease.part);
          } finally {
            lease.release();
          }
        }
        seen += counts.selected;
        account.metrics.comparisons += counts.comparisons;
        const pause = giveWay();
        if (pause) await pause;
      }
      return { kind: "vector", ...topK.finish(), metrics: account.stop() };
    } finally {
      loaded?.release();
      topK.free();
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

/** What an empty partition has. */
const NO_COUNTS: PartitionCounts = { selected: 0, comparisons: 0 };

/** What a query without a direction finds: no cosine distance to it is a number. */
const NO_ROWS = () => ({ kind: "vector", rowIds: new BigUint64Array(0), distances: new Float32Array(0) }) as const;

function isInside(extent: ReadonlyMap<number, number>, domain: ReadonlyMap<number, number>): boolean {
  for (const [high, end] of extent) if (end > (domain.get(high) ?? 0)) return false;
  return true;
}

/** The upper bound is exclusive, and a row as far as the threshold may still win by its row id. */
function tightenUpper(upper: number | undefined, threshold: number | undefined): number | undefined {
  if (threshold === undefined || !Number.isFinite(threshold)) return upper;
  const bits = new Int32Array(new Float32Array([threshold]).buffer);
  bits[0]! += bits[0]! >= 0 ? 1 : -1;
  const next = threshold === 0 ? 1.4e-45 : new Float32Array(bits.buffer)[0]!;
  return upper === undefined ? next : Math.min(upper, next);
}

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
