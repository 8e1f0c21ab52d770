import { type RecordBatch, Table } from "apache-arrow";
import { LanceError } from "../errors.ts";
import { findFirst } from "../search-sorted.ts";
import { readDeletions } from "../table/deletions/deletions.ts";
import { toRowAddress } from "../table/row-ids/row-addresses.ts";
import { takeBatches } from "../table/rows/take.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import { checkOptionNames, checkRowList } from "./check-options.ts";
import { assembleBatch } from "./output-batch.ts";
import { type ColumnSelection, resolveProjection } from "./projection.ts";
import { locateRowIds } from "./row-ids.ts";
import { readSystemColumns } from "./system-columns.ts";

/** What a take reads beside the rows it is given. */
export interface TakeOptions {
  /** As of a scan: names of columns and nested fields, or SQL expressions by output name. Default: all columns. */
  readonly columns?: ColumnSelection | undefined;
  readonly withRowId?: boolean | undefined;
  readonly withRowAddress?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Rows by their position among the live rows of the table, in the order asked for, repeats included.
 * @throws INVALID_ARGUMENT for a position outside of the table
 */
export async function takeOffsets(
  snapshot: Snapshot,
  offsets: ArrayLike<number>,
  options: TakeOptions,
): Promise<Table> {
  checkOptionNames(options, TAKE_KEYS, "take");
  return takeAt(snapshot, await locateOffsets(snapshot, offsets, options.signal), options);
}

/**
 * Rows by row id (`_rowid`), in the order asked for, repeats included.
 * @throws NOT_FOUND naming the first row that is not there or was deleted
 */
export async function takeRowIds(
  snapshot: Snapshot,
  rowIds: ArrayLike<bigint | number>,
  options: TakeOptions,
): Promise<Table> {
  checkOptionNames(options, TAKE_KEYS, "takeRows");
  const ids = toRowIds(rowIds);
  return takeAt(snapshot, await locateRowIds(snapshot, ids, options.signal), options);
}

const TAKE_KEYS = new Set<string>(["columns", "withRowId", "withRowAddress", "signal"] satisfies (keyof TakeOptions)[]);

/** Row ids given as numbers or bigints. @throws INVALID_ARGUMENT for anything that is none */
export function toRowIds(rowIds: ArrayLike<bigint | number>): BigUint64Array {
  checkRowList("takeRows", rowIds);
  return BigUint64Array.from(rowIds as ArrayLike<bigint>, readRowId);
}

function readRowId(id: bigint | number): bigint {
  if (typeof id === "bigint" ? id >= 0n && id < 2n ** 64n : Number.isSafeInteger(id) && id >= 0) return BigInt(id);
  throw new LanceError("INVALID_ARGUMENT", `takeRows: expected row ids, received ${String(id)}`, {
    received: String(id),
  });
}

async function takeAt(snapshot: Snapshot, addresses: BigUint64Array, options: TakeOptions): Promise<Table> {
  const projection = resolveProjection(snapshot.schema, options.columns, {
    distance: false,
    rowId: options.withRowId ?? false,
    rowAddress: options.withRowAddress ?? false,
  });
  const { signal } = options;
  const batches: RecordBatch[] = [];
  let at = 0;
  for (const stored of await takeBatches(snapshot, addresses, projection.fields, { signal })) {
    const part = addresses.slice(at, at + stored.numRows);
    at += stored.numRows;
    const system = await readSystemColumns(snapshot, part, projection.system, signal);
    batches.push(assembleBatch(projection, stored, system, stored.numRows));
  }
  return new Table(projection.schema, batches);
}

/** The addresses of rows by position among the live ones. @throws INVALID_ARGUMENT outside of the table */
export async function locateOffsets(
  snapshot: Snapshot,
  offsets: ArrayLike<number>,
  signal: AbortSignal | undefined,
): Promise<BigUint64Array> {
  checkRowList("take", offsets);
  const { fragments } = snapshot;
  const starts = [0];
  for (const fragment of fragments) starts.push(starts.at(-1)! + fragment.numRows);
  const total = starts.at(-1)!;
  const deletions = new Map<number, Uint32Array | null>();
  const addresses = new BigUint64Array(offsets.length);
  const giveWay = createGiveWay(signal);
  for (let i = 0; i < offsets.length; i++) {
    if (i % 8192 === 0) await giveWay();
    const offset = offsets[i]!;
    if (!Number.isSafeInteger(offset) || offset < 0 || offset >= total) {
      throw new LanceError("INVALID_ARGUMENT", `take: expected positions from 0 to ${total - 1}, received ${offset}`, {
        position: offset,
        numRows: total,
      });
    }
    const at = findSlot(starts, offset);
    const fragment = fragments[at]!;
    if (!deletions.has(at)) deletions.set(at, await readDeletions(snapshot, fragment, signal));
    addresses[i] = toRowAddress(fragment.id, toPhysical(offset - starts[at]!, deletions.get(at) ?? null));
  }
  return addresses;
}

/** Index of the last start that is at most `offset`. */
function findSlot(starts: readonly number[], offset: number): number {
  return findFirst(starts.length - 2, (i) => starts[i + 1]! > offset);
}

/** The physical offset of the n-th row that is not deleted: the least p with p − deletions before p = n. */
function toPhysical(live: number, deleted: Uint32Array | null): number {
  if (deleted === null) return live;
  return live + findFirst(deleted.length, (i) => deleted[i]! - i > live);
}
