import { LanceError } from "../errors.ts";
import { resolvePool } from "../pool/global-pool.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { getRuntime } from "../runtime.ts";
import { commitFiles } from "../table/commit/commit-files.ts";
import { deleteQuietly, requireWritable } from "../table/commit/publish.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { callGuarded } from "../tasks/guard-callback.ts";
import { encodeBase64 } from "./base64.ts";
import {
  createBuildTask,
  DEFAULT_MEMORY_BUDGET_BYTES,
  deleteSegments,
  getDefaultName,
  listSegmentFiles,
  type PoolOptions,
} from "./build.ts";
import { planReplacement } from "./check-commit.ts";
import { checkIndexName } from "./check-name.ts";
import { checkFragmentIds } from "./check-shape.ts";
import { commitExistingIndexSegments } from "./commit.ts";
import { createUntrainedIndex } from "./create-untrained.ts";
import { getColumnField } from "./fields.ts";
import { withGivenModel } from "./given-model.ts";
import { checkPoolOptions, type IndexParams } from "./params.ts";
import { planBuild } from "./plan-build.ts";
import { getFamilyByType } from "./registry.ts";
import { runTableJob } from "./run-job.ts";
import { runTasks } from "./run-tasks.ts";
import type { BuildTask, IndexSegment, TrainedModel } from "./segment.ts";

/** How an index is made. */
export interface CreateIndexOptions extends PoolOptions {
  /** Default `{column}_idx`. */
  readonly name?: string | undefined;
  /** Parameters of the index type, as `metric` or `numPartitions`. */
  readonly params?: IndexParams | undefined;
  /** Default true; false refuses a name that exists. */
  readonly replace?: boolean | undefined;
  /** Default true; false makes an index that covers no fragment yet: `optimizeIndices` builds it. */
  readonly train?: boolean | undefined;
  /** Default: all fragments. */
  readonly fragmentIds?: readonly number[] | undefined;
  /** Segments to build at once. Default and cap: the pool's workers; never more than the fragments. */
  readonly numWorkers?: number | undefined;
  /** Attempts per segment, the first included. Default 3. */
  readonly maxAttempts?: number | undefined;
  /** Hears of the version before a callback that throws can end the call. */
  readonly onCommitted?: ((snapshot: Snapshot) => void) | undefined;
}

/** What came of it. */
export interface CreatedIndex {
  /** The version the index is in. */
  readonly snapshot: Snapshot;
  readonly segments: readonly IndexSegment[];
}

/**
 * Makes an index: plans one segment per worker, trains what they share, builds them on the pool and commits them in one
 * transaction. A segment whose worker dies is built again, alone; when the build fails or is cancelled nothing of it is
 * visible.
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED, ALREADY_EXISTS, NOT_FOUND, SEGMENT_OVERLAP,
 * SEGMENT_INCOMPATIBLE, COMMIT_CONFLICT, QUOTA_EXCEEDED, WORKER_FAILED, ABORTED, IO
 */
export async function createIndex(
  snapshot: Snapshot,
  column: string,
  indexType: string,
  options: CreateIndexOptions & Rebuild = {},
): Promise<CreatedIndex> {
  checkPoolOptions(options);
  checkControls(options);
  const name = options.name ?? getDefaultName(column);
  if (options.train === false && options.fragmentIds !== undefined) {
    throw new LanceError("INVALID_ARGUMENT", "train: false covers no fragment: leave out fragmentIds", {
      fragmentIds: options.fragmentIds,
    });
  }
  const wanted = options.fragmentIds ?? snapshot.fragments.map(({ id }) => id);
  const fragmentIds = options.train === false ? [] : [...new Set(wanted)].sort((a, b) => a - b);
  await checkBefore(snapshot, column, indexType, { ...options, name, fragmentIds });
  if (options.train === false && (await getFamilyByType(indexType)).train) {
    const created = await createUntrainedIndex(snapshot, column, indexType, { ...options, name });
    options.onCommitted?.(created.snapshot);
    return created;
  }
  const { numWorkers } = options;
  const ownedWorkers = numWorkers === undefined ? undefined : Math.max(1, Math.min(numWorkers, fragmentIds.length));
  const { pool, owned } = resolvePool({ pool: options.pool, numWorkers, ownedWorkers });
  try {
    return await withGivenModel(snapshot, { column, indexType }, options, (plain) =>
      planTrainBuildCommit(snapshot, column, indexType, { ...options, ...plain, name, fragmentIds, pool }),
    );
  } finally {
    if (owned) await pool.close();
  }
}

interface Rebuild {
  /** The index is there and is built anew: when another writer drops it meanwhile, it stays dropped. */
  readonly mustExist?: boolean;
}

type Settled = CreateIndexOptions &
  Rebuild & {
    readonly name: string;
    readonly fragmentIds: readonly number[];
    readonly pool: WorkerPool;
    /** What need not be trained. */
    readonly model: TrainedModel | null;
  };

async function planTrainBuildCommit(
  snapshot: Snapshot,
  column: string,
  indexType: string,
  options: Settled,
): Promise<CreatedIndex> {
  const { name, pool, signal, onProgress, maxAttempts } = options;
  const shared = { indexName: name, pool, signal, onProgress, maxAttempts };
  const fragments = options.fragmentIds.map((id) => getFragment(snapshot, id));
  const groups = planBuild(fragments, Math.min(options.numWorkers ?? pool.numWorkers, pool.numWorkers));
  const budgetBytes = options.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES;
  const makeTask = (
    fragmentIds: readonly number[],
    model: TrainedModel | null,
    memoryBudgetBytes: number,
  ): Promise<BuildTask> =>
    createBuildTask(snapshot, column, indexType, {
      name,
      fragmentIds,
      params: options.params,
      model,
      memoryBudgetBytes,
    });

  const training = await makeTask(options.fragmentIds, options.model, budgetBytes);
  const mustTrain = (await getFamilyByType(indexType)).train !== undefined;
  const trainingRun = runTasks<TrainedModel | null>(
    snapshot,
    mustTrain ? [{ kind: "train", task: { ...training }, fragmentIds: options.fragmentIds }] : [],
    shared,
  );
  if (mustTrain) prepareWorkers(snapshot, pool, groups.length - 1, signal);
  const trained = await trainingRun;
  const model = trained.results[0] ?? null;
  const dropModel = (): Promise<void> =>
    deleteQuietly(requireWritable(snapshot.store, snapshot.uri), model ? [model.path] : []);
  if (trained.error) {
    await dropModel();
    throw trained.error;
  }

  const tasks = await Promise.all(
    groups.map((fragmentIds) => makeTask(fragmentIds, model, Math.floor(budgetBytes / groups.length))),
  );
  const built = await runTasks<IndexSegment>(
    snapshot,
    tasks.map((task) => ({ kind: "build", task: { ...task }, fragmentIds: task.fragmentIds })),
    shared,
  );
  const segments = built.results.filter((segment) => segment !== undefined);
  // The segments hold a copy of what they learned from it.
  await dropModel();
  if (built.error) {
    await deleteSegments(snapshot, segments);
    throw built.error;
  }
  const { now } = getRuntime();
  const started = now();
  const store = requireWritable(snapshot.store, snapshot.uri);
  const committed = await commitFiles(store, listSegmentFiles(segments), () =>
    commitExistingIndexSegments(snapshot, name, column, segments, { mustExist: options.mustExist, signal }),
  );
  const event = {
    kind: "commit",
    indexName: name,
    version: committed.version,
    segments: segments.length,
    milliseconds: now() - started,
  } as const;
  options.onCommitted?.(committed);
  callGuarded("onProgress", onProgress, event, { committed: true, version: committed.version });
  return { snapshot: committed, segments };
}

/** One worker trains: the others start meanwhile. What fails here fails again where it is reported. */
function prepareWorkers(
  snapshot: Snapshot,
  pool: WorkerPool,
  numWorkers: number,
  signal: AbortSignal | undefined,
): void {
  if (pool.inline) return;
  for (let i = 0; i < numWorkers; i++) {
    runTableJob(pool, snapshot, { kind: "index.prepare", payload: {} }, { signal }).catch(() => {});
  }
}

/** @throws INVALID_ARGUMENT for what is not of its type */
function checkControls({ numWorkers, maxAttempts, replace, train, fragmentIds }: CreateIndexOptions): void {
  const refuse = (name: string, expected: string, received: unknown): never => {
    throw new LanceError("INVALID_ARGUMENT", `${name}: expected ${expected}, received ${String(received)}`, {
      received: String(received),
    });
  };
  for (const [name, value] of Object.entries({ numWorkers, maxAttempts })) {
    if (value === undefined || (Number.isInteger(value) && value > 0)) continue;
    refuse(name, "a whole number of at least 1", value);
  }
  for (const [name, value] of Object.entries({ replace, train })) {
    if (value !== undefined && typeof value !== "boolean") refuse(name, "true or false", value);
  }
  if (fragmentIds !== undefined) checkFragmentIds("fragmentIds", fragmentIds);
}

/** Everything that can be refused before any work is done. */
async function checkBefore(
  snapshot: Snapshot,
  column: string,
  indexType: string,
  options: Omit<Settled, "pool" | "model">,
): Promise<void> {
  const { name, fragmentIds } = options;
  checkIndexName(name);
  requireWritable(snapshot.store, snapshot.uri);
  const field = getColumnField(snapshot, column);
  const family = await getFamilyByType(indexType);
  if (options.replace === false && snapshot.indices.some((index) => index.name === name)) {
    throw new LanceError(
      "ALREADY_EXISTS",
      `index "${name}" already exists: choose another name, or use replace: true`,
      {
        name,
      },
    );
  }
  const asked = options.params ?? {};
  const { params } = family.packGiven?.(field, asked) ?? { params: asked };
  const numRows = fragmentIds.reduce((sum, id) => sum + getFragment(snapshot, id).numRows, 0);
  const details = family.encodeDetails(family.resolveParams(field, params, numRows));
  const replacesAll = options.train === false && family.train !== undefined;
  const preview = {
    uuid: null,
    name,
    fragmentIds: replacesAll ? snapshot.fragments.map(({ id }) => id) : fragmentIds,
    indexDetails: { typeUrl: family.typeUrl, value: encodeBase64(details) },
  };
  await planReplacement(snapshot, name, field, [preview]);
}
