import { LanceError } from "../../../errors.ts";
import { type IndexParams, readIntegerParam } from "../../params.ts";
import type { VectorType } from "../../vector-type.ts";

const ROTATIONS = ["fast", "matrix"] as const;
/** Native's (index page, section 4). */
const DEFAULT_BITS = 5;

/** How rows are coded. */
export interface RabitParams {
  /** 1 to 9 a value. */
  readonly numBits: number;
  readonly rotationType: (typeof ROTATIONS)[number];
  /** A rotation of native's `build_rq_model`, as its JSON; absent: the seed decides. */
  readonly rabitqModel?: string;
}

/** @throws INVALID_ARGUMENT */
export function resolveRabitParams(params: IndexParams, { element, dimension }: VectorType): RabitParams {
  if (element === "u8" || dimension % 8 !== 0) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `IVF_RQ needs a column of floats whose dimension is a multiple of 8; received ${element === "u8" ? "bytes" : dimension}`,
      { element, dimension },
    );
  }
  const { rotationType = "fast", rabitqModel } = params;
  const found = ROTATIONS.find((known) => known === rotationType);
  if (!found) throw refuse("rotationType", ROTATIONS.join(" or "), rotationType);
  const numBits = readIntegerParam(params, "numBits", { min: 1, max: 9, fallback: DEFAULT_BITS });
  if (rabitqModel === undefined) return { numBits, rotationType: found };
  if (typeof rabitqModel !== "string") throw refuse("rabitqModel", "JSON as build_rq_model gives it", rabitqModel);
  const shared = parseSharedModel(rabitqModel, dimension);
  if ((params.numBits !== undefined && numBits !== shared.numBits) || found !== "fast") {
    throw refuse("rabitqModel", `a model of ${numBits} bits and a ${found} rotation`, rabitqModel);
  }
  return { numBits: shared.numBits, rotationType: "fast", rabitqModel };
}

/** The number `VectorIndexDetails` has for it. */
export function getRotationNumber(rotationType: unknown): number {
  return ROTATIONS.indexOf(rotationType as "fast");
}

/**
 * The signs in the JSON of native's `build_rq_model`, which its segments are built by.
 * @throws INVALID_ARGUMENT unless it is one of this dimension
 */
export function parseSharedModel(text: string, dimension: number): { numBits: number; signs: Uint8Array } {
  let model: Record<string, unknown>;
  try {
    model = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    model = {};
  }
  const { fast_rotation_signs: signs, rotation_type: kind, code_dim: codeDim, num_bits: numBits } = model;
  const isByte = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
  const isBits = Number.isInteger(numBits) && (numBits as number) >= 1 && (numBits as number) <= 9;
  const isSigns = Array.isArray(signs) && signs.length === dimension / 2 && signs.every(isByte);
  if (kind === "fast" && codeDim === dimension && isBits && isSigns) {
    return { numBits: numBits as number, signs: Uint8Array.from(signs as number[]) };
  }
  throw refuse("rabitqModel", `JSON as build_rq_model gives it for ${dimension} dimensions`, text);
}

function refuse(parameter: string, expected: string, received: unknown): LanceError {
  const shown = String(received).slice(0, 200);
  return new LanceError("INVALID_ARGUMENT", `${parameter}: expected ${expected}; received ${shown}`, {
    parameter,
    expected,
    received: shown,
  });
}
