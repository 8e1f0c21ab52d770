import { encodeSortKeys, type SortKeys } from "../expr/sort-key.ts";
import { halvesOf } from "../table/row-ids/row-addresses.ts";
import { createGiveWay, type GiveWay } from "../tasks/give-way.ts";
import type { SortKey } from "./order-by.ts";
import type { FilterBatch } from "./scan-batches.ts";
import { ADDRESS_BYTES, compareKeys, copyKey, type KeyRange, SortBuffer } from "./sort-buffer.ts";

/** How rows are put in order. */
export interface SortOptions {
  readonly keys: readonly SortKey[];
  /** Rows wanted from the start of the order; `null` = all. */
  readonly first: number | null;
  /** Bytes keys may take. */
  readonly budgetBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** Rows that are encoded before the least wanted of them are dropped. */
const PRUNE_ROWS = 65_536;
/** Of the budget, what one part of a sort in several parts is planned for: its keys are counted from a sample. */
const PART_SHARE = 0.4;
const MIN_SAMPLE_BYTES = 1 << 16;

/**
 * The addresses of rows in the order asked for, equal ones in table order. Memory is the keys of the rows wanted; where
 * those pass the budget, the keys are read again for each part of the order, the parts cut by a sample.
 *
 * @param scan gives the rows with the keys' columns, each time from the start
 */
export async function* sortRows(
  scan: () => AsyncIterable<FilterBatch>,
  options: SortOptions,
): AsyncGenerator<BigUint64Array> {
  const { keys, first, budgetBytes, signal } = options;
  const giveWay = createGiveWay(signal);
  const buffer = new SortBuffer();
  const random = createRandom();
  let share = 1;
  for await (const batch of scan()) {
    await giveWay();
    const encoded = encodeBatch(keys, batch);
    buffer.add(encoded, share === 1 ? undefined : () => random() < share);
    if (share === 1 && first !== null && buffer.numRows > Math.max(PRUNE_ROWS, 2 * first)) {
      await buffer.keepFirst(first, giveWay);
    }
    while (buffer.sizeBytes > budgetBytes && buffer.numRows > 1) {
      share /= 2;
      buffer.thin(0.5, random);
    }
  }
  if (share === 1) {
    yield* emit(buffer, await buffer.sort(giveWay), first);
    return;
  }
  yield* sortInParts(scan, buffer, { ...options, share, giveWay });
}

async function* sortInParts(
  scan: () => AsyncIterable<FilterBatch>,
  sample: SortBuffer,
  options: SortOptions & { readonly share: number; readonly giveWay: GiveWay },
): AsyncGenerator<BigUint64Array> {
  const { keys, first, budgetBytes, share, giveWay } = options;
  const estimate = sample.sizeBytes / share;
  const numParts = Math.ceil(estimate / Math.max(MIN_SAMPLE_BYTES, budgetBytes * PART_SHARE));
  const order = await sample.sort(giveWay);
  const cuts: KeyRange[] = [];
  for (let part = 1; part < numParts; part++) {
    cuts.push(copyKey(sample.key(order[Math.floor((part * order.length) / numParts)]!)));
  }
  sample.thin(0, () => 1);
  let left = first ?? Number.POSITIVE_INFINITY;
  for (let part = 0; part <= cuts.length && left > 0; part++) {
    const [low, high] = [cuts[part - 1], cuts[part]];
    const buffer = new SortBuffer();
    const isInside = (key: KeyRange) =>
      (low === undefined || compareKeys(key, low) >= 0) && (high === undefined || compareKeys(key, high) < 0);
    for await (const batch of scan()) {
      await giveWay();
      buffer.add(encodeBatch(keys, batch), isInside);
    }
    yield* emit(buffer, await buffer.sort(giveWay), left);
    left -= buffer.numRows;
  }
}

/** Addresses emitted at once. */
const EMIT_ROWS = 8192;

function* emit(buffer: SortBuffer, order: Uint32Array, first: number | null): Generator<BigUint64Array> {
  const count = Math.min(order.length, first ?? order.length);
  for (let from = 0; from < count; from += EMIT_ROWS) {
    yield buffer.addresses(order.subarray(from, Math.min(count, from + EMIT_ROWS)));
  }
}

function encodeBatch(keys: readonly SortKey[], { batch, addresses }: FilterBatch): SortKeys {
  const suffix = new Uint8Array(addresses.length * ADDRESS_BYTES);
  const view = new DataView(suffix.buffer);
  const halves = halvesOf(addresses);
  for (let row = 0; row < addresses.length; row++) {
    view.setUint32(row * ADDRESS_BYTES, halves[2 * row + 1]!);
    view.setUint32(row * ADDRESS_BYTES + 4, halves[2 * row]!);
  }
  return encodeSortKeys(keys, batch, { bytes: suffix, width: ADDRESS_BYTES });
}

/** Numbers from 0 to 1, the same ones every time (xorshift32). */
function createRandom(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
