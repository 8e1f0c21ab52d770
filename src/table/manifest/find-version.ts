import { LanceError, throwIfAborted } from "../../errors.ts";
import type { ReadableStore, Store, StoreCallOptions } from "../../store/store.ts";
import {
  checkOneNaming,
  type ManifestName,
  parseManifestPath,
  VERSION_HINT_PATH,
  VERSIONS_PREFIX,
} from "./manifest-path.ts";
import {
  findHighest,
  gallopFrom,
  isUnreachable,
  type KnownVersion,
  type ProbedManifest,
  probeVersion,
} from "./probe-version.ts";

/** V2 names sort newest first, so the head of a listing answers; the rest of its page tells of mixed names. */
const LISTED_NAMES = 1000;
/** Of a host that lists over the network only the head is asked for: the newest V2 name, or the news that names are V1. */
const PEEKED_NAMES = 2;
/** A listed manifest may be cleaned up before it is read, when newer ones have come meanwhile. */
const LISTING_ATTEMPTS = 3;
/** How far ahead of a hint whose version is gone the newest one is looked for. */
const MAX_HINT_LAG = 1024;
/** Where a host can neither list nor show a hint, every version up to here is asked for, */
const BLIND_DENSE = 64;
/** then versions this factor apart: a run of kept versions is met when it spans a tenth of its numbers, */
const BLIND_FACTOR = 1.1;
/** up to here, */
const BLIND_LAST = 2 ** 20;
/** and beyond a run that was met, versions up to this factor away: tagged old versions may survive a clean-up. */
const BLIND_AHEAD = 16;
const MAX_HINT = 2 ** 52;

/**
 * The newest version's manifest. With a listing: one listing and one read. Without: the hint file, checked by asking
 * for the versions after it. Without a hint: a listing where the host turns out to have one, else probing, which finds
 * a table when one of versions 1 to 64 is kept, or when the versions kept last span a tenth of their numbers.
 *
 * A host that cannot be reached leaves the newest version kept on this device, marked `offline`.
 *
 * @returns `undefined` when there is no table
 * @throws CORRUPT (V1 and V2 names mixed), ABORTED, IO
 */
export async function findLatestManifest(
  store: ReadableStore,
  options: StoreCallOptions = {},
): Promise<ProbedManifest | undefined> {
  throwIfAborted(options.signal);
  try {
    return await askLatest(store, options);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    const found = await findKept(store, options);
    if (found === undefined) throw error;
    return { ...found, offline: true };
  }
}

async function askLatest(store: ReadableStore, options: StoreCallOptions): Promise<ProbedManifest | undefined> {
  if (canList(store)) return findListed(store, options);
  const likely = await peekLatest(store, "likely", options);
  if (likely !== undefined) return likely.found;
  const hint = await readVersionHint(store, options);
  if (hint !== undefined) {
    // A hint may lag so far behind that its version was cleaned up: look on ahead of it.
    for (let ahead = 0; ahead <= MAX_HINT_LAG; ahead = ahead * 2 || 1) {
      const found = await probeVersion(store, hint + ahead, options);
      if (found !== undefined) return gallopFrom(store, found, options);
    }
  }
  const possible = await peekLatest(store, "possible", options);
  return possible === undefined ? probeBlindly(store, options) : possible.found;
}

/** A table was looked for and is not there. */
export function noTable(store: ReadableStore, uri?: string): LanceError {
  const listed = canList(store);
  return new LanceError(
    "NOT_FOUND",
    `no Lance table${uri === undefined ? "" : ` at ${uri}`}: ${
      listed
        ? `nothing in ${VERSIONS_PREFIX}`
        : `the host neither lists nor has ${VERSION_HINT_PATH}, and none of versions 1 to ${BLIND_DENSE} nor of those probed beyond is there. ` +
          "Check the address; give the version if the table exists on a host that cannot list; a host that keeps its files private may say that they are missing"
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
    const name = readName(path);
    if (name !== undefined) names.push(name);
    if (options.newestOnly && listed >= LISTED_NAMES && names[0]?.naming === "v2") break;
  }
  checkOneNaming(names);
  return names;
}

async function findListed(store: Store, options: StoreCallOptions): Promise<ProbedManifest | undefined> {
  for (let attempt = 0; attempt < LISTING_ATTEMPTS; attempt++) {
    const names = await listManifestNames(store, { ...options, newestOnly: true });
    if (names.length === 0) return undefined;
    const newest = names.reduce((a, b) => (b.version > a.version ? b : a));
    const found = await probeVersion(store, newest.version, { ...options, naming: newest.naming });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The newest version that was kept on this device. */
async function findKept(store: ReadableStore, options: StoreCallOptions): Promise<ProbedManifest | undefined> {
  const kept = (await store.listKept?.(VERSIONS_PREFIX)) ?? [];
  const names = kept.map(readName).filter((name) => name !== undefined);
  for (const { version, naming } of names.sort((a, b) => b.version - a.version)) {
    const found = await probeVersion(store, version, { ...options, naming }).catch((error: unknown) => {
      if (isUnreachable(error)) return undefined;
      throw error;
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** By the head of a listing, where the host has one. @returns `undefined` where it has none */
async function peekLatest(
  store: ReadableStore,
  when: "likely" | "possible",
  options: StoreCallOptions,
): Promise<{ readonly found: ProbedManifest | undefined } | undefined> {
  const head = await store.peekList?.(VERSIONS_PREFIX, { ...options, limit: PEEKED_NAMES, when });
  if (head === undefined) return undefined;
  const [first] = head.map(({ path }) => readName(path));
  if (first?.naming === "v2") {
    const found = await probeVersion(store, first.version, { ...options, naming: "v2" });
    if (found !== undefined) return { found };
  }
  if (head.length === 0) return { found: undefined };
  // V1 names do not sort by version, and strangers may stand first: all names are needed.
  return canList(store) ? { found: await findListed(store, options) } : undefined;
}

function readName(path: string): ManifestName | undefined {
  return path.indexOf("/", VERSIONS_PREFIX.length) >= 0 ? undefined : parseManifestPath(path);
}

/** The version the hint file names; a missing or broken hint is no error, since it is only a hint. */
export async function readVersionHint(store: ReadableStore, options: StoreCallOptions): Promise<number | undefined> {
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

async function probeBlindly(store: ReadableStore, options: StoreCallOptions): Promise<ProbedManifest | undefined> {
  const dense = Array.from({ length: BLIND_DENSE }, (_, i) => i + 1);
  for (const naming of ["v2", "v1"] as const) {
    const call = { ...options, naming };
    let met: KnownVersion | undefined =
      (await findHighest(store, dense, call)) ?? (await findHighest(store, spread(BLIND_DENSE, BLIND_LAST), call));
    while (met !== undefined) {
      throwIfAborted(options.signal);
      const end: ProbedManifest | undefined = await gallopFrom(store, met, options);
      if (end === undefined) break;
      const farther = await findHighest(store, spread(end.version + 1, end.version * BLIND_AHEAD), call);
      if (farther === undefined) return end;
      met = farther;
    }
  }
  return undefined;
}

/** Versions a fixed factor apart, after `from` and up to `last`. */
function spread(from: number, last: number): number[] {
  const versions: number[] = [];
  for (let version = from + 1; version <= last; version = Math.ceil(version * BLIND_FACTOR)) versions.push(version);
  return versions;
}
