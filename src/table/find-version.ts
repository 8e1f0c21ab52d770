import { LanceError, throwIfAborted } from "../errors.ts";
import type { ReadableStore, Store, StoreCallOptions } from "../store/store.ts";
import {
  checkOneNaming,
  type ManifestName,
  parseManifestPath,
  VERSION_HINT_PATH,
  VERSIONS_PREFIX,
} from "./manifest-path.ts";
import { gallopFrom, type ProbedManifest, probeVersion } from "./probe-version.ts";

/** V2 names sort newest first, so the head of a listing answers; the rest of its page tells of mixed names. */
const LISTED_NAMES = 1000;
/** A listed manifest may be cleaned up before it is read, when newer ones have come meanwhile. */
const LISTING_ATTEMPTS = 3;
/** How far ahead of a hint whose version is gone the newest one is looked for. */
const MAX_HINT_LAG = 1024;
/** Where a host can neither list nor show a hint: how far from version 1 the oldest kept version may be. */
const BLIND_PROBES = 64;
const MAX_HINT = 2 ** 52;

/**
 * The newest version's manifest. With a listing: one listing and one read. Without: the hint file, checked by asking
 * for the versions after it. With neither: probing from version 1 on.
 *
 * @returns `undefined` when there is no table
 * @throws CORRUPT (V1 and V2 names mixed), ABORTED, IO
 */
export async function findLatestManifest(
  store: ReadableStore,
  options: StoreCallOptions = {},
): Promise<ProbedManifest | undefined> {
  throwIfAborted(options.signal);
  if (canList(store)) {
    for (let attempt = 0; attempt < LISTING_ATTEMPTS; attempt++) {
      const names = await listManifestNames(store, { ...options, newestOnly: true });
      if (names.length === 0) return undefined;
      const newest = names.reduce((a, b) => (b.version > a.version ? b : a));
      const found = await probeVersion(store, newest.version, { ...options, naming: newest.naming });
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const hint = await readVersionHint(store, options);
  if (hint !== undefined) {
    // A hint may lag so far behind that its version was cleaned up: look on ahead of it.
    for (let ahead = 0; ahead <= MAX_HINT_LAG; ahead = ahead * 2 || 1) {
      const found = await probeVersion(store, hint + ahead, options);
      if (found !== undefined) return gallopFrom(store, found, options);
    }
  }
  return gallopBlindly(store, options);
}

/**
 * Number of the newest version.
 *
 * @throws NOT_FOUND when there is no table, CORRUPT, ABORTED, IO
 */
export async function findLatestVersion(store: ReadableStore, signal?: AbortSignal): Promise<number> {
  const found = await findLatestManifest(store, { signal });
  if (found === undefined) throw noTable(store);
  return found.version;
}

/** A table was looked for and is not there. */
export function noTable(store: ReadableStore, uri?: string): LanceError {
  const listed = canList(store);
  return new LanceError(
    "NOT_FOUND",
    `no Lance table${uri === undefined ? "" : ` at ${uri}`}: ${
      listed
        ? `nothing in ${VERSIONS_PREFIX}`
        : `no ${VERSION_HINT_PATH}, and none of versions 1 to ${BLIND_PROBES}. Give the version if the table exists on a host that cannot list`
    }`,
    uri === undefined ? {} : { uri },
  );
}

/** Whether the store lists, and says so. */
export function canList(store: ReadableStore): store is Store {
  return store.capabilities?.list === true && "list" in store;
}

/**
 * Manifests of a table, from one listing. `newestOnly` stops after the first page once a V2 name was seen.
 *
 * @throws CORRUPT when both naming schemes are met
 */
export async function listManifestNames(
  store: Store,
  options: StoreCallOptions & { newestOnly?: boolean } = {},
): Promise<ManifestName[]> {
  const names: ManifestName[] = [];
  let listed = 0;
  for await (const { path } of store.list(VERSIONS_PREFIX, { signal: options.signal })) {
    listed++;
    if (path.indexOf("/", VERSIONS_PREFIX.length) >= 0) continue;
    const name = parseManifestPath(path);
    if (name !== undefined) names.push(name);
    if (options.newestOnly && listed >= LISTED_NAMES && names[0]?.naming === "v2") break;
  }
  checkOneNaming(names);
  return names;
}

/** The version the hint file names; a missing or broken hint is no error, since it is only a hint. */
async function readVersionHint(store: ReadableStore, options: StoreCallOptions): Promise<number | undefined> {
  const found = await store.get(VERSION_HINT_PATH, {}, { signal: options.signal });
  if (found === undefined || found.bytes.length > 1024) return undefined;
  try {
    const hint = JSON.parse(new TextDecoder().decode(found.bytes)) as { version?: unknown } | null;
    const version = hint?.version;
    return typeof version === "number" && Number.isInteger(version) && version >= 1 && version <= MAX_HINT
      ? version
      : undefined;
  } catch {
    return undefined;
  }
}

async function gallopBlindly(store: ReadableStore, options: StoreCallOptions): Promise<ProbedManifest | undefined> {
  for (let version = 1; version <= BLIND_PROBES; version++) {
    throwIfAborted(options.signal);
    const found = await probeVersion(store, version, options);
    if (found !== undefined) return gallopFrom(store, found, options);
  }
  return undefined;
}
