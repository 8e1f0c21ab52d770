import type { SearchMetrics } from "../index/segment.ts";

/** What one segment contributed to an answer. */
export interface SegmentStatistics extends SearchMetrics {
  readonly indexName: string;
  readonly uuid: string;
  readonly fragmentIds: readonly number[];
  /** Worker that searched it; `null` on the calling thread. */
  readonly workerIndex: number | null;
  /** Rows it answered, before the global top-k. */
  readonly rows: number;
}

/** Where an answer came from, as `analyzePlan` prints it. */
export interface ScanStatistics {
  /** Segments asked, in the order of the plan. */
  readonly segments: readonly SegmentStatistics[];
  /** Fragments no segment covers (or all, without an index): their rows were compared one by one. */
  readonly flatFragmentIds: readonly number[];
  readonly flatRows: number;
  readonly rowsReturned: number;
  /** Bytes of data files fetched by the flat part. Index bytes stand in `segments`. */
  readonly milliseconds: number;
}

/** Collects statistics while a plan runs. */
export class StatisticsCollector {
  readonly #started: number;
  readonly #now: () => number;
  readonly segments: SegmentStatistics[] = [];
  readonly flatFragmentIds = new Set<number>();
  flatRows = 0;
  rowsReturned = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#started = now();
  }

  addFlat(fragmentId: number, rows: number): void {
    this.flatFragmentIds.add(fragmentId);
    this.flatRows += rows;
  }

  finish(): ScanStatistics {
    return {
      segments: this.segments,
      flatFragmentIds: [...this.flatFragmentIds].sort((a, b) => a - b),
      flatRows: this.flatRows,
      rowsReturned: this.rowsReturned,
      milliseconds: this.#now() - this.#started,
    };
  }
}
