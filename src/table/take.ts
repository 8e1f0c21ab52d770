import type { RecordBatch } from "apache-arrow";
import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import { gatherData } from "./gather-data.ts";
import { createNullData } from "./null-data.ts";
import { arrowSchemaOf, makeBatch } from "./record-batches.ts";
import { halvesOf } from "./row-addresses.ts";
import { scanFragment } from "./scan-fragment.ts";
import { getFragment, type Snapshot } from "./snapshot.ts";

/** Rows of one fragment that were asked for. */
interface Wanted {
  readonly fragmentId: number;
  /** Ascending, distinct. */
  readonly offsets: Uint32Array;
}

/** Fragments read at once. */
const CONCURRENCY = 8;

/**
 * Rows by address, in the order asked for, repeats included; deleted rows are given too. Each fragment is read once,
 * for its distinct rows, ascending, so that neighbours share a read.
 *
 * @param addresses fragment id in the high 32 bits, physical offset in the low ones
 * @throws NOT_FOUND naming the fragment or row that is not there, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function takeAddresses(
  snapshot: Snapshot,
  addresses: BigUint64Array,
  fields: readonly LanceField[],
  options: { signal?: AbortSignal | undefined } = {},
): Promise<RecordBatch> {
  const schema = arrowSchemaOf(fields);
  const { wanted, ordinals } = groupByFragment(addresses);
  for (const { fragmentId, offsets } of wanted) checkOffsets(snapshot, fragmentId, offsets);
  if (fields.length === 0) return makeBatch(schema, [], addresses.length);

  const perFragment: RecordBatch[][] = new Array(wanted.length);
  let next = 0;
  const work = async () => {
    for (let i = next++; i < wanted.length; i = next++) {
      const { fragmentId, offsets } = wanted[i]!;
      const batches: RecordBatch[] = [];
      const rows = { kind: "indices", indices: offsets } as const;
      for await (const batch of scanFragment(snapshot, getFragment(snapshot, fragmentId), fields, rows, options)) {
        batches.push(batch);
      }
      perFragment[i] = batches;
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.min(CONCURRENCY, wanted.length) }, work));
  for (const one of settled) if (one.status === "rejected") throw one.reason;

  const batches = perFragment.flat();
  if (batches.length === 0)
    return makeBatch(
      schema,
      schema.fields.map(({ type }) => createNullData(type, 0)),
      0,
    );
  if (batches.length === 1 && ordinals === undefined) return batches[0]!;
  const picks = locate(batches, addresses.length, ordinals);
  const columns = fields.map((_, i) =>
    gatherData(
      batches.map((batch) => batch.data.children[i]!),
      picks,
    ),
  );
  return makeBatch(schema, columns, addresses.length);
}

/** Distinct rows by fragment, and for each address its place among them (absent where that is the order asked for). */
function groupByFragment(addresses: BigUint64Array): { wanted: Wanted[]; ordinals: Uint32Array | undefined } {
  const halves = halvesOf(addresses);
  const compare = (a: number, b: number) => halves[2 * a + 1]! - halves[2 * b + 1]! || halves[2 * a]! - halves[2 * b]!;
  const order = Uint32Array.from(addresses, (_, i) => i);
  let ascending = true;
  for (let i = 1; i < order.length && ascending; i++) ascending = compare(i - 1, i) < 0;
  if (!ascending) order.sort(compare);
  const ordinals = new Uint32Array(addresses.length);
  const wanted: Wanted[] = [];
  const offsets = new Uint32Array(addresses.length);
  let distinct = 0;
  let start = 0;
  const close = (fragmentId: number) => {
    if (distinct > start) wanted.push({ fragmentId, offsets: offsets.slice(start, distinct) });
    start = distinct;
  };
  for (let i = 0; i < order.length; i++) {
    const at = order[i]!;
    const before = i > 0 ? order[i - 1]! : -1;
    if (i > 0 && halves[2 * before + 1] !== halves[2 * at + 1]) close(halves[2 * before + 1]!);
    if (i === 0 || compare(before, at) !== 0) offsets[distinct++] = halves[2 * at]!;
    ordinals[at] = distinct - 1;
  }
  if (order.length > 0) close(halves[2 * order[order.length - 1]! + 1]!);
  return { wanted, ordinals: ascending ? undefined : ordinals };
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

function locate(batches: readonly RecordBatch[], length: number, ordinals: Uint32Array | undefined) {
  const starts: number[] = [];
  let total = 0;
  for (const batch of batches) {
    starts.push(total);
    total += batch.numRows;
  }
  const distinctSource = new Uint32Array(total);
  const distinctRow = new Uint32Array(total);
  batches.forEach((batch, i) => {
    const start = starts[i]!;
    distinctSource.fill(i, start, start + batch.numRows);
    for (let row = 0; row < batch.numRows; row++) distinctRow[start + row] = row;
  });
  if (ordinals === undefined) return { rows: distinctRow, sources: distinctSource };
  const rows = new Uint32Array(length);
  const sources = new Uint32Array(length);
  for (let i = 0; i < length; i++) {
    rows[i] = distinctRow[ordinals[i]!]!;
    sources[i] = distinctSource[ordinals[i]!]!;
  }
  return { rows, sources };
}
