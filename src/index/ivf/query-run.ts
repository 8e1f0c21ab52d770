import { throwIfAborted } from "../../errors.ts";
import type { CoreKernels } from "../../kernels/core.ts";
import type { RowSet } from "../../table/row-set.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { createSearchMetrics } from "../search-metrics.ts";
import type { SearchMetrics, VectorAnswer, VectorQuery } from "../segment.ts";
import { boundDistances } from "../vector-rule.ts";
import type { IvfHeader } from "./header.ts";
import type { IvfKind } from "./kind.ts";
import type { CachedPartition, LeasedGroup, PartitionParts } from "./partition-parts.ts";
import { type ProbeBudget, planProbes } from "./probe-policy.ts";
import type { RankedPartitions } from "./rank-partitions.ts";
import type { PartitionCounts, PartitionSearch } from "./sub-index/sub-index.ts";
import type { prepareQuery } from "./vectors.ts";

/** What all queries of a segment share. */
export interface RunContext {
  readonly kind: IvfKind;
  readonly header: IvfHeader;
  readonly core: CoreKernels;
  readonly partitions: PartitionParts;
  /** Rows of the segment that may be answered; those of a partition outside of it are masked. */
  readonly domain: ReadonlyMap<number, number>;
  readonly getDomainMask: () => RowSet;
}

/** What one query is asked with. */
export interface RunOptions {
  readonly prepared: NonNullable<ReturnType<typeof prepareQuery>>;
  readonly ranked: RankedPartitions;
  readonly mask: RowSet | undefined;
  /** Rows the mask holds. */
  readonly wanted: number;
  readonly threshold: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** One query on its way through the partitions of a segment: how far it is, and its best rows so far, to be freed. */
export interface QueryRun {
  readonly ranked: RankedPartitions;
  readonly budget: ProbeBudget;
  readonly metrics: SearchMetrics;
  /** Compares the partition at a rank, which is not empty; `undefined`, and nothing was compared, for a large one. */
  scanAtOnce(rank: number, part: CachedPartition): PartitionCounts | undefined;
  /** The same for one of any size. Gives way. */
  scan(rank: number, part: CachedPartition): Promise<PartitionCounts>;
  /** Takes over what a comparison counted. */
  count(counts: PartitionCounts): void;
  /** Whether partitions beyond the first budget can be left out. */
  hasEnough(): boolean;
  finish(): Pick<VectorAnswer, "rowIds" | "distances">;
  free(): void;
}

/** Starts a query, with a top-k of its own. */
export function startRun(context: RunContext, query: VectorQuery, options: RunOptions): QueryRun {
  const { kind, header, core, domain, getDomainMask } = context;
  const { prepared, ranked, mask, wanted, threshold, signal } = options;
  const { rowBytes, blockRows = 1 } = header.storage;
  const { lower, upper: farthest } = boundDistances(query.distanceRange);
  const upper = tightenUpper(farthest, threshold);
  const askPartition = header.storage.prepareQuery(prepared.query, { approxMode: query.approxMode });
  const { k } = query;
  // As native: half as many again as are asked for.
  const ef = Math.max(k, query.ef ?? k + Math.floor(k / 2));
  const giveWay = createGiveWay(signal);
  const metrics = createSearchMetrics();
  const topK = core.createTopK(k);
  let seen = 0;
  const prepareSearch = (rank: number, part: CachedPartition): PartitionSearch => {
    const inside = mask !== undefined || isInside(part.extent, domain);
    const rows = inside ? mask : getDomainMask();
    const asked = askPartition(ranked.partitions[rank]!, ranked.distances[rank]!);
    return { query: asked, k, ef, rowBytes, blockRows, mask: rows, lower, upper };
  };
  return {
    ranked,
    budget: planProbes(query, ranked.distances, header.model.metric),
    metrics,
    scanAtOnce: (rank, part) => kind.subIndex.searchAtOnce(topK, part, prepareSearch(rank, part)),
    scan: (rank, part) => kind.subIndex.searchPartition(topK, part, prepareSearch(rank, part), giveWay),
    count({ selected, comparisons }) {
      seen += selected;
      metrics.comparisons += comparisons;
    },
    hasEnough: () => threshold !== undefined || topK.threshold() < Number.POSITIVE_INFINITY || seen >= wanted,
    finish: () => topK.finish(),
    free: () => topK.free(),
  };
}

/** Compares the partitions of a query from a rank on, nearest first, until its budget or its rows are enough. */
export async function scanRanks(
  { header, partitions }: RunContext,
  run: QueryRun,
  { from, signal }: { readonly from: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { ranked, budget, metrics } = run;
  const giveWay = createGiveWay(signal);
  let loaded: LeasedGroup | undefined;
  let numLeased = from;
  try {
    throwIfAborted(signal);
    for (let rank = from; rank < budget.limit; rank++) {
      if (rank >= budget.initial && run.hasEnough()) break;
      const partition = ranked.partitions[rank]!;
      let counts = header.lengths[partition] === 0 ? NO_COUNTS : undefined;
      if (rank >= numLeased) counts ??= partitions.visit(partition, (part) => run.scanAtOnce(rank, part));
      if (counts) metrics.partsFromCache++;
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
          metrics[lease.fromCache ? "partsFromCache" : "partsLoaded"]++;
          counts = run.scanAtOnce(rank, lease.part) ?? (await run.scan(rank, lease.part));
        } finally {
          lease.release();
        }
      }
      run.count(counts);
      const pause = giveWay();
      if (pause) await pause;
    }
  } finally {
    loaded?.release();
  }
}

/**
 * Compares the first budget of several queries, partition by partition: each is loaded once, those that lie near each
 * other in few reads, and stays in the processor's cache while all queries that probe it compare it.
 */
export async function scanShared(
  { header, partitions }: RunContext,
  runs: readonly QueryRun[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const asking = new Map<number, { readonly run: QueryRun; readonly rank: number }[]>();
  for (const run of runs) {
    for (let rank = 0; rank < run.budget.initial; rank++) {
      const partition = run.ranked.partitions[rank]!;
      if (header.lengths[partition] === 0) run.metrics.partsFromCache++;
      else if (asking.has(partition)) asking.get(partition)!.push({ run, rank });
      else asking.set(partition, [{ run, rank }]);
    }
  }
  const giveWay = createGiveWay(signal);
  const order = Uint32Array.from(asking.keys()).sort();
  for (let from = 0; from < order.length; ) {
    throwIfAborted(signal);
    const group = order.subarray(from, from + partitions.countLoads(order.subarray(from)));
    const loaded = await partitions.leaseAll(group, signal);
    try {
      for (const partition of group) {
        const lease = loaded.leases.get(partition)!;
        let isHeld = lease.fromCache;
        for (const { run, rank } of asking.get(partition)!) {
          run.metrics[isHeld ? "partsFromCache" : "partsLoaded"]++;
          isHeld = true;
          run.count(run.scanAtOnce(rank, lease.part) ?? (await run.scan(rank, lease.part)));
          const pause = giveWay();
          if (pause) await pause;
        }
        lease.release();
      }
    } finally {
      loaded.release();
    }
    from += group.length;
  }
}

/** What an empty partition has. */
const NO_COUNTS: PartitionCounts = { selected: 0, comparisons: 0 };

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
