import type { Data } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { readSlice } from "../../format/read/byte-source.ts";
import type { LanceField } from "../../format/schema.ts";
import type { ReadableStore } from "../../store/store.ts";
import { mapBounded, settleAll } from "../../tasks/settle-all.ts";
import type { FileCache } from "../file-cache.ts";
import { halvesOf } from "../row-ids/row-addresses.ts";
import type { Snapshot } from "../snapshot.ts";
import { type FixedColumn, locateFixedColumn } from "./fixed-column.ts";
import { planRuns, type Run } from "./plan-runs.ts";
import { type CachedRows, RowCache } from "./row-cache.ts";
import { takeAddresses } from "./take.ts";

/** What rows are taken of. */
export interface TakeFixedOptions {
  /** A column of fixed-size lists of numbers. */
  readonly field: LanceField;
  readonly rowBytes: number;
  /** Bytes of rows kept for the next time. */
  readonly maxBytes: number;
  /** Which rows of the column hold a value: bit i, LSB first; `undefined` = all. Asked where rows must be decoded. */
  readonly findValid: (values: Data) => Uint8Array | undefined;
  /** Where rows that need no decoding are read; default: the table's store. */
  readonly store?: ReadableStore | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Values of rows, in the order asked for. */
export interface FixedRows {
  readonly bytes: Uint8Array;
  /** Positions of rows that hold none; their bytes mean nothing. */
  readonly invalid: ReadonlySet<number>;
  /** Rows that were kept from before. */
  readonly numKept: number;
  /** Rows that were decoded: what they took to read is not asked of `store`. */
  readonly numDecoded: number;
}

/** What is read of one fragment. */
interface Source {
  readonly column: FixedColumn;
  readonly cached: CachedRows;
  /** Positions in the answer of the rows that are not kept. */
  readonly missing: number[];
}

/** Reads under way at once. */
const CONCURRENCY = 64;

/** Rows kept of the tables of this thread. Versions of a table share them, as they share its files. */
const caches = new WeakMap<FileCache, RowCache>();

/**
 * Rows by address, of a column of fixed width. Rows that are kept cost a copy. Others are read from where they lie, those
 * near to each other at once; where they must be decoded, as {@link takeAddresses} does.
 *
 * @throws NOT_FOUND naming the fragment or row that is not there, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function takeFixedRows(
  snapshot: Snapshot,
  addresses: BigUint64Array,
  options: TakeFixedOptions,
): Promise<FixedRows> {
  const { field, rowBytes, maxBytes, signal } = options;
  const halves = halvesOf(addresses);
  const fragmentIds = new Set<number>();
  for (let i = 1; i < halves.length; i += 2) fragmentIds.add(halves[i]!);
  const columns = await locateFixedColumn(snapshot, field, fragmentIds, signal);
  const cache = getRowCache(snapshot.files);
  cache.bound(maxBytes);
  const sources = new Map<number, Source>();
  for (const id of fragmentIds) {
    const column = columns.get(id)!;
    sources.set(id, { column, cached: cache.open(`${rowBytes} ${column.key}`, rowBytes), missing: [] });
  }
  const bytes = new Uint8Array(addresses.length * rowBytes);
  let numKept = 0;
  for (let i = 0; i < addresses.length; i++) {
    const row = halves[2 * i]!;
    const source = sources.get(halves[2 * i + 1]!)!;
    if (row >= source.column.numRows) throw refuseRow(halves[2 * i + 1]!, row, source.column);
    if (source.cached.copy(row, bytes, i * rowBytes)) numKept++;
    else source.missing.push(i);
  }
  const rows = { bytes, invalid: new Set<number>() };
  const reading = { rows, sources: [...sources.values()], options };
  const numDecoded = numKept < addresses.length ? await readMissing(snapshot, addresses, reading) : 0;
  return { ...rows, numKept, numDecoded };
}

/** Bytes of rows kept of a table's files. */
export function getKeptRowBytes(snapshot: Snapshot): number {
  return getRowCache(snapshot.files).bytes;
}

function getRowCache(files: FileCache): RowCache {
  const cache = caches.get(files) ?? new RowCache();
  caches.set(files, cache);
  return cache;
}

interface Reading {
  readonly rows: { readonly bytes: Uint8Array; readonly invalid: Set<number> };
  readonly sources: readonly Source[];
  readonly options: TakeFixedOptions;
}

/** @returns how many rows were decoded */
async function readMissing(snapshot: Snapshot, addresses: BigUint64Array, reading: Reading): Promise<number> {
  const { sources, options } = reading;
  const halves = halvesOf(addresses);
  const isPlain = ({ column }: Source) => column.plain?.layout.rowBytes === options.rowBytes;
  const runs = sources.filter(isPlain).flatMap((source) => {
    const missing = source.missing.map((at) => ({ row: halves[2 * at]!, at }));
    return planRuns(source.column.plain!.layout, missing, snapshot.store.capabilities?.gapBytes).map((run) => ({
      source,
      run,
    }));
  });
  const decoded = sources.filter((source) => !isPlain(source) && source.missing.length > 0);
  await settleAll([
    mapBounded(runs, CONCURRENCY, ({ source, run }) => readRun(snapshot, source, { run, reading })),
    decodeRows(snapshot, addresses, { ...reading, sources: decoded }),
  ]);
  return decoded.reduce((sum, { missing }) => sum + missing.length, 0);
}

async function readRun(
  snapshot: Snapshot,
  { column, cached }: Source,
  { run, reading: { rows, options } }: { readonly run: Run; readonly reading: Reading },
): Promise<void> {
  const { rowBytes, store = snapshot.store, signal } = options;
  const length = (run.end - run.start) * rowBytes;
  // Where rows cost little to read, what was read is kept as rows alone; from afar stores keep it too.
  const spare = snapshot.store.capabilities?.gapBytes === undefined ? getRowCache(snapshot.files).spare : undefined;
  const into = spare?.take(length);
  const read = await readSlice(store, column.plain!.path, { offset: run.offset, length, signal, into });
  const rowAt = (row: number) => read.subarray((row - run.start) * rowBytes, (row - run.start + 1) * rowBytes);
  for (const { row, at } of run.rows) rows.bytes.set(rowAt(row), at * rowBytes);
  for (let row = run.start; row < run.end; row++) cached.add(row, rowAt(row));
  if (into) spare!.give(into);
}

async function decodeRows(snapshot: Snapshot, addresses: BigUint64Array, reading: Reading): Promise<void> {
  const { rows, sources, options } = reading;
  const { field, rowBytes, findValid, signal } = options;
  const wanted = sources.flatMap(({ cached, missing }) => missing.map((at) => ({ cached, at })));
  if (wanted.length === 0) return;
  const picked = BigUint64Array.from(wanted, ({ at }) => addresses[at]!);
  const batch = await takeAddresses(snapshot, picked, [field], { signal });
  const data = batch.data.children[0]!;
  const items = data.children[0]!.values as ArrayBufferView;
  if (items.byteLength < wanted.length * rowBytes) {
    throw new LanceError("SCHEMA_MISMATCH", `column "${field.name}": expected ${rowBytes} bytes a row`, {
      column: field.name,
    });
  }
  const values = new Uint8Array(items.buffer, items.byteOffset, items.byteLength);
  const valid = findValid(data);
  const halves = halvesOf(picked);
  for (const [i, { cached, at }] of wanted.entries()) {
    const row = values.subarray(i * rowBytes, (i + 1) * rowBytes);
    rows.bytes.set(row, at * rowBytes);
    if (valid && ((valid[i >> 3]! >> (i & 7)) & 1) === 0) rows.invalid.add(at);
    else cached.add(halves[2 * i]!, row);
  }
}

function refuseRow(fragmentId: number, row: number, { numRows }: FixedColumn): LanceError {
  return new LanceError("NOT_FOUND", `fragment ${fragmentId} has rows 0 to ${numRows - 1}; row ${row} was asked for`, {
    fragmentId,
    row,
    physicalRows: numRows,
  });
}
