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

/** What was measured again by its vectors. */
export interface RefineStatistics {
  rows: number;
  /** Of these, rows whose vectors were at hand. */
  kept: number;
  /** Of the others, rows that lie in compressed chunks: their requests are those of a scan, and not counted here. */
  decoded: number;
  /** Requests for vectors that need no decoding, and their bytes. */
  reads: number;
  bytesRead: number;
}

/** Where an answer came from, as `analyzePlan` prints it. */
export interface ScanStatistics {
  /** Segments asked, in the order of the plan. */
  readonly segments: readonly SegmentStatistics[];
  /** Fragments no segment covers (or all, without an index): their rows were compared one by one. */
  readonly flatFragmentIds: readonly number[];
  readonly flatRows: number;
  readonly refined: RefineStatistics;
  readonly rowsReturned: number;
  /** From the start to the last row. */
  readonly milliseconds: number;
}

/** Collects statistics while a plan runs. */
export class StatisticsCollector {
  readonly #started: number;
  readonly #now: () => number;
  readonly segments: SegmentStatistics[] = [];
  readonly flatFragmentIds = new Set<number>();
  flatRows = 0;
  readonly refined: RefineStatistics = { rows: 0, kept: 0, decoded: 0, reads: 0, bytesRead: 0 };
  rowsReturned = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#started = now();
  }

  addFlat(fragmentId: number, rows: number): void {
    this.flatFragmentIds.add(fragmentId);
    this.flatRows += rows;
  }

  addRefined(more: RefineStatistics): void {
    for (const key of Object.keys(more) as (keyof RefineStatistics)[]) this.refined[key] += more[key];
  }

  finish(): ScanStatistics {
    return {
      segments: this.segments,
      flatFragmentIds: [...this.flatFragmentIds].sort((a, b) => a - b),
      flatRows: this.flatRows,
      refined: { ...this.refined },
      rowsReturned: this.rowsReturned,
      milliseconds: this.#now() - this.#started,
    };
  }
}
