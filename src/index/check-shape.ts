import { LanceError } from "../errors.ts";
import { isRecord } from "../is-record.ts";
import { isUuid } from "../store/uuid.ts";
import type { BuildTask, IndexFile, IndexSegment, TrainedModel } from "./segment.ts";

/**
 * The shapes of the plain JSON that other threads, machines and users give back: each is checked here, once, before
 * anything of it is used. Keys no shape names are left alone, as newer releases may add some.
 */

/** What a value must be, in words, and whether it is. */
interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

type Shape<T> = { readonly [K in keyof Required<T>]: Rule };

const MAX_I32 = 2 ** 31 - 1;
const MAX_U32 = 2 ** 32 - 1;
const SHOWN_LENGTH = 80;

const TEXT: Rule = { expected: "text", accepts: (value) => typeof value === "string" };
const FRAGMENT_IDS = listOf("fragment ids", isWhole(MAX_U32));
const FIELD_IDS = listOf("field ids", isWhole(MAX_I32));
/** Joined to a directory, it must not lead out of it. */
const PATH: Rule = {
  expected: "a path inside the index's directory",
  accepts: (value) =>
    typeof value === "string" && value.split("/").every((part) => part !== "" && part !== "." && part !== ".."),
};

const FILE: Shape<IndexFile> = { path: PATH, sizeBytes: whole() };
const DETAILS: Shape<IndexSegment["indexDetails"]> = { typeUrl: TEXT, value: TEXT };

const SEGMENT: Shape<IndexSegment> = {
  uuid: { expected: "a lower-case uuid with dashes", accepts: isUuid },
  name: TEXT,
  fields: FIELD_IDS,
  datasetVersion: whole(),
  fragmentIds: {
    expected: "a list of different fragment ids",
    accepts: (value) => FRAGMENT_IDS.accepts(value) && new Set(value as number[]).size === (value as number[]).length,
  },
  indexVersion: whole(MAX_I32),
  createdAt: orNull(whole()),
  baseId: orNull(whole(MAX_U32)),
  files: orNull(listOf("files, each { path, sizeBytes }", (file) => fits(file, FILE))),
  indexDetails: { expected: "{ typeUrl, value }", accepts: (value) => fits(value, DETAILS) },
  coveringFields: { ...FIELD_IDS, accepts: (value) => value === undefined || FIELD_IDS.accepts(value) },
};

const MODEL: Shape<TrainedModel> = {
  path: PATH,
  sha256: { ...TEXT, expected: "a SHA-256 in lower-case hex" },
};

const TASK: Shape<BuildTask> = {
  uri: TEXT,
  version: { expected: "a whole number of at least 1", accepts: (value) => value !== 0 && whole().accepts(value) },
  column: TEXT,
  indexType: TEXT,
  name: TEXT,
  params: { expected: "an object", accepts: isRecord },
  fragmentIds: FRAGMENT_IDS,
  model: { expected: "{ path, sha256 }, or null", accepts: (value) => value === null || fits(value, MODEL) },
  memoryBudgetBytes: { expected: "a number above 0", accepts: (value) => typeof value === "number" && value > 0 },
};

/** Refuses what is no list of segments. @throws INVALID_ARGUMENT naming the call, the segment and what is wrong in it */
export function checkSegmentShapes(call: string, segments: unknown): asserts segments is readonly IndexSegment[] {
  if (!Array.isArray(segments)) throw refuse(`${call}: segments`, "a list of index segments", segments);
  for (const [i, segment] of segments.entries()) checkShape(`${call}: segments[${i}]`, segment, SEGMENT);
}

/** Refuses what is no task of a distributed build. @throws INVALID_ARGUMENT naming the call and what is wrong in it */
export function checkTaskShape(call: string, task: unknown): asserts task is BuildTask {
  checkShape(`${call}: task`, task, TASK);
}

/** Refuses what is neither a trained model nor absent. @throws INVALID_ARGUMENT */
export function checkModelShape(model: unknown): asserts model is TrainedModel | null | undefined {
  if (model !== undefined && model !== null) checkShape("model", model, MODEL);
}

/** Refuses what is no list of fragment ids. @throws INVALID_ARGUMENT */
export function checkFragmentIds(name: string, fragmentIds: unknown): asserts fragmentIds is readonly number[] {
  if (!FRAGMENT_IDS.accepts(fragmentIds)) throw refuse(name, FRAGMENT_IDS.expected, fragmentIds);
}

function checkShape<T>(what: string, value: unknown, shape: Shape<T>): void {
  if (!isRecord(value)) throw refuse(what, `an object of ${Object.keys(shape).join(", ")}`, value);
  for (const [key, { expected, accepts }] of Object.entries<Rule>(shape)) {
    if (!accepts(value[key])) throw refuse(`${what}.${key}`, expected, value[key]);
  }
}

function fits<T>(value: unknown, shape: Shape<T>): boolean {
  return isRecord(value) && Object.entries<Rule>(shape).every(([key, { accepts }]) => accepts(value[key]));
}

function isWhole(max = Number.MAX_SAFE_INTEGER): (value: unknown) => boolean {
  return (value) => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function whole(max?: number): Rule {
  return { expected: `a whole number from 0${max === undefined ? "" : ` to ${max}`}`, accepts: isWhole(max) };
}

function listOf(what: string, accepts: (value: unknown) => boolean): Rule {
  return {
    expected: `a list of ${what}`,
    // `every` of a list passes over its holes.
    accepts: (value) => Array.isArray(value) && Array.from(value).every(accepts),
  };
}

function orNull({ expected, accepts }: Rule): Rule {
  return { expected: `${expected}, or null`, accepts: (value) => value === null || accepts(value) };
}

function refuse(what: string, expected: string, value: unknown): LanceError {
  const received = showValue(value);
  return new LanceError("INVALID_ARGUMENT", `${what}: expected ${expected}, received ${received}`, {
    what,
    expected,
    received,
  });
}

function showValue(value: unknown): string {
  const show = (): string => JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}n` : part));
  try {
    const text = show() ?? String(value);
    return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
  } catch {
    // What holds itself has no JSON.
    return "an object";
  }
}
