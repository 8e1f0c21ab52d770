import { LanceError } from "../../../errors.ts";
import { type IndexParams, readIntegerParam } from "../../params.ts";

/** How the graph of a partition is built. */
export interface HnswParams {
  /** Links a row is given. */
  readonly m: number;
  /** Candidates looked at for a row. */
  readonly efConstruction: number;
  /** Levels at most. */
  readonly maxLevel: number;
}

/** Native's defaults (index page, section 4). */
export const DEFAULT_HNSW: HnswParams = { m: 20, efConstruction: 150, maxLevel: 7 };

export const HNSW_PARAMS = ["m", "efConstruction", "maxLevel"] as const;

/** Native refuses fewer links: graphs fall apart. */
const MIN_M = 4;
const MAX_M = 512;
const MAX_EF = 65_536;
const MAX_LEVELS = 64;

/** @throws INVALID_ARGUMENT */
export function resolveHnswParams(params: IndexParams): HnswParams {
  const m = readIntegerParam(params, "m", { min: MIN_M, max: MAX_M, fallback: DEFAULT_HNSW.m });
  const fallback = Math.max(m, DEFAULT_HNSW.efConstruction);
  const efConstruction = readIntegerParam(params, "efConstruction", { min: 1, max: MAX_EF, fallback });
  if (efConstruction < m) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `efConstruction must be at least m: a row with ${m} links needs as many candidates; received ${efConstruction}`,
      { efConstruction, m },
    );
  }
  const level = { min: 1, max: MAX_LEVELS, fallback: DEFAULT_HNSW.maxLevel };
  return { m, efConstruction, maxLevel: readIntegerParam(params, "maxLevel", level) };
}

/** Parameters as a file tells them, within what a build takes; native's defaults for what it does not tell. */
export function clampHnswParams(told: Readonly<Record<keyof HnswParams, unknown>>): HnswParams {
  const clamp = (value: unknown, fallback: number, [min, max]: readonly [number, number]): number =>
    typeof value === "number" && Number.isInteger(value) && value > 0 ? Math.min(max, Math.max(min, value)) : fallback;
  const m = clamp(told.m, DEFAULT_HNSW.m, [MIN_M, MAX_M]);
  return {
    m,
    efConstruction: Math.max(m, clamp(told.efConstruction, DEFAULT_HNSW.efConstruction, [1, MAX_EF])),
    maxLevel: clamp(told.maxLevel, DEFAULT_HNSW.maxLevel, [1, MAX_LEVELS]),
  };
}
