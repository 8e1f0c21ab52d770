import { NULL_LIST, type PageRows } from "./column-buffer.ts";

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

/** Builds the levels of a page, leaf first; a page without nulls and lists has none. */
export function buildLevels(rows: PageRows): PageLevels {
  const { nulls } = rows.items;
  const itemLayer = nulls ? LAYER.nullableItem : LAYER.allValidItem;
  const itemLevels = nulls ? 1 : 0;
  if (rows.listLengths === null) {
    return {
      layers: [itemLayer],
      count: rows.items.count,
      repetition: null,
      definition: nulls ? Uint16Array.from(nulls) : null,
      maxRepetition: 0,
      maxDefinition: itemLevels,
      maxVisible: itemLevels,
    };
  }
  return buildListLevels(rows.listLengths, rows.items.count, nulls, itemLayer, itemLevels);
}

function buildListLevels(
  lengths: Uint32Array,
  numItems: number,
  nulls: Uint8Array | null,
  itemLayer: number,
  itemLevels: number,
): PageLevels {
  let numNullLists = 0;
  let numEmptyLists = 0;
  for (let row = 0; row < lengths.length; row++) {
    if (lengths[row] === NULL_LIST) numNullLists++;
    else if (lengths[row] === 0) numEmptyLists++;
  }
  const nullLevel = itemLevels + 1;
  const emptyLevel = numNullLists > 0 ? itemLevels + 2 : itemLevels + 1;
  const maxDefinition = itemLevels + (numNullLists > 0 ? 1 : 0) + (numEmptyLists > 0 ? 1 : 0);
  const count = numItems + numNullLists + numEmptyLists;
  const repetition = new Uint16Array(count);
  const definition = maxDefinition > 0 ? new Uint16Array(count) : null;
  let at = 0;
  let item = 0;
  for (let row = 0; row < lengths.length; row++) {
    const length = lengths[row]!;
    repetition[at] = 1;
    if (length === NULL_LIST || length === 0) {
      definition![at++] = length === 0 ? emptyLevel : nullLevel;
      continue;
    }
    if (nulls !== null) for (let i = 0; i < length; i++) definition![at + i] = nulls[item + i]!;
    at += length;
    item += length;
  }
  const listLayer =
    numNullLists > 0
      ? numEmptyLists > 0
        ? LAYER.nullAndEmptyList
        : LAYER.nullableList
      : numEmptyLists > 0
        ? LAYER.emptyableList
        : LAYER.allValidList;
  return {
    layers: [itemLayer, listLayer],
    count,
    repetition,
    definition,
    maxRepetition: 1,
    maxDefinition,
    maxVisible: itemLevels,
  };
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
