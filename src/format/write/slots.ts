import { type ArrowData, offsetAt, validityOf } from "./arrow-data.ts";
import { expandNulls } from "./bits.ts";
import type { ColumnLayer, LeafColumn } from "./leaf-column.ts";

/** Rows of one file column, taken apart: a level for each value, and for each null or empty list. */
export interface Slots {
  /** Levels of smaller codes stand for a value with a slot, also an invalid one. */
  readonly openBelow: number;
  readonly numLevels: number;
  /** `numLists` starts a row, 0 goes on in the innermost list; `null` for a column without lists. */
  readonly repetition: Uint8Array | null;
  /** Codes of the column's layers, 0 for a value; `null` when all are values. */
  readonly definition: Uint8Array | null;
  /** The values that have a slot, valid or not, as `[from, to)` pairs of indices into the leaf's data. */
  readonly ranges: readonly number[];
}

/**
 * Walks rows `[from, to)` from the root to the leaf.
 * @param chain the column's data at each layer
 */
export function expandRows(column: LeafColumn, chain: readonly ArrowData[], rows: { from: number; to: number }): Slots {
  let state: Slots = {
    numLevels: rows.to - rows.from,
    repetition: null,
    definition: null,
    ranges: [rows.from, rows.to],
    openBelow: 256,
  };
  let step = column.numLists;
  for (const [i, layer] of column.layers.entries()) {
    const data = chain[i]!;
    if (layer.kind === "list") {
      state = openLists(state, data, { layer, numLists: column.numLists, step: --step });
      continue;
    }
    state = { ...state, definition: markNulls(state, data, layer.nullCode) };
    if (layer.kind === "fixedSizeList") state = repeatLevels(state, layer.dimension);
  }
  return state;
}

function isAllNull(data: ArrowData): boolean {
  return data.type.typeId === 1;
}

function markNulls(state: Slots, data: ArrowData, code: number): Uint8Array | null {
  const { numLevels, ranges, definition, openBelow } = state;
  const validity = validityOf(data);
  if (!validity && !isAllNull(data)) return definition;
  const numValues = countRanges(ranges);
  const nulls = new Uint8Array(numValues);
  if (isAllNull(data)) nulls.fill(1);
  else {
    let filled = 0;
    for (let r = 0; r < ranges.length; r += 2) {
      const count = ranges[r + 1]! - ranges[r]!;
      expandNulls(nulls.subarray(filled, filled + count), validity!, data.offset + ranges[r]!, count);
      filled += count;
    }
  }
  if (definition === null && numValues === numLevels) {
    if (code !== 1) for (let i = 0; i < numValues; i++) nulls[i] = nulls[i]! * code;
    return nulls;
  }
  const marked = definition ? definition.slice() : new Uint8Array(numLevels);
  let value = 0;
  for (let level = 0; level < numLevels; level++) {
    const known = marked[level]!;
    if (known >= openBelow) continue;
    if (nulls[value++] === 1 && known === 0) marked[level] = code;
  }
  return marked;
}

function openLists(
  state: Slots,
  data: ArrowData,
  { layer, numLists, step }: { layer: ColumnLayer; numLists: number; step: number },
): Slots {
  const { numLevels, ranges, repetition, openBelow } = state;
  const definition = markNulls(state, data, layer.nullCode);
  const lengths = new Float64Array(numLevels);
  const childRanges: number[] = [];
  let total = 0;
  let level = 0;
  let hasEmpty = false;
  for (let r = 0; r < ranges.length; r += 2) {
    for (let index = ranges[r]!; index < ranges[r + 1]!; index++, level++) {
      while (definition !== null && definition[level]! >= openBelow) level++;
      if (definition !== null && definition[level] !== 0) continue;
      const start = offsetAt(data, index);
      const end = offsetAt(data, index + 1);
      lengths[level] = end - start;
      if (end === start) hasEmpty = true;
      else if (childRanges.at(-1) === start) childRanges[childRanges.length - 1] = end;
      else childRanges.push(start, end);
    }
  }
  for (let i = 0; i < numLevels; i++) total += Math.max(1, lengths[i]!);
  const opened = new Uint8Array(total).fill(step);
  const codes = definition !== null || hasEmpty ? new Uint8Array(total) : null;
  for (let i = 0, at = 0; i < numLevels; i++) {
    opened[at] = repetition === null ? numLists : repetition[i]!;
    if (codes && lengths[i] === 0) codes[at] = definition?.[i] || layer.emptyCode;
    at += Math.max(1, lengths[i]!);
  }
  return { numLevels: total, repetition: opened, definition: codes, ranges: childRanges, openBelow: layer.nullCode };
}

/** Items of fixed-size lists have slots of their own, also under a null list. There are no lists around them. */
function repeatLevels(state: Slots, dimension: number): Slots {
  const { numLevels, definition, ranges } = state;
  let repeated: Uint8Array | null = null;
  if (definition) {
    repeated = new Uint8Array(numLevels * dimension);
    for (let i = 0; i < numLevels; i++) repeated.fill(definition[i]!, i * dimension, (i + 1) * dimension);
  }
  return {
    ...state,
    numLevels: numLevels * dimension,
    definition: repeated,
    ranges: ranges.map((index) => index * dimension),
  };
}

function countRanges(ranges: readonly number[]): number {
  let count = 0;
  for (let r = 0; r < ranges.length; r += 2) count += ranges[r + 1]! - ranges[r]!;
  return count;
}

/** About the bytes rows `[from, to)` take in a page before any encoding; values under null lists count too. */
export function findLeafRange(
  column: LeafColumn,
  chain: readonly ArrowData[],
  rows: { from: number; to: number },
): { from: number; to: number; numLevels: number } {
  let { from, to } = rows;
  let numLevels = 0;
  for (const [i, layer] of column.layers.entries()) {
    if (layer.kind === "list") {
      numLevels += to - from;
      from = offsetAt(chain[i]!, from);
      to = offsetAt(chain[i]!, to);
    } else if (layer.kind === "fixedSizeList") {
      from *= layer.dimension;
      to *= layer.dimension;
    }
  }
  return { from, to, numLevels: numLevels + to - from };
}
