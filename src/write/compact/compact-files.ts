import { create } from "@bufbuild/protobuf";
import { decodeBase64 } from "../../index/base64.ts";
import { listSegmentFiles } from "../../index/build.ts";
import { holdsRowAddresses } from "../../index/registry.ts";
import type { RewrittenGroup } from "../../index/remap-segment.ts";
import type { DataFragment } from "../../proto/gen/lance/table_pb.ts";
import { Transaction_ReserveFragmentsSchema, Transaction_RewriteSchema } from "../../proto/gen/lance/transaction_pb.ts";
import { parseUuid } from "../../store/uuid.ts";
import { commit } from "../../table/commit/commit.ts";
import { commitFiles } from "../../table/commit/commit-files.ts";
import { deleteQuietly, requireWritable } from "../../table/commit/publish.ts";
import { checkWriterFlags } from "../../table/manifest/feature-flags.ts";
import { getFragment, openVersion, type Snapshot } from "../../table/snapshot.ts";
import { callGuarded } from "../../tasks/guard-callback.ts";
import { listDataFiles } from "../data-files.ts";
import { retryConflicts } from "../retry-conflicts.ts";
import {
  type CompactionMetrics,
  type CompactionOptions,
  type ResolvedOptions,
  resolveOptions,
} from "./compaction-options.ts";
import { buildFragmentReuse } from "./fragment-reuse.ts";
import { type CompactionTask, planCompaction } from "./plan-compaction.ts";
import { type HeldBack, type IndexCoverage, readIndexCoverage } from "./read-coverage.ts";
import { remapSegments } from "./remap-segments.ts";
import { type RewrittenTask, runRewrites } from "./run-rewrites.ts";

/** What a compaction did, and the version it left. */
export interface CompactionResult {
  /** The newest version; the one that was there when nothing was to be done. */
  readonly snapshot: Snapshot;
  readonly metrics: CompactionMetrics;
}

/**
 * Joins small fragments and drops deleted rows, without changing their order inside of a task. Index segments over
 * fragments that move are written anew; rows keep their stable ids where the table has them.
 *
 * Starts from the newest version. Large tables are compacted in several commits, each whole: what another writer
 * changed meanwhile is planned again. Memory is a batch and the writer's pages per task, a remap's budget, and with
 * stable row ids 24 bytes a row of one task.
 *
 * @throws INVALID_ARGUMENT, UNSUPPORTED (a table of version 2.0, types that cannot be written), COMMIT_CONFLICT (commits
 * made before it stand), CORRUPT, QUOTA_EXCEEDED, WORKER_FAILED, IO, ABORTED; nothing of an unfinished group is left
 */
export async function compactFiles(
  snapshot: Snapshot,
  options: CompactionOptions & {
    /** Hears of every version committed, also where a later group fails. */
    readonly onCommitted?: ((snapshot: Snapshot) => void) | undefined;
  } = {},
): Promise<CompactionResult> {
  requireWritable(snapshot.store, snapshot.uri);
  const { onCommitted, ...chosen } = options;
  const { signal } = chosen;
  let current = await openVersion(snapshot, { signal });
  checkWriterFlags(current.manifest);
  const resolved = resolveOptions(chosen, current.manifest.config);
  // Files may be smaller than the target because of their size: what was made here is not looked at again.
  const made = new Set<number>();
  let metrics: CompactionMetrics = {
    fragmentsRemoved: 0,
    fragmentsAdded: 0,
    filesRemoved: 0,
    filesAdded: 0,
    heldBack: [],
  };
  let commits = 0;
  let rowsBefore = 0;
  for (;;) {
    const round = await retryConflicts(
      current,
      async (at) => {
        const plan = await planTasks(at, resolved, made);
        const tasks = takeTasks(plan.tasks, resolved.maxRowsPerCommit);
        if (tasks.length === 0) return { ...plan, done: undefined };
        const rowsToRewrite = rowsBefore + plan.tasks.reduce((sum, { numRows }) => sum + numRows, 0);
        const report = (rows: number): void =>
          callGuarded("onProgress", chosen.onProgress, { rowsRewritten: rowsBefore + rows, rowsToRewrite, commits });
        return { ...plan, done: await compactGroup(at, tasks, plan.coverage, { ...resolved, report }) };
      },
      { conflictRetries: chosen.conflictRetries, signal },
    );
    metrics = { ...metrics, heldBack: round.heldBack };
    if (round.done === undefined) return { snapshot: current, metrics };
    const { added, removed } = round.done;
    current = round.done.snapshot;
    onCommitted?.(current);
    commits++;
    rowsBefore += added.reduce((sum, { physicalRows }) => sum + Number(physicalRows), 0);
    for (const { id } of added) made.add(Number(id));
    metrics = {
      ...metrics,
      fragmentsRemoved: metrics.fragmentsRemoved + removed.length,
      fragmentsAdded: metrics.fragmentsAdded + added.length,
      filesRemoved: metrics.filesRemoved + countFiles(removed),
      filesAdded: metrics.filesAdded + countFiles(added),
    };
  }
}

interface Plan {
  readonly tasks: readonly CompactionTask[];
  readonly coverage: IndexCoverage;
  readonly heldBack: readonly HeldBack[];
}

async function planTasks(snapshot: Snapshot, options: ResolvedOptions, made: ReadonlySet<number>): Promise<Plan> {
  const coverage = await readIndexCoverage(snapshot, options);
  const held = coverage.heldBack.flatMap(({ fragmentIds }) => fragmentIds);
  const plan = (excluded: ReadonlySet<number>): CompactionTask[] =>
    planCompaction(snapshot.fragments, options, coverage.coverages, excluded);
  // Only what would have been rewritten is worth telling.
  const wanted = new Set(held.length === 0 ? [] : plan(made).flatMap(({ fragmentIds }) => fragmentIds));
  const heldBack = coverage.heldBack
    .map((each) => ({ ...each, fragmentIds: each.fragmentIds.filter((id) => wanted.has(id)) }))
    .filter(({ fragmentIds }) => fragmentIds.length > 0);
  return { tasks: plan(new Set([...made, ...held])), coverage, heldBack };
}

function takeTasks(tasks: readonly CompactionTask[], maxRows: number): CompactionTask[] {
  const taken: CompactionTask[] = [];
  let rows = 0;
  for (const task of tasks) {
    rows += task.numRows;
    if (taken.length > 0 && rows > maxRows) break;
    taken.push(task);
  }
  return taken;
}

interface GroupResult {
  readonly snapshot: Snapshot;
  readonly removed: readonly DataFragment[];
  readonly added: readonly DataFragment[];
}

/** Rewrites some tasks and commits them as one version. When it fails, its files are gone. */
async function compactGroup(
  snapshot: Snapshot,
  tasks: readonly CompactionTask[],
  coverage: IndexCoverage,
  options: ResolvedOptions & { readonly report: (rows: number) => void },
): Promise<GroupResult> {
  const { signal, report, deferIndexRemap } = options;
  const store = requireWritable(snapshot.store, snapshot.uri);
  const rows = new Map<CompactionTask, number>();
  const rewritten = await runRewrites(snapshot, tasks, {
    ...options,
    onRows(task, done) {
      rows.set(task, done);
      report([...rows.values()].reduce((sum, each) => sum + each, 0));
    },
  });
  const added = rewritten.flatMap(({ fragments }) => fragments);
  const removed = tasks.flatMap(({ fragmentIds }) => fragmentIds.map((id) => getFragment(snapshot, id).proto));
  const written = listDataFiles(added);
  const prepare = async () => {
    await reserveIds(snapshot, added, signal);
    const groups = rewritten.map(toGroup);
    if (deferIndexRemap) {
      const covered = new Set(coverage.coverages.flatMap((each) => [...each]));
      const onFile = (path: string) => written.push(path);
      return { remapped: [], fragmentReuse: await buildFragmentReuse(snapshot, groups, { covered, onFile, signal }) };
    }
    const remapped = await remapSegments(snapshot, groups, coverage.remappable, options);
    written.push(...listSegmentFiles(remapped.map(({ successor }) => successor)));
    return { remapped, fragmentReuse: undefined };
  };
  const { remapped, fragmentReuse } = await prepare().catch(async (error) => {
    await deleteQuietly(store, written);
    throw error;
  });
  const value = create(Transaction_RewriteSchema, {
    groups: rewritten.map(({ task, fragments }) => ({
      oldFragments: task.fragmentIds.map((id) => getFragment(snapshot, id).proto),
      newFragments: fragments,
    })),
    rewrittenIndices: remapped.map(({ segment, successor }) => ({
      oldId: { uuid: parseUuid(segment.uuid) },
      newId: { uuid: parseUuid(successor.uuid) },
      newIndexDetails: {
        typeUrl: successor.indexDetails.typeUrl,
        value: decodeBase64(successor.indexDetails.value, "indexDetails.value"),
      },
      newIndexVersion: successor.indexVersion,
      newIndexFiles: (successor.files ?? []).map(({ path, sizeBytes }) => ({ path, sizeBytes: BigInt(sizeBytes) })),
    })),
  });
  const committed = await commitFiles(store, written, () =>
    commit(snapshot, { case: "rewrite", value }, { signal, fragmentReuse, holdsRowAddresses }),
  );
  return { snapshot: committed, removed, added };
}

/** Fragment ids must be known before rows are told where they are; native reserves them too. */
async function reserveIds(
  snapshot: Snapshot,
  fragments: readonly DataFragment[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { length } = fragments;
  if (length === 0) return;
  const value = create(Transaction_ReserveFragmentsSchema, { numFragments: length });
  const reserved = await commit(snapshot, { case: "reserveFragments", value }, { signal });
  const first = (reserved.manifest.maxFragmentId ?? 0) + 1 - length;
  for (const [i, fragment] of fragments.entries()) fragment.id = BigInt(first + i);
}

function toGroup({ task, fragments }: RewrittenTask): RewrittenGroup {
  const newFragments = fragments.map(({ id, physicalRows }) => ({ id: Number(id), numRows: Number(physicalRows) }));
  return { oldFragmentIds: task.fragmentIds, newFragments };
}

function countFiles(fragments: readonly DataFragment[]): number {
  return fragments.reduce((sum, { files, deletionFile }) => sum + files.length + (deletionFile ? 1 : 0), 0);
}
