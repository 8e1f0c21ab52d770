import type { RecordBatch } from "apache-arrow";
import { takeBatches } from "../table/rows/take.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import { assembleBatch } from "./output-batch.ts";
import type { Projection } from "./projection.ts";
import type { QueryContext } from "./query-context.ts";
import { readSystemColumns } from "./system-columns.ts";

/** Of the memory budget, what rows put in order may take: as they were read, and as they are given. */
const WINDOW_SHARE = 0.25;
/** Rows of the first window, so that the first batch comes soon. */
const FIRST_ROWS = 8192;
/** Rows of a window at most: their addresses are sorted in one go, some milliseconds. */
const MAX_ROWS = 1 << 18;
/** How much larger than the last a window may be: rows of the same columns may differ in size. */
const GROWTH = 8;

/**
 * Rows by address, in their order, as a projection has them. Rows in no order lie in every page of a file, so as many
 * are read at once as the memory budget allows, by the size of those before: a page is decoded once a window.
 */
export async function* readSorted(
  context: QueryContext,
  projection: Projection,
  sorted: AsyncIterable<BigUint64Array>,
  options: { readonly skip: number; readonly batchSize: number },
): AsyncGenerator<RecordBatch> {
  const { snapshot, signal } = context;
  const { batchSize } = options;
  const giveWay = createGiveWay(signal);
  const budgetBytes = Math.max(1, context.memoryBudgetBytes * WINDOW_SHARE);
  const roundRows = (rows: number) => Math.max(1, Math.floor(rows / batchSize)) * batchSize;
  let windowRows = roundRows(FIRST_ROWS);
  const read = async function* (addresses: BigUint64Array): AsyncGenerator<RecordBatch> {
    const { fields } = projection;
    const batches = await takeBatches(snapshot, addresses, fields, { signal, sliceRows: batchSize });
    let bytes = 0;
    for (let at = 0, from = 0; from < addresses.length; at++, from += batchSize) {
      await giveWay();
      const part = addresses.slice(from, from + batchSize);
      const stored = fields.length === 0 ? null : batches[at]!;
      const system = await readSystemColumns(snapshot, part, projection.system, signal);
      bytes += stored?.data.byteLength ?? 0;
      yield assembleBatch(projection, stored, system, part.length);
    }
    const fitting = budgetBytes / (2 * Math.max(1, bytes / addresses.length));
    windowRows = roundRows(Math.min(fitting, MAX_ROWS, GROWTH * addresses.length));
  };
  let skip = options.skip;
  const pending = new AddressQueue();
  for await (const part of sorted) {
    await giveWay();
    pending.add(part.subarray(Math.min(skip, part.length)));
    skip = Math.max(0, skip - part.length);
    while (pending.length >= windowRows) yield* read(pending.take(windowRows));
  }
  while (pending.length > 0) yield* read(pending.take(windowRows));
}

/** Addresses that come in parts and go in windows. */
class AddressQueue {
  readonly #parts: BigUint64Array[] = [];
  length = 0;

  add(part: BigUint64Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.length += part.length;
  }

  take(count: number): BigUint64Array {
    const taken = new BigUint64Array(Math.min(count, this.length));
    let at = 0;
    while (at < taken.length) {
      const [first] = this.#parts;
      const used = Math.min(first!.length, taken.length - at);
      taken.set(first!.subarray(0, used), at);
      at += used;
      if (used === first!.length) this.#parts.shift();
      else this.#parts[0] = first!.subarray(used);
    }
    this.length -= taken.length;
    return taken;
  }
}
