import type { LeafColumn } from "./leaf-column.ts";

/** What a level of a page means (format page section 2.2, `RepDefLayer`). */
export const LAYER = {
  allValidItem: 1,
  allValidList: 2,
  nullableItem: 3,
  nullableList: 4,
  emptyableList: 5,
  nullAndEmptyList: 6,
} as const;

/**
 * Repetition and definition levels of a page. Definition 0 is valid, and layers take their levels leaf first. Repetition
 * `maxRepetition` starts a row, smaller ones an inner list, 0 goes on in the innermost one.
 */
export interface PageLevels {
  /** Leaf first. */
  readonly layers: number[];
  readonly count: number;
  readonly repetition: Uint16Array | null;
  readonly definition: Uint16Array | null;
  /** Lists around the item; 0 for none. */
  readonly maxRepetition: number;
  readonly maxDefinition: number;
  /** Levels at most this stand for an item; higher ones for a null or empty list. */
  readonly maxVisible: number;
}

/** What a page's rows were taken apart into. */
export interface PageSlots {
  readonly numLevels: number;
  readonly repetition: Uint8Array | null;
  /** Codes of the column's layers; `null` when there is a value at every level. */
  readonly definition: Uint8Array | null;
}

/**
 * The levels of a page: only what occurs in it gets a number, so that a page without nulls and lists has none.
 * @param options.isOnlyPage else structs around lists get their number anyway: native counts the rows of such a struct
 *   wrongly where pages with and without nulls of it stand side by side
 */
export function buildLevels(column: LeafColumn, slots: PageSlots, options: { isOnlyPage: boolean }): PageLevels {
  const used = new Uint8Array(256);
  if (slots.definition) for (let i = 0; i < slots.numLevels; i++) used[slots.definition[i]!] = 1;
  if (!options.isOnlyPage) markStructsAroundLists(column, used);
  const numbers = new Uint16Array(256);
  const layers: number[] = [];
  let maxDefinition = 0;
  let maxVisible: number | undefined;
  for (let i = column.layers.length - 1; i >= 0; i--) {
    const { kind, nullCode, emptyCode } = column.layers[i]!;
    const hasNulls = used[nullCode] === 1;
    if (kind !== "list") {
      layers.push(hasNulls ? LAYER.nullableItem : LAYER.allValidItem);
      if (hasNulls) numbers[nullCode] = ++maxDefinition;
      continue;
    }
    maxVisible ??= maxDefinition;
    const hasEmpty = used[emptyCode] === 1;
    // Readers find the lists of null structs only in lists that may be null themselves.
    const mayBeNull = hasNulls || endsAtNullStruct(column, i, used);
    if (mayBeNull) numbers[nullCode] = ++maxDefinition;
    if (hasEmpty) numbers[emptyCode] = ++maxDefinition;
    if (mayBeNull) layers.push(hasEmpty ? LAYER.nullAndEmptyList : LAYER.nullableList);
    else layers.push(hasEmpty ? LAYER.emptyableList : LAYER.allValidList);
  }
  return {
    layers,
    count: slots.numLevels,
    repetition: slots.repetition ? Uint16Array.from(slots.repetition) : null,
    definition: maxDefinition > 0 ? renumber(slots, numbers) : null,
    maxRepetition: column.numLists,
    maxDefinition,
    maxVisible: maxVisible ?? maxDefinition,
  };
}

/** Whether there are null structs between a list and the one around it. */
function endsAtNullStruct(column: LeafColumn, list: number, used: Uint8Array): boolean {
  for (let i = list - 1; i >= 0 && column.layers[i]!.kind !== "list"; i--) {
    if (used[column.layers[i]!.nullCode] === 1) return true;
  }
  return false;
}

function markStructsAroundLists({ layers }: LeafColumn, used: Uint8Array): void {
  const innermostList = layers.findLastIndex((layer) => layer.kind === "list");
  for (let i = 0; i < innermostList; i++) {
    const { kind, nullable, nullCode } = layers[i]!;
    if (kind !== "list" && nullable) used[nullCode] = 1;
  }
}

function renumber({ definition, numLevels }: PageSlots, numbers: Uint16Array): Uint16Array {
  const levels = new Uint16Array(numLevels);
  if (definition) for (let i = 0; i < numLevels; i++) levels[i] = numbers[definition[i]!]!;
  return levels;
}

/** One byte per value of a page, 1 = not valid; `null` when all are. */
export function findNulls(levels: PageLevels, numValues: number): Uint8Array | null {
  const { definition, maxVisible, count } = levels;
  if (definition === null || maxVisible === 0) return null;
  const nulls = new Uint8Array(numValues);
  let value = 0;
  for (let level = 0; level < count; level++) {
    const found = definition[level]!;
    if (found <= maxVisible) nulls[value++] = found > 0 ? 1 : 0;
  }
  return nulls;
}

/** Levels `[from, to)`, as views; numbered as the whole. */
export function sliceLevels(levels: PageLevels, from: number, to: number): PageLevels {
  if (from === 0 && to === levels.count) return levels;
  return {
    ...levels,
    count: to - from,
    repetition: levels.repetition?.subarray(from, to) ?? null,
    definition: levels.definition?.subarray(from, to) ?? null,
  };
}
