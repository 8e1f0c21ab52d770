import { LanceError } from "../../../errors.ts";
import type { LanceFile } from "../../../format/read/file.ts";
import { clampHnswParams, type HnswParams } from "./hnsw-params.ts";

/** JSON array of one JSON string a partition (index page, section 4). */
export const GRAPHS_KEY = "lance:hnsw";

/** What the metadata of the index file says of the graph of a partition. */
export interface GraphMetadata {
  readonly entry: number;
  readonly params: HnswParams;
  /** Where levels start among the rows of the partition in the index file, and the end. */
  readonly levels: Uint32Array;
}

/** As native writes it: levels without rows up to the highest there may be. */
export function encodeGraphMetadata({ entry, params, levels }: GraphMetadata): string {
  const { m, efConstruction, maxLevel } = params;
  const end = levels.at(-1) ?? 0;
  return JSON.stringify({
    entry_point: entry,
    // How far ahead native fetches rows: its default.
    params: { max_level: maxLevel, m, ef_construction: efConstruction, prefetch_distance: 2 },
    level_offsets: Array.from({ length: Math.max(levels.length, maxLevel + 1) }, (_, i) => levels[i] ?? end),
  });
}

/** The strings of all partitions. @throws CORRUPT */
export function readGraphStrings(index: LanceFile, numPartitions: number): readonly unknown[] {
  const strings = parseJson(index, index.metadata[GRAPHS_KEY]);
  if (Array.isArray(strings) && strings.length === numPartitions) return strings;
  const received = Array.isArray(strings) ? strings.length : strings === undefined ? "none" : "no list";
  throw corrupt(index, `expected ${GRAPHS_KEY} of ${numPartitions} partitions, received ${received}`);
}

/** @param numLists rows the partition has in the index file. @throws CORRUPT */
export function parseGraphMetadata(index: LanceFile, text: unknown, numLists: number): GraphMetadata {
  const {
    entry_point: entry,
    level_offsets: starts,
    params,
  } = (parseJson(index, text) ?? {}) as Record<string, unknown>;
  const told = Array.isArray(starts) ? starts : [];
  const isOrdered = told.every((start, i) => isRow(start) && start >= (i === 0 ? 0 : told[i - 1]));
  const levels = isOrdered ? countEntries(told, numLists) : [];
  if (!isRow(entry) || levels.length < 2 || levels[0] !== 0 || levels.at(-1) !== numLists) {
    throw corrupt(index, `a graph of ${numLists} lists with entry ${String(entry)} and levels ${told.slice(0, 9)}`);
  }
  const { m, ef_construction: efConstruction, max_level: maxLevel } = (params ?? {}) as Record<string, unknown>;
  return { entry, params: clampHnswParams({ m, efConstruction, maxLevel }), levels: Uint32Array.from(levels) };
}

/**
 * Native up to 10 wrote the entry's list on every level but counted it on none above the rows: starts of upper levels
 * lie too low, each by one more than the level below.
 */
function countEntries(starts: readonly number[], numLists: number): readonly number[] {
  const uncounted = starts.length - 2;
  if (uncounted <= 0 || starts.at(-1)! + uncounted !== numLists) return starts;
  return starts.map((start, level) => start + Math.max(0, level - 1));
}

function isRow(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

function parseJson(index: LanceFile, text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw corrupt(index, `${GRAPHS_KEY} is no JSON`, cause);
  }
}

function corrupt({ path }: LanceFile, what: string, cause?: unknown): LanceError {
  return new LanceError("CORRUPT", `${path}: ${what}`, { path }, { cause });
}
