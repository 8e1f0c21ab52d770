import type { RecordBatch } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { findFirst } from "../../search-sorted.ts";
import { createGiveWay, type GiveWay } from "../../tasks/give-way.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { halvesOf } from "../row-ids/row-addresses.ts";
import { getFragment, type Snapshot } from "../snapshot.ts";
import { gatherData } from "./gather-data.ts";
import { createNullData } from "./null-data.ts";
import { arrowSchemaOf, makeBatch } from "./record-batches.ts";
import { scanFragment } from "./scan-fragment.ts";

/** Rows of one fragment that were asked for. */
interface Wanted {
  readonly fragmentId: number;
  /** Ascending, distinct. */
  readonly offsets: Uint32Array;
  /** Batches of these rows, in order, and the row each begins with. */
  readonly batches: RecordBatch[];
  readonly starts: number[];
}

/** Fragments read at once. */
const CONCURRENCY = 8;

/** Rows put together at once: a few milliseconds of work, also where a row is a vector. */
const SLICE_ROWS = 8192;

/** Halves of addresses looked at between two turns, while rows are grouped. */
const GROUP_HALVES = 65_536;

/**
 * Rows by address, in the order asked for, repeats included; deleted rows are given too. Each fragment is read once,
 * for its distinct rows, ascending, so that neighbours share a read. Gives the event loop a turn between slices.
 *
 * @param addresses fragment id in the high 32 bits, physical offset in the low ones
 * @returns batches of 8,192 rows, the last one shorter; none for no addresses
 * @throws NOT_FOUND naming the fragment or row that is not there, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function takeBatches(
  snapshot: Snapshot,
  addresses: BigUint64Array,
  fields: readonly LanceField[],
  options: { signal?: AbortSignal | undefined; sliceRows?: number } = {},
): Promise<RecordBatch[]> {
  const { signal, sliceRows = SLICE_ROWS } = options;
  const giveWay = createGiveWay(signal);
  const schema = arrowSchemaOf(fields);
  const halves = halvesOf(addresses);
  const wanted = await groupByFragment(snapshot, halves, giveWay);
  const slices: RecordBatch[] = [];
  if (fields.length > 0) {
    await mapBounded([...wanted.values()], CONCURRENCY, async ({ fragmentId, offsets, batches, starts }) => {
      const rows = { kind: "indices", indices: offsets } as const;
      let start = 0;
      for await (const batch of scanFragment(snapshot, getFragment(snapshot, fragmentId), fields, rows, { signal })) {
        batches.push(batch);
        starts.push(start);
        start += batch.numRows;
      }
    });
  }
  for (let from = 0; from < addresses.length; from += sliceRows) {
    await giveWay();
    const part = halves.subarray(2 * from, 2 * Math.min(addresses.length, from + sliceRows));
    slices.push(fields.length === 0 ? makeBatch(schema, [], part.length / 2) : gatherRows(schema, wanted, part));
  }
  return slices;
}

/**
 * {@link takeBatches} as one batch.
 * @throws as {@link takeBatches}
 */
export async function takeAddresses(
  snapshot: Snapshot,
  addresses: BigUint64Array,
  fields: readonly LanceField[],
  options: { signal?: AbortSignal | undefined } = {},
): Promise<RecordBatch> {
  const sliceRows = Math.max(1, addresses.length);
  const [batch] = await takeBatches(snapshot, addresses, fields, { ...options, sliceRows });
  if (batch !== undefined) return batch;
  const schema = arrowSchemaOf(fields);
  const columns = schema.fields.map(({ type }) => createNullData(type, 0));
  return makeBatch(schema, columns, 0);
}

/** Rows of some addresses, in their order, out of the batches that were read. */
function gatherRows(
  schema: ReturnType<typeof arrowSchemaOf>,
  wanted: ReadonlyMap<number, Wanted>,
  halves: Uint32Array,
): RecordBatch {
  const numRows = halves.length / 2;
  const rows = new Uint32Array(numRows);
  const sources = new Uint32Array(numRows);
  const batches: RecordBatch[] = [];
  const sourceOf = new Map<RecordBatch, number>();
  let inOrder = true;
  for (let i = 0; i < numRows; i++) {
    const group = wanted.get(halves[2 * i + 1]!)!;
    const ordinal = findLast(group.offsets, halves[2 * i]!);
    const at = findLast(group.starts, ordinal);
    const batch = group.batches[at]!;
    let source = sourceOf.get(batch);
    if (source === undefined) {
      source = batches.push(batch) - 1;
      sourceOf.set(batch, source);
    }
    sources[i] = source;
    rows[i] = ordinal - group.starts[at]!;
    inOrder &&= rows[i] === i;
  }
  // Rows that were asked for as they were read need no copy.
  if (inOrder && batches.length === 1 && batches[0]!.numRows === numRows) return batches[0]!;
  const columns = schema.fields.map((_, i) =>
    gatherData(
      batches.map((batch) => batch.data.children[i]!),
      { rows, sources },
    ),
  );
  return makeBatch(schema, columns, numRows);
}

/** Distinct rows by fragment. @throws NOT_FOUND */
async function groupByFragment(
  snapshot: Snapshot,
  halves: Uint32Array,
  giveWay: GiveWay,
): Promise<Map<number, Wanted>> {
  const counts = new Map<number, number>();
  for (let i = 1; i < halves.length; i += 2) {
    if (i % GROUP_HALVES === 1) await giveWay();
    counts.set(halves[i]!, (counts.get(halves[i]!) ?? 0) + 1);
  }
  const parts = new Map<number, { offsets: Uint32Array; count: number }>();
  for (const [fragmentId, count] of counts) parts.set(fragmentId, { offsets: new Uint32Array(count), count: 0 });
  for (let i = 0; i < halves.length; i += 2) {
    if (i % GROUP_HALVES === 0) await giveWay();
    const part = parts.get(halves[i + 1]!)!;
    part.offsets[part.count++] = halves[i]!;
  }
  const wanted = new Map<number, Wanted>();
  for (const [fragmentId, { offsets: given }] of [...parts].sort(([a], [b]) => a - b)) {
    await giveWay();
    const offsets = sortDistinct(given);
    checkOffsets(snapshot, fragmentId, offsets);
    wanted.set(fragmentId, { fragmentId, offsets, batches: [], starts: [] });
  }
  return wanted;
}

/** Ascending, each once. Sorts `values`; without a comparator, which is some ten times as fast. */
function sortDistinct(values: Uint32Array): Uint32Array {
  let ascending = true;
  for (let i = 1; i < values.length && ascending; i++) ascending = values[i - 1]! < values[i]!;
  if (ascending) return values;
  values.sort();
  let count = 1;
  for (let i = 1; i < values.length; i++) if (values[i] !== values[i - 1]) values[count++] = values[i]!;
  return values.subarray(0, count);
}

/** Index of the last value that is at most `wanted`, of ascending values that begin with one. */
function findLast(values: ArrayLike<number>, wanted: number): number {
  return findFirst(values.length - 1, (i) => values[i + 1]! > wanted);
}

function checkOffsets(snapshot: Snapshot, fragmentId: number, offsets: Uint32Array): void {
  const { physicalRows } = getFragment(snapshot, fragmentId);
  const last = offsets[offsets.length - 1]!;
  if (last >= physicalRows) {
    throw new LanceError(
      "NOT_FOUND",
      `fragment ${fragmentId} has rows 0 to ${physicalRows - 1}; row ${last} was asked for`,
      { fragmentId, row: last, physicalRows },
    );
  }
}
