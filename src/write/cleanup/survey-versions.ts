import { LanceError } from "../../errors.ts";
import type { ListedObject, Store } from "../../store/store.ts";
import { parseManifestPath, VERSIONS_PREFIX } from "../../table/manifest/manifest-path.ts";
import { type ManifestFile, readManifest } from "../../table/manifest/read-manifest.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { listProtectedVersions, type ProtectedVersions } from "./protected-versions.ts";
import { addReferences, createReferences, type FileKind, type References } from "./references.ts";
import { type RetentionPolicy, selectOldVersions } from "./retention.ts";

const CONCURRENCY = 8;

/** A file to be removed. */
export interface Doomed extends ListedObject {
  readonly kind: FileKind | "manifest";
}

/** What all manifests of a table say. */
export interface Survey {
  /** Manifests to remove, ascending by version. */
  readonly doomed: readonly Doomed[];
  /** Paths of all manifests that were read. */
  readonly seen: ReadonlySet<string>;
  readonly retained: References;
  /** Named by old versions: no write under way made them. */
  readonly verified: References;
}

/**
 * Reads every manifest, tag and branch, and sorts versions and the files they name.
 * @throws INVALID_ARGUMENT (policy, tagged old versions), CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function surveyVersions(
  snapshot: Snapshot,
  store: Store,
  options: RetentionPolicy & {
    readonly errorIfTaggedOldVersions?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  },
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

/** What versions name that were not there before, or could not be removed. */
export async function readKeptAfter(
  store: Store,
  survey: Survey,
  signal: AbortSignal | undefined,
): Promise<References> {
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
