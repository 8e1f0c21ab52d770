import type { RecordBatch } from "apache-arrow";
import type { RowSelection } from "../format/read/row-ranges.ts";
import { readLiveRows } from "../table/deletions.ts";
import type { Fragment } from "../table/fragment.ts";
import { addressesOf } from "../table/row-addresses.ts";
import type { RowSet } from "../table/row-set.ts";
import { scanFragment } from "../table/scan-fragment.ts";
import { getFragment } from "../table/snapshot.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import { evaluateIndexed } from "./evaluate-filter.ts";
import { FILTER_BATCH_ROWS } from "./filter-fragments.ts";
import { type FilterPlan, isConstantFilter } from "./filter-plan.ts";
import { matchRows } from "./match-rows.ts";
import { assembleBatch } from "./output-batch.ts";
import type { ScanPlan } from "./plan-scan.ts";
import type { QueryContext } from "./query-context.ts";
import { identifyRows } from "./row-ids.ts";
import { selectRows } from "./select-rows.ts";

/** The rows of a scan without a nearest query, in table order. Memory is one batch and one bit a row. */
export async function* scanRows(context: QueryContext, plan: ScanPlan): AsyncGenerator<RecordBatch> {
  const window = new RowWindow(plan.offset, plan.limit);
  const indexed = plan.filter === null ? null : await evaluateIndexed(context, plan.filter);
  for (const id of plan.fragmentIds) {
    if (window.isDone) return;
    const fragment = getFragment(context.snapshot, id);
    for await (const selection of selectFragment(context, plan, fragment, indexed)) {
      const cut = window.cut(selection, fragment.physicalRows);
      if (cut !== null) yield* readSelection(context, plan, fragment, cut);
      if (window.isDone) return;
    }
  }
}

/** Number of rows of such a scan. Reads only the filter's columns and deletion counts. */
export async function countRows(context: QueryContext, plan: ScanPlan): Promise<number> {
  if (plan.filter === null) {
    const total = plan.fragmentIds.reduce((sum, id) => sum + getFragment(context.snapshot, id).numRows, 0);
    return Math.min(Math.max(0, total - plan.offset), plan.limit ?? Number.POSITIVE_INFINITY);
  }
  const window = new RowWindow(plan.offset, plan.limit);
  const indexed = await evaluateIndexed(context, plan.filter);
  let count = 0;
  for (const id of plan.fragmentIds) {
    const fragment = getFragment(context.snapshot, id);
    for await (const selection of selectFragment(context, plan, fragment, indexed)) {
      const cut = window.cut(selection, fragment.physicalRows);
      if (cut !== null) count += countSelected(cut, fragment.physicalRows);
      if (window.isDone) return count;
    }
  }
  return count;
}

/** The physical rows of one fragment that the scan returns, a piece at a time. */
async function* selectFragment(
  context: QueryContext,
  plan: ScanPlan,
  fragment: Fragment,
  indexed: RowSet | null,
): AsyncGenerator<RowSelection> {
  const { snapshot, signal, statistics } = context;
  const { filter } = plan;
  if (filter?.indexedFragmentIds.includes(fragment.id)) {
    yield selectRows(fragment, indexed);
    return;
  }
  if (filter !== null && !filter.flatFragmentIds.includes(fragment.id)) return;
  const live =
    fragment.numDeletedRows === 0 ? null : await readLiveRows(snapshot, { fragmentIds: [fragment.id], signal });
  const selection = selectRows(fragment, live);
  if (filter === null) yield selection;
  else if (isConstantFilter(filter.bound)) {
    if (filter.bound.kind === "constant" && filter.bound.value === true) yield selection;
  } else {
    statistics.addFlat(fragment.id, fragment.numRows);
    yield* gatherMatches(context, plan, filter, fragment, selection);
  }
}

/** Matches of a fragment, put together until they fill a batch, so that few rows are read at a time in few reads. */
async function* gatherMatches(
  context: QueryContext,
  plan: ScanPlan,
  filter: FilterPlan,
  fragment: Fragment,
  selection: RowSelection,
): AsyncGenerator<RowSelection> {
  let held: Uint32Array[] = [];
  let count = 0;
  const enough = Math.min(plan.batchSize, plan.limit === null ? plan.batchSize : plan.offset + plan.limit);
  const matches = matchRows(context.snapshot, fragment, filter.bound, selection, {
    batchRows: FILTER_BATCH_ROWS,
    signal: context.signal,
  });
  for await (const offsets of matches) {
    if (offsets.length === 0) continue;
    held.push(offsets);
    count += offsets.length;
    if (count < enough) continue;
    yield { kind: "indices", indices: concat(held, count) };
    held = [];
    count = 0;
  }
  if (count > 0) yield { kind: "indices", indices: concat(held, count) };
}

async function* readSelection(
  context: QueryContext,
  plan: ScanPlan,
  fragment: Fragment,
  selection: RowSelection,
): AsyncGenerator<RecordBatch> {
  const { snapshot, signal } = context;
  const { projection, batchSize: batchRows } = plan;
  const offsets = new OffsetCursor(selection);
  const emit = (stored: RecordBatch | null, numRows: number) => {
    const rowAddresses = addressesOf(fragment.id, offsets.take(numRows));
    return assembleBatch(projection, stored, { rowAddresses, rowIds: identifyRows(snapshot, rowAddresses) }, numRows);
  };
  if (projection.fields.length === 0) {
    const giveWay = createGiveWay(signal);
    for (let left = countSelected(selection, fragment.physicalRows); left > 0; left -= batchRows) {
      await giveWay();
      yield emit(null, Math.min(left, batchRows));
    }
    return;
  }
  for await (const stored of scanFragment(snapshot, fragment, projection.fields, selection, { batchRows, signal })) {
    yield emit(stored, stored.numRows);
  }
}

function countSelected(selection: RowSelection, physicalRows: number): number {
  if (selection.kind === "all") return physicalRows;
  if (selection.kind === "indices") return selection.indices.length;
  return selection.ranges.reduce((sum, [start, end]) => sum + end - start, 0);
}

function concat(parts: readonly Uint32Array[], length: number): Uint32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint32Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** OFFSET and LIMIT over the pieces of a scan. */
class RowWindow {
  #skip: number;
  #left: number;

  constructor(offset: number, limit: number | null) {
    this.#skip = offset;
    this.#left = limit ?? Number.POSITIVE_INFINITY;
  }

  get isDone(): boolean {
    return this.#left <= 0;
  }

  /** The part of a selection inside of the window, or `null`. */
  cut(selection: RowSelection, physicalRows: number): RowSelection | null {
    const count = countSelected(selection, physicalRows);
    const from = Math.min(this.#skip, count);
    const to = Math.min(count, from + this.#left);
    this.#skip -= from;
    this.#left -= to - from;
    if (to <= from) return null;
    if (from === 0 && to === count) return selection;
    if (selection.kind === "indices") return { kind: "indices", indices: selection.indices.subarray(from, to) };
    return { kind: "ranges", ranges: [[from, to]] };
  }
}

/** Physical offsets of the rows of a selection, in order. */
class OffsetCursor {
  readonly #selection: RowSelection;
  #position = 0;

  constructor(selection: RowSelection) {
    this.#selection = selection;
  }

  take(count: number): Uint32Array {
    const from = this.#position;
    this.#position += count;
    if (this.#selection.kind === "indices") return this.#selection.indices.subarray(from, from + count);
    const first = this.#selection.kind === "ranges" ? (this.#selection.ranges[0]?.[0] ?? 0) : 0;
    return Uint32Array.from({ length: count }, (_, i) => first + from + i);
  }
}
