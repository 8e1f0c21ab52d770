import { LanceError } from "../../errors.ts";
import { readSlice } from "../../format/read/byte-source.ts";
import type { LanceField } from "../../format/schema.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import type { FileCache } from "../file-cache.ts";
import { halvesOf } from "../row-ids/row-addresses.ts";
import type { Snapshot } from "../snapshot.ts";
import { type FixedColumn, locateFixedColumn } from "./fixed-column.ts";
import { type CachedRows, RowCache } from "./row-cache.ts";

/** What rows are taken of, and how many bytes of them are kept for the next time. */
export interface TakeFixedOptions {
  readonly field: LanceField;
  readonly rowBytes: number;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** A row to read, and where it goes in the answer. */
interface MissingRow {
  readonly row: number;
  readonly at: number;
}

/** A column rows are missing of. */
interface Source {
  readonly column: FixedColumn;
  readonly cached: CachedRows;
  readonly missing: MissingRow[];
}

/** Rows of a file that are read as one. */
interface Run {
  readonly source: Source;
  readonly start: number;
  end: number;
  readonly offset: number;
  readonly rows: MissingRow[];
}

/** A store that names no gap reads so much about as fast as a row, and neighbours may be asked for next. */
const BLOCK_BYTES = 64 * 1024;
const MAX_RUN_BYTES = 8 * 1024 * 1024;
/** Reads under way at once. */
const CONCURRENCY = 64;

/** Rows kept of the tables of this thread. Versions of a table share them, as they share its files. */
const caches = new WeakMap<FileCache, RowCache>();

/**
 * Rows by address, in their order, of a column whose rows lie in its files one after another, just as Arrow holds them.
 * Rows that are kept cost a copy; the others are read from where they lie, those near to each other at once.
 *
 * @returns the bytes of all rows; nothing where a fragment has the column in another way (see {@link locateFixedColumn})
 * @throws NOT_FOUND naming the fragment or row that is not there, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function takeFixedRows(
  snapshot: Snapshot,
  addresses: BigUint64Array,
  options: TakeFixedOptions,
): Promise<Uint8Array | undefined> {
  const { field, rowBytes, maxBytes, signal } = options;
  const halves = halvesOf(addresses);
  const fragmentIds = new Set<number>();
  for (let i = 1; i < halves.length; i += 2) fragmentIds.add(halves[i]!);
  const columns = await locateFixedColumn(snapshot, field, fragmentIds, signal);
  if (!columns) return undefined;
  const cache = getRowCache(snapshot.files);
  cache.bound(maxBytes);
  const sources = new Map<number, Source>();
  for (const id of fragmentIds) {
    const column = columns.get(id)!;
    if (column.layout.rowBytes !== rowBytes) return undefined;
    const cached = cache.open(`${column.columnIndex}/${rowBytes}/${column.path}`, rowBytes);
    sources.set(id, { column, cached, missing: [] });
  }
  const bytes = new Uint8Array(addresses.length * rowBytes);
  let isComplete = true;
  for (let i = 0; i < addresses.length; i++) {
    const row = halves[2 * i]!;
    const source = sources.get(halves[2 * i + 1]!)!;
    if (row >= source.column.numRows) throw noRow(halves[2 * i + 1]!, row, source.column);
    if (source.cached.copy(row, bytes, i * rowBytes)) continue;
    source.missing.push({ row, at: i * rowBytes });
    isComplete = false;
  }
  if (isComplete) return bytes;
  const blockRows = snapshot.store.capabilities?.gapBytes === undefined ? Math.floor(BLOCK_BYTES / rowBytes) : 1;
  const gapBytes = snapshot.store.capabilities?.gapBytes ?? BLOCK_BYTES;
  const runs = [...sources.values()].flatMap((source) => planRuns(source, { blockRows, gapBytes }));
  await mapBounded(runs, CONCURRENCY, async (run) => {
    const { column, cached } = run.source;
    const length = (run.end - run.start) * rowBytes;
    const read = await readSlice(snapshot.store, column.path, { offset: run.offset, length, signal });
    const rowAt = (row: number) => read.subarray((row - run.start) * rowBytes, (row - run.start + 1) * rowBytes);
    for (const { row, at } of run.rows) bytes.set(rowAt(row), at);
    for (let row = run.start; row < run.end; row++) cached.add(row, rowAt(row));
  });
  return bytes;
}

/** Bytes of rows kept for a table's files. */
export function getKeptRowBytes(snapshot: Snapshot): number {
  return getRowCache(snapshot.files).bytes;
}

function getRowCache(files: FileCache): RowCache {
  const cache = caches.get(files) ?? new RowCache();
  caches.set(files, cache);
  return cache;
}

/** Reads that bring the missing rows: whole blocks of neighbours, joined where they are near. */
function planRuns(source: Source, limits: { readonly blockRows: number; readonly gapBytes: number }): Run[] {
  const { rowBytes, starts, offsets } = source.column.layout;
  const blockRows = Math.max(1, limits.blockRows);
  const runs: Run[] = [];
  let page = 0;
  let lastPage = -1;
  for (const missing of source.missing.sort((a, b) => a.row - b.row)) {
    while (starts[page + 1]! <= missing.row) page++;
    const first = starts[page]!;
    const start = first + Math.floor((missing.row - first) / blockRows) * blockRows;
    const end = Math.min(start + blockRows, starts[page + 1]!);
    const last = runs.at(-1);
    const isNear =
      last !== undefined &&
      page === lastPage &&
      (start - last.end) * rowBytes <= limits.gapBytes &&
      (end - last.start) * rowBytes <= MAX_RUN_BYTES;
    if (isNear) {
      last.end = Math.max(last.end, end);
      last.rows.push(missing);
    } else {
      runs.push({ source, start, end, offset: offsets[page]! + (start - first) * rowBytes, rows: [missing] });
    }
    lastPage = page;
  }
  return runs;
}

function noRow(fragmentId: number, row: number, { numRows }: FixedColumn): LanceError {
  return new LanceError("NOT_FOUND", `fragment ${fragmentId} has rows 0 to ${numRows - 1}; row ${row} was asked for`, {
    fragmentId,
    row,
    physicalRows: numRows,
  });
}
