import { isLanceError, LanceError, throwIfAborted } from "../../errors.ts";
import type { ListedObject, Store } from "../../store/store.ts";
import { canList } from "../../table/find-version.ts";
import { parseManifestPath, VERSIONS_PREFIX } from "../../table/manifest-path.ts";
import { requireWritable } from "../../table/publish.ts";
import { type ManifestFile, readManifest } from "../../table/read-manifest.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { callGuarded } from "../../tasks/guard-callback.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { listProtectedVersions, type ProtectedVersions } from "./protected-versions.ts";
import {
  addReferences,
  classifyFile,
  createReferences,
  type FileKind,
  isReferenced,
  type References,
} from "./references.ts";
import { type RetentionPolicy, selectOldVersions } from "./retention.ts";

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

interface Doomed extends ListedObject {
  readonly kind: FileKind | "manifest";
}

/**
 * Removes old versions and the files no other version needs, and debris of writes that failed.
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
  const store = requireListable(snapshot, options.dryRun === true);
  const { signal } = options;
  const nowMs = Date.now();
  const survey = await surveyVersions(snapshot, store, options, nowMs);
  const old = await listOldFiles(store, survey, { ...options, nowMs });
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

interface Survey {
  /** Manifests to remove, ascending by version. */
  readonly doomed: readonly Doomed[];
  /** Paths of all manifests that were read. */
  readonly seen: ReadonlySet<string>;
  readonly retained: References;
  /** Named by old versions: no write under way made them. */
  readonly verified: References;
}

async function surveyVersions(
  snapshot: Snapshot,
  store: Store,
  options: CleanupOptions,
  nowMs: number,
): Promise<Survey> {
  const { signal } = options;
  // Tags and branches first: one made after this names a version that is listed below, and is young.
  const protectedVersions = await listProtectedVersions(snapshot, signal);
  const listed = await listManifests(store, signal);
  const files = await readAll(store, listed, signal);
  const found = listed.flatMap((object, i) => {
    const file = files[i];
    return file === undefined ? [] : [{ object, file, version: parseManifestPath(object.path)?.version }];
  });
  const numbered = found.flatMap(({ file, version }) =>
    version === undefined ? [] : [{ version, timestampMs: toTimestampMs(file) }],
  );
  const old = new Set(selectOldVersions(numbered, options, nowMs));
  const tagged = [...protectedVersions.tags].filter(([, version]) => old.has(version));
  if (tagged.length > 0 && options.errorIfTaggedOldVersions !== false) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `old versions are tagged: ${tagged.map(([tag, version]) => `"${tag}" is version ${version}`).join(", ")}. Delete the tags, or pass errorIfTaggedOldVersions: false to keep those versions`,
      { tags: Object.fromEntries(tagged) },
    );
  }
  for (const [, version] of tagged) old.delete(version);
  for (const version of protectedVersions.branchedFrom) old.delete(version);
  // Whoever calls may go on reading the version it is at, and those after it.
  for (const version of [...old]) if (version >= snapshot.version) old.delete(version);

  const retained = createReferences();
  const verified = createReferences();
  const giveWay = createGiveWay(signal);
  for (const { file, version } of found) {
    await giveWay();
    addReferences(version !== undefined && old.has(version) ? verified : retained, file);
  }
  for (const file of await readBranchManifests(protectedVersions, signal)) {
    await giveWay();
    addReferences(retained, file);
  }
  const doomed = found
    .filter(({ version }) => version !== undefined && old.has(version))
    .sort((a, b) => a.version! - b.version!)
    .map(({ object }): Doomed => ({ ...object, kind: "manifest" }));
  return { doomed, seen: new Set(listed.map(({ path }) => path)), retained, verified };
}

/** Files to remove, with their kinds. */
async function listOldFiles(
  store: Store,
  survey: Survey,
  options: CleanupOptions & { readonly nowMs: number },
): Promise<Doomed[]> {
  const { signal, deleteUnverified, nowMs } = options;
  const giveWay = createGiveWay(signal);
  const old: Doomed[] = [];
  for (const prefix of [...FILE_PREFIXES, `${VERSIONS_PREFIX}.tmp`]) {
    for await (const object of store.list(prefix, { signal })) {
      await giveWay();
      const kind = classifyFile(object.path);
      if (kind === undefined || isReferenced(survey.retained, object.path, kind)) continue;
      const isOld = object.modifiedMs !== undefined && object.modifiedMs < nowMs - SAFE_AGE_MS;
      const verified = isReferenced(survey.verified, object.path, kind);
      if (verified || isOld || deleteUnverified === true) old.push({ ...object, kind });
    }
  }
  return old;
}

/** What versions name that were not there before, or could not be removed. */
async function readKeptAfter(store: Store, survey: Survey, signal: AbortSignal | undefined): Promise<References> {
  const kept = createReferences();
  const doomed = new Set(survey.doomed.map(({ path }) => path));
  const listed = (await listManifests(store, signal)).filter(({ path }) => !survey.seen.has(path) || doomed.has(path));
  for (const file of await readAll(store, listed, signal)) if (file !== undefined) addReferences(kept, file);
  return kept;
}

/** Numbered and detached manifests; what else lies beside them is no version. */
async function listManifests(store: Store, signal: AbortSignal | undefined): Promise<ListedObject[]> {
  const manifests: ListedObject[] = [];
  for await (const object of store.list(VERSIONS_PREFIX, { signal })) {
    if (object.path.endsWith(".manifest") && !object.path.startsWith(`${VERSIONS_PREFIX}.`)) manifests.push(object);
  }
  return manifests;
}

/** Stands apart: right after `for await (…)` Vite's lexer takes a minified pattern for a division. */
const BRANCH_MANIFEST = /\/_versions\/[^/.][^/]*\.manifest$/;

/** Branches keep their manifests below `tree/`, and name files of others; also those being made, or forgotten. */
async function readBranchManifests(
  { root, folder }: ProtectedVersions,
  signal: AbortSignal | undefined,
): Promise<ManifestFile[]> {
  const manifests: ListedObject[] = [];
  for await (const object of root.list("tree/", { signal })) {
    if (!BRANCH_MANIFEST.test(object.path)) continue;
    if (folder === "" || !object.path.startsWith(`${folder}${VERSIONS_PREFIX}`)) manifests.push(object);
  }
  return (await readAll(root, manifests, signal)).filter((file) => file !== undefined);
}

/** @returns `undefined` for those another clean-up removed meanwhile */
function readAll(
  store: Store,
  manifests: readonly ListedObject[],
  signal: AbortSignal | undefined,
): Promise<(ManifestFile | undefined)[]> {
  const giveWay = createGiveWay(signal);
  return mapBounded(manifests, CONCURRENCY, async ({ path }) => {
    await giveWay();
    return readManifest(store, path, { signal });
  });
}

function toTimestampMs({ manifest: { timestamp } }: ManifestFile): number {
  return timestamp ? Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1e6) : 0;
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
