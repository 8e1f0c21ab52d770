import { isLanceError, LanceError, throwIfAborted } from "../../errors.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import type { ListedObject, Store } from "../../store/store.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { canList } from "../../table/manifest/find-version.ts";
import { VERSIONS_PREFIX } from "../../table/manifest/manifest-path.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { callGuarded } from "../../tasks/guard-callback.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { listForgottenFiles } from "./forgotten-branches.ts";
import { classifyFile, isReferenced } from "./references.ts";
import type { RetentionPolicy } from "./retention.ts";
import { type Doomed, readKeptAfter, type Survey, surveyVersions } from "./survey-versions.ts";

/** How far a clean-up is. */
export interface CleanupProgress {
  readonly filesRemoved: number;
  readonly filesToRemove: number;
  readonly bytesRemoved: number;
}

/** What is cleaned up, and how. */
export interface CleanupOptions extends RetentionPolicy {
  /** Also removes files no version names that are younger than 7 days: only where nothing writes to the table. */
  readonly deleteUnverified?: boolean | undefined;
  /** Default true: refuses when a tagged version is among the old ones. False keeps such versions without a word. */
  readonly errorIfTaggedOldVersions?: boolean | undefined;
  /** Counts what would go and removes nothing. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: CleanupProgress) => void) | undefined;
}

const OPTION_KEYS = new Set<string>([
  "olderThanMs",
  "retainVersions",
  "deleteUnverified",
  "errorIfTaggedOldVersions",
  "dryRun",
  "signal",
  "onProgress",
] satisfies (keyof CleanupOptions)[]);

/** What was removed, or would be. */
export interface CleanupStats {
  readonly bytesRemoved: number;
  readonly oldVersionsRemoved: number;
  /** Data files and their blobs. */
  readonly dataFilesRemoved: number;
  readonly transactionFilesRemoved: number;
  readonly indexFilesRemoved: number;
  readonly deletionFilesRemoved: number;
  /** Files that could not be removed; the next clean-up finds them again. */
  readonly failedDeletes: number;
}

/** A file that no version names may belong to a write under way: it stays for this long. */
const SAFE_AGE_MS = 7 * 24 * 60 * 60 * 1000;
const CONCURRENCY = 8;
const FILE_PREFIXES = ["data/", "_deletions/", "_transactions/", "_indices/"];

/**
 * Removes old versions and the files no other version needs, and debris of writes that failed.
 *
 * Of the main line, it also removes what is left of branches that no list names: the making or the deletion of one that
 * stopped midway.
 *
 * Kept are the newest version, the one of `snapshot`, those the policy keeps, tagged ones, those a branch was made
 * from, and every file any of them or of the branches names. A file no version names, not even an old one, goes only
 * when it is older than 7 days, or with `deleteUnverified`; where the store tells no ages it stays.
 *
 * Manifests go first, oldest first, and files after the versions that came meanwhile were looked at: a crash leaves
 * files nobody names, and commits and clean-ups at the same time do no harm. Reads every manifest once.
 *
 * @throws INVALID_ARGUMENT (policy, tagged old versions), UNSUPPORTED (read-only, or a host that cannot list),
 * CORRUPT (an unreadable manifest: what it names cannot be told), IO, ABORTED
 */
export async function cleanupOldVersions(snapshot: Snapshot, options: CleanupOptions = {}): Promise<CleanupStats> {
  checkOptionNames(options, OPTION_KEYS, "cleanupOldVersions");
  const store = requireListable(snapshot, options.dryRun === true);
  const { signal } = options;
  const nowMs = Date.now();
  const survey = await surveyVersions(snapshot, store, options, nowMs);
  const isMain = (snapshot.manifest.branch ?? "") === "";
  const old = await listOldFiles(store, survey, { ...options, nowMs, isMain });
  if (options.dryRun === true) return summarize([...survey.doomed, ...old], 0);

  const writable = requireWritable(store, snapshot.uri);
  const progress = createProgress([...survey.doomed, ...old], options);
  const remove = async (file: Doomed): Promise<boolean> => {
    throwIfAborted(signal);
    const gone = await tryDelete(writable, file, signal);
    if (gone) progress(file);
    return gone;
  };
  const manifests: Doomed[] = [];
  for (let from = 0; from < survey.doomed.length; from += CONCURRENCY) {
    const next = survey.doomed.slice(from, from + CONCURRENCY);
    const gone = await mapBounded(next, CONCURRENCY, remove);
    manifests.push(...next.filter((_, i) => gone[i]));
    if (gone.includes(false)) break;
  }
  // A version restored while its manifest was still there names its files again, and so does one that could not go.
  const kept = await readKeptAfter(store, survey, signal);
  const removed = await mapBounded(old, CONCURRENCY, async (file) => {
    if (file.kind !== "manifest" && isReferenced(kept, file.path, file.kind)) return undefined;
    return (await remove(file)) ? file : null;
  });
  const failed = removed.filter((file) => file === null).length + survey.doomed.length - manifests.length;
  return summarize([...manifests, ...removed.filter((file) => file !== null && file !== undefined)], failed);
}

/** Files to remove, with their kinds. */
async function listOldFiles(
  store: Store,
  survey: Survey,
  options: CleanupOptions & { readonly nowMs: number; readonly isMain: boolean },
): Promise<Doomed[]> {
  const { signal, deleteUnverified, nowMs, isMain } = options;
  const giveWay = createGiveWay(signal);
  const isOld = ({ modifiedMs }: ListedObject): boolean =>
    deleteUnverified === true || (modifiedMs !== undefined && modifiedMs < nowMs - SAFE_AGE_MS);
  const old: Doomed[] = [];
  for (const prefix of [...FILE_PREFIXES, `${VERSIONS_PREFIX}.tmp`]) {
    for await (const object of store.list(prefix, { signal })) {
      await giveWay();
      const kind = classifyFile(object.path);
      if (kind === undefined || isReferenced(survey.retained, object.path, kind)) continue;
      if (isOld(object) || isReferenced(survey.verified, object.path, kind)) old.push({ ...object, kind });
    }
  }
  if (isMain) old.push(...(await listForgottenFiles(store, { bases: survey.retained.bases, isOld, signal })));
  return old;
}

async function tryDelete(store: Store, file: Doomed, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await store.delete(file.path, { signal });
    return true;
  } catch (error) {
    throwIfAborted(signal);
    if (!isLanceError(error)) throw error;
    return false;
  }
}

function createProgress(doomed: readonly Doomed[], options: CleanupOptions): (file: Doomed) => void {
  let filesRemoved = 0;
  let bytesRemoved = 0;
  return (file) => {
    filesRemoved++;
    bytesRemoved += file.sizeBytes;
    callGuarded("onProgress", options.onProgress, { filesRemoved, filesToRemove: doomed.length, bytesRemoved });
  };
}

function summarize(removed: readonly Doomed[], failedDeletes: number): CleanupStats {
  const count = (kind: Doomed["kind"]): number => removed.filter((file) => file.kind === kind).length;
  return {
    bytesRemoved: removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    oldVersionsRemoved: count("manifest"),
    dataFilesRemoved: count("data"),
    transactionFilesRemoved: count("transaction"),
    indexFilesRemoved: count("index"),
    deletionFilesRemoved: count("deletion"),
    failedDeletes,
  };
}

/** @throws UNSUPPORTED */
function requireListable(snapshot: Snapshot, dryRun: boolean): Store {
  const { store, uri } = snapshot;
  if (!canList(store)) {
    throw new LanceError("UNSUPPORTED", `${uri} cannot be listed here, so files no version names cannot be found`, {
      uri,
    });
  }
  return dryRun ? store : requireWritable(store, uri);
}
