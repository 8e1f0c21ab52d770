import { LanceError, throwIfAborted } from "../../errors.ts";
import { type CoreKernels, loadCoreKernels } from "../../kernels/core.ts";
import { RowSet } from "../../table/row-set.ts";
import { type ReadCounts, withReadCounts } from "../count-reads.ts";
import { createGiveWay } from "../give-way.ts";
import { type CachedPart, PartCache } from "../part-cache.ts";
import { startSearchMetrics } from "../search-metrics.ts";
import type { IndexFamily, OpenSegment, SegmentQuery, SegmentReader, VectorAnswer, VectorQuery } from "../segment.ts";
import { type IvfHeader, openIvfHeader } from "./header.ts";
import { getPartitionMetric } from "./metric.ts";
import { planProbes } from "./probe-policy.ts";
import { readFlatRows } from "./storage/flat.ts";
import { type FlatPartition, searchFlatPartition } from "./sub-index/flat.ts";
import { prepareQuery, type VectorRows } from "./vectors.ts";

type OpenContext = Parameters<IndexFamily["open"]>[1];

/** Independent of any version: what a version lacks is masked when it is searched. */
interface CachedPartition extends CachedPart, FlatPartition {
  /** High half of the row ids held → the largest low half, plus one. */
  readonly extent: ReadonlyMap<number, number>;
}

/**
 * Opens an IVF_FLAT segment: centroids are read at once, partitions when a query probes them, into WASM memory.
 * @throws NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function openIvfFlat(open: OpenSegment, context: OpenContext): Promise<SegmentReader> {
  const counts: ReadCounts = { reads: 0, bytes: 0 };
  const store = withReadCounts(open.store, counts);
  const [header, core] = await Promise.all([openIvfHeader(open, { store, signal: context.signal }), loadCoreKernels()]);
  return createReader(open, context, { header, core, counts });
}

function createReader(
  open: OpenSegment,
  context: OpenContext,
  state: { readonly header: IvfHeader; readonly core: CoreKernels; readonly counts: ReadCounts },
): SegmentReader {
  const { header, core, counts } = state;
  const parts = context.parts ?? new PartCache(context.memoryBudgetBytes);
  const prefix = `${open.segment.uuid}/`;

  let domainMask: RowSet | undefined;
  const getDomainMask = (): RowSet => {
    domainMask ??= RowSet.full(context.domain);
    return domainMask;
  };

  const loadPartition = async (partition: number): Promise<CachedPartition> => {
    const start = header.offsets[partition]!;
    const rows = await readFlatRows(header.storage, header.dimension, [[start, start + header.lengths[partition]!]]);
    return copyToWasm(core, rows);
  };

  const leasePartition = (partition: number) =>
    parts.lease(`${prefix}partition-${partition}`, () => loadPartition(partition));

  const search = async (query: VectorQuery, options: Parameters<SegmentReader["search"]>[1]): Promise<VectorAnswer> => {
    const account = startSearchMetrics(counts);
    const q = prepareQuery(query.q, header.dimension, header.metric);
    if (q === null) return { ...NO_ROWS(), metrics: account.stop() };
    const ranked = rankPartitions(core, header, q);
    const budget = planProbes(query, ranked.distances, header.metric);
    const { threshold, signal } = options;
    // A mask may speak of other fragments too; those are not this segment's.
    const mask = options.mask && RowSet.empty(context.domain).or(options.mask);
    const upper = tightenUpper(query.distanceRange?.[1] ?? undefined, threshold);
    const lower = query.distanceRange?.[0] ?? undefined;
    const flatSearch = { metric: header.metric, query: q, dimension: header.dimension, mask, lower, upper };
    const giveWay = createGiveWay(signal);
    const wanted = mask?.count() ?? Number.POSITIVE_INFINITY;
    const topK = core.createTopK(query.k);
    let seen = 0;
    try {
      for (let rank = 0; rank < budget.limit; rank++) {
        const isFull = threshold !== undefined || topK.threshold() < Number.POSITIVE_INFINITY;
        if (rank >= budget.initial && (isFull || seen >= wanted)) break;
        const partition = ranked.partitions[rank]!;
        if (header.lengths[partition] === 0) {
          account.metrics.partsFromCache++;
          continue;
        }
        const lease = await leasePartition(partition);
        try {
          throwIfAborted(signal);
          account.metrics[lease.fromCache ? "partsFromCache" : "partsLoaded"]++;
          const inside = mask !== undefined || isInside(lease.part.extent, context.domain);
          const masked = inside ? flatSearch : { ...flatSearch, mask: getDomainMask() };
          seen += await searchFlatPartition(topK, lease.part, masked, giveWay);
          account.metrics.comparisons += lease.part.numRows;
        } finally {
          lease.release();
        }
      }
      return { kind: "vector", ...topK.finish(), metrics: account.stop() };
    } finally {
      topK.free();
    }
  };

  return {
    rowIdDomain: context.stableRowIds ? "stableRowId" : "address",
    numRows: header.storage.numRows,
    cachedBytes: () => parts.bytes + header.centroids.byteLength,
    statistics: async () => ({}),
    async search(query: SegmentQuery, options) {
      if (query.kind !== "vector") throw refuseScalar(open);
      return search(query, options);
    },
    async describe() {
      return describeIvf(header);
    },
    async prewarm(signal) {
      for (let i = 0; i < header.numPartitions && parts.bytes < context.memoryBudgetBytes; i++) {
        throwIfAborted(signal);
        if (header.lengths[i]! > 0) (await leasePartition(i)).release();
      }
    },
    close() {
      parts.drop(prefix);
      header.storage.close();
    },
  };
}

/** What a query without a direction finds: no cosine distance to it is a number. */
const NO_ROWS = () => ({ kind: "vector", rowIds: new BigUint64Array(0), distances: new Float32Array(0) }) as const;

/** Partitions by distance of their centroids to the query, nearest first; equal ones by number. */
function rankPartitions(
  core: CoreKernels,
  header: IvfHeader,
  q: Float32Array,
): { partitions: Uint32Array; distances: Float32Array } {
  const { centroids, dimension, numPartitions } = header;
  const all = core.distances(getPartitionMetric(header.metric), q, centroids, dimension);
  const partitions = Uint32Array.from({ length: numPartitions }, (_, i) => i);
  partitions.sort((a, b) => all[a]! - all[b]! || a - b);
  return { partitions, distances: Float32Array.from(partitions, (partition) => all[partition]!) };
}

function measureExtent(rowIds: BigUint64Array): Map<number, number> {
  const halves = new Uint32Array(rowIds.buffer, rowIds.byteOffset, rowIds.length * 2);
  const extent = new Map<number, number>();
  for (let i = 0; i < halves.length; i += 2) {
    const end = halves[i]! + 1;
    if (end > (extent.get(halves[i + 1]!) ?? 0)) extent.set(halves[i + 1]!, end);
  }
  return extent;
}

function isInside(extent: ReadonlyMap<number, number>, domain: ReadonlyMap<number, number>): boolean {
  for (const [high, end] of extent) if (end > (domain.get(high) ?? 0)) return false;
  return true;
}

function copyToWasm(core: CoreKernels, rows: VectorRows): CachedPartition {
  const toBytes = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const vectors = core.allocate(rows.vectors.byteLength);
  vectors.bytes().set(toBytes(rows.vectors));
  const rowIds = core.allocate(rows.rowIds.byteLength);
  rowIds.bytes().set(toBytes(rows.rowIds));
  return {
    vectors,
    rowIds,
    numRows: rows.rowIds.length,
    extent: measureExtent(rows.rowIds),
    byteLength: rows.vectors.byteLength + rows.rowIds.byteLength,
    free() {
      vectors.free();
      rowIds.free();
    },
  };
}

/** The upper bound is exclusive, and a row as far as the threshold may still win by its row id. */
function tightenUpper(upper: number | undefined, threshold: number | undefined): number | undefined {
  if (threshold === undefined || !Number.isFinite(threshold)) return upper;
  const bits = new Int32Array(new Float32Array([threshold]).buffer);
  bits[0]! += bits[0]! >= 0 ? 1 : -1;
  const next = threshold === 0 ? 1.4e-45 : new Float32Array(bits.buffer)[0]!;
  return upper === undefined ? next : Math.min(upper, next);
}

function describeIvf(header: IvfHeader): Readonly<Record<string, unknown>> {
  const { metric, dimension, numPartitions, lengths, loss } = header;
  return {
    index_type: "IVF_FLAT",
    metric_type: metric,
    num_partitions: numPartitions,
    sub_index: { index_type: "FLAT", dim: dimension, metric_type: metric },
    partitions: Array.from(lengths, (size) => ({ size })),
    loss,
    index_file_version: "V3",
  };
}

function refuseScalar(open: OpenSegment): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `segment ${open.segment.uuid} is IVF_FLAT: it takes vectors, not predicates`,
    {
      uuid: open.segment.uuid,
    },
  );
}
