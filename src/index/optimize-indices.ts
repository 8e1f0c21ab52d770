import { LanceError } from "../errors.ts";
import { commitFiles } from "../table/commit/commit-files.ts";
import { deleteQuietly, requireWritable } from "../table/commit/publish.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { decodeBase64 } from "./base64.ts";
import { createIndexUncommitted, listSegmentFiles, POOL_OPTIONS, type PoolOptions } from "./build.ts";
import { commitExistingIndexSegments } from "./commit.ts";
import { createIndex } from "./create-index.ts";
import { mergeExistingIndexSegments } from "./merge.ts";
import { getEffectiveCoverage, isUntrained, listSegments } from "./metadata.ts";
import { writeModel } from "./model-file.ts";
import { locateSegment } from "./open-segment.ts";
import { checkCallOptions, checkPoolOptions } from "./params.ts";
import { findFamily, getNewestVersion, nameIndexType } from "./registry.ts";
import type { IndexFamily, IndexSegment } from "./segment.ts";

/** Which indexes are brought up to date, and how. */
export interface OptimizeIndicesOptions extends PoolOptions {
  /** Default: all. */
  readonly indexNames?: readonly string[] | undefined;
  /**
   * Segments, the newest ones, that are folded into one with the rows no segment covers yet. 0: those rows get a segment
   * of their own. Default: 1 for scalar indexes, 0 for vector indexes.
   */
  readonly numIndicesToMerge?: number | undefined;
  /** Builds and trains indexes anew over all rows. */
  readonly retrain?: boolean | undefined;
}

/** What became of one index. */
export interface OptimizedIndex {
  readonly name: string;
  /**
   * `unchanged`: nothing to do. `appended`: a new segment over new fragments. `merged`: segments folded into one.
   * `trained`: built for the first time, of an index made with `train: false`. `retrained`: built anew. `skipped`: its
   * kind cannot be built here.
   */
  readonly action: "unchanged" | "appended" | "merged" | "trained" | "retrained" | "skipped";
  /** Fragments that were not covered before. */
  readonly newFragmentIds: readonly number[];
  /** Segments it has now. */
  readonly numSegments: number;
}

/** What was done, and the version it left. */
export interface OptimizedIndices {
  readonly snapshot: Snapshot;
  readonly indices: readonly OptimizedIndex[];
}

interface Logical {
  readonly name: string;
  readonly segments: readonly IndexSegment[];
}

/**
 * Covers the fragments that indexes do not cover yet, and folds segments together. Vector segments are joined by one
 * built with the model of the newest. One commit for each index that changes; what was committed before a failure stands.
 *
 * @throws INVALID_ARGUMENT, INDEX_NOT_FOUND, UNSUPPORTED (an index named that cannot be built here),
 * SEGMENT_INCOMPATIBLE (segments of different models to be merged), COMMIT_CONFLICT, QUOTA_EXCEEDED, WORKER_FAILED,
 * CORRUPT, IO, ABORTED
 */
export async function optimizeIndices(
  snapshot: Snapshot,
  options: OptimizeIndicesOptions & { readonly onCommitted?: ((snapshot: Snapshot) => void) | undefined } = {},
): Promise<OptimizedIndices> {
  requireWritable(snapshot.store, snapshot.uri);
  checkOptions(options);
  const names = await listNames(snapshot, options.indexNames);
  const indices: OptimizedIndex[] = [];
  let current = snapshot;
  for (const name of names) {
    // Of the version that the one before left: it may hold what other writers did, too.
    const segments = (await listSegments(current, name)).map(({ segment }) => segment);
    if (segments.length === 0) continue;
    const done = await optimizeIndex(current, { name, segments }, options);
    if (done.snapshot !== current) options.onCommitted?.(done.snapshot);
    current = done.snapshot;
    const numSegments = current.indices.filter((each) => each.name === name).length;
    indices.push({ name, action: done.action, newFragmentIds: done.newFragmentIds, numSegments });
  }
  return { snapshot: current, indices };
}

type Done = Pick<OptimizedIndex, "action" | "newFragmentIds"> & { readonly snapshot: Snapshot };

async function optimizeIndex(snapshot: Snapshot, index: Logical, options: OptimizeIndicesOptions): Promise<Done> {
  const { name } = index;
  const family = await findBuilder(snapshot, index, options.indexNames !== undefined);
  if (family === undefined) return { snapshot, action: "skipped", newFragmentIds: [] };
  const segments = index.segments.filter((segment) => !family.train || !isUntrained(segment));
  const covered = new Set(segments.flatMap((segment) => getEffectiveCoverage(segment, snapshot)));
  const newFragmentIds = snapshot.fragments.map(({ id }) => id).filter((id) => !covered.has(id));
  const newest = segments.at(-1) ?? index.segments.at(-1)!;
  const { field } = locateSegment(snapshot, newest);
  const { pool, memoryBudgetBytes, signal, onProgress } = options;
  const shared = { pool, memoryBudgetBytes, signal, onProgress };
  const rebuild = { ...shared, name, mustExist: true };
  if (segments.length === 0) {
    if (snapshot.fragments.every(({ numRows }) => numRows === 0)) {
      return { snapshot, action: "unchanged", newFragmentIds: [] };
    }
    const details = decodeBase64(newest.indexDetails.value, "indexDetails.value");
    const params = family.readParams?.(details) ?? {};
    const built = await createIndex(snapshot, field.name, family.displayName(details), { ...rebuild, params });
    return { snapshot: built.snapshot, action: "trained", newFragmentIds };
  }
  if (options.retrain === true) {
    const { params } = await family.readRecipe(locateSegment(snapshot, newest), signal);
    const indexType = family.displayName(decodeBase64(newest.indexDetails.value, "indexDetails.value"));
    const built = await createIndex(snapshot, field.name, indexType, { ...rebuild, params });
    return { snapshot: built.snapshot, action: "retrained", newFragmentIds };
  }
  const numToMerge = options.numIndicesToMerge ?? (family.queryKind === "vector" ? 0 : 1);
  // The last of a list: all of it for a number that is too large, nothing for 0.
  const chosen = numToMerge === 0 ? [] : segments.slice(-numToMerge);
  if (newFragmentIds.length === 0 && chosen.length < 2) return { snapshot, action: "unchanged", newFragmentIds };
  const build = (): Promise<IndexSegment> =>
    chosen.length === 0
      ? buildLike(snapshot, newest, family, newFragmentIds, shared)
      : mergeExistingIndexSegments(snapshot, chosen, { ...shared, newFragmentIds });
  const built = await build();
  const store = requireWritable(snapshot.store, snapshot.uri);
  const committed = await commitFiles(store, listSegmentFiles([built]), () =>
    commitExistingIndexSegments(snapshot, name, field.name, [built], { mustExist: true, signal }),
  );
  return { snapshot: committed, action: chosen.length === 0 ? "appended" : "merged", newFragmentIds };
}

/** A segment over some fragments as another one was built: with its model and its parameters. */
async function buildLike(
  snapshot: Snapshot,
  segment: IndexSegment,
  family: IndexFamily,
  fragmentIds: readonly number[],
  options: PoolOptions,
): Promise<IndexSegment> {
  const store = requireWritable(snapshot.store, snapshot.uri);
  const open = locateSegment(snapshot, segment);
  const recipe = await family.readRecipe(open, options.signal);
  const model = recipe.model === null ? null : await writeModel(store, recipe.model, options.signal);
  const indexType = family.displayName(decodeBase64(segment.indexDetails.value, "indexDetails.value"));
  const { name } = segment;
  const { params } = recipe;
  try {
    const built = await createIndexUncommitted(snapshot, open.field.name, indexType, {
      ...options,
      name,
      fragmentIds,
      params,
      model,
    });
    // What the index was asked for stays on record, as native's hints.
    return { ...built, indexDetails: segment.indexDetails };
  } finally {
    if (model) await deleteQuietly(store, [model.path]);
  }
}

/** Names of the indexes chosen, by name where none are. @throws INDEX_NOT_FOUND naming those there are */
async function listNames(snapshot: Snapshot, names: readonly string[] | undefined): Promise<readonly string[]> {
  const known = new Set(snapshot.indices.map(({ name }) => name).filter((name) => !name.startsWith("__")));
  const missing = names?.filter((name) => !known.has(name)) ?? [];
  if (missing.length > 0) {
    throw new LanceError(
      "INDEX_NOT_FOUND",
      `no index ${missing.map((name) => `"${name}"`).join(", ")}; the table has ${[...known].map((name) => `"${name}"`).join(", ") || "none"}`,
      { missing, known: [...known] },
    );
  }
  return names ?? [...known].sort();
}

/** The family that can build what an index needs; `undefined` where there is none. @throws UNSUPPORTED where it was named */
async function findBuilder(snapshot: Snapshot, index: Logical, named: boolean): Promise<IndexFamily | undefined> {
  const newest = index.segments.at(-1)!;
  const family = await findFamily(newest);
  const isTopLevel = snapshot.schema.fields.some(({ id }) => newest.fields.length === 1 && id === newest.fields[0]);
  const readable =
    family !== undefined && index.segments.every(({ indexVersion }) => indexVersion <= getNewestVersion(family));
  if (readable && isTopLevel && (newest.coveringFields ?? []).length === 0) return family;
  if (!named) return undefined;
  throw new LanceError(
    "UNSUPPORTED",
    `index "${index.name}" (${await nameIndexType(newest)} on fields ${newest.fields.join(", ")}) cannot be built by this version; optimize it with native Lance`,
    { name: index.name },
  );
}

const OPTIONS = [...POOL_OPTIONS, "indexNames", "numIndicesToMerge", "retrain", "onCommitted"];

function checkOptions(options: OptimizeIndicesOptions): void {
  checkCallOptions("optimizeIndices", options, OPTIONS);
  checkPoolOptions(options);
  const { numIndicesToMerge, indexNames, retrain } = options;
  if (retrain !== undefined && typeof retrain !== "boolean") {
    throw new LanceError("INVALID_ARGUMENT", `retrain: expected true or false, received ${String(retrain)}`, {
      retrain,
    });
  }
  if (numIndicesToMerge !== undefined && !(Number.isSafeInteger(numIndicesToMerge) && numIndicesToMerge >= 0)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `numIndicesToMerge: expected a whole number of at least 0, received ${numIndicesToMerge}`,
      { numIndicesToMerge },
    );
  }
  if (
    indexNames !== undefined &&
    !(Array.isArray(indexNames) && indexNames.every((name) => typeof name === "string"))
  ) {
    throw new LanceError("INVALID_ARGUMENT", "indexNames: expected a list of names", {});
  }
}
