import type { RowLayout } from "../../format/read/file.ts";

/** A row to read, and its position in the answer. */
export interface WantedRow {
  readonly row: number;
  readonly at: number;
}

/** Rows of a file that lie side by side and are read as one. */
export interface Run {
  readonly start: number;
  end: number;
  /** Where in the file the first one begins. */
  readonly offset: number;
  readonly rows: WantedRow[];
}

/**
 * A store that names no gap gives so much about as fast as a row, and neighbours may be asked for next. Four times as much
 * takes twice the time of a query whose column is larger than what is kept, from files and from OPFS.
 */
const BLOCK_BYTES = 16 * 1024;
/** A run that rows may share; so many of them are read at once that larger ones would be a burden. */
const MAX_RUN_BYTES = 512 * 1024;

/**
 * The reads that bring some rows: those near to each other as one; from a store where bytes cost little, whole blocks.
 * Pure.
 * @param gapBytes as the store declares it
 */
export function planRuns(layout: RowLayout, wanted: readonly WantedRow[], gapBytes: number | undefined): Run[] {
  const { rowBytes, starts, offsets } = layout;
  const blockRows = gapBytes === undefined ? Math.max(1, Math.floor(BLOCK_BYTES / rowBytes)) : 1;
  const maxGap = gapBytes ?? BLOCK_BYTES;
  const runs: Run[] = [];
  let page = 0;
  let lastPage = -1;
  for (const one of [...wanted].sort((a, b) => a.row - b.row)) {
    while (starts[page + 1]! <= one.row) page++;
    const first = starts[page]!;
    const start = first + Math.floor((one.row - first) / blockRows) * blockRows;
    const end = Math.min(start + blockRows, starts[page + 1]!);
    const last = runs.at(-1);
    const isNear =
      last !== undefined &&
      page === lastPage &&
      (start - last.end) * rowBytes <= maxGap &&
      (end - last.start) * rowBytes <= MAX_RUN_BYTES;
    if (isNear) {
      last.end = Math.max(last.end, end);
      last.rows.push(one);
    } else {
      runs.push({ start, end, offset: offsets[page]! + (start - first) * rowBytes, rows: [one] });
    }
    lastPage = page;
  }
  return runs;
}
