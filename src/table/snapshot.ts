import { LanceError } from "../errors.ts";
import { type LanceSchema, readSchema } from "../format/schema.ts";
import type { IndexMetadata, Manifest } from "../proto/gen/lance/table_pb.ts";
import { findFirst } from "../search-sorted.ts";
import type { ReadableStore } from "../store/store.ts";
import { withBases } from "../store/with-bases.ts";
import { createDeletionCache, type DeletionCache } from "./deletions/deletion-cache.ts";
import { createFileCache, type FileCache } from "./file-cache.ts";
import { type Fragment, readFragments } from "./fragment.ts";
import { FLAG_STABLE_ROW_IDS } from "./manifest/feature-flags.ts";
import { findLatestManifest, noTable } from "./manifest/find-version.ts";
import { type ManifestNaming, parseManifestPath } from "./manifest/manifest-path.ts";
import { probeVersion } from "./manifest/probe-version.ts";
import { type ManifestFile, readManifestFromTail } from "./manifest/read-manifest.ts";

/** A table at one version: everything a reader needs, and what a commit starts from. Immutable. */
export interface Snapshot {
  /** Reads the table's files, those of other bases included (see `resolveBasePath`). */
  readonly store: ReadableStore;
  readonly uri: string;
  readonly version: number;
  readonly manifest: Manifest;
  readonly schema: LanceSchema;
  /** Ascending by id. */
  readonly fragments: readonly Fragment[];
  readonly indices: readonly IndexMetadata[];
  readonly stableRowIds: boolean;
  /** Version of new data files: `2.1`. */
  readonly storageVersion: string;
  readonly naming: ManifestNaming;
  /** The manifest's file, as the next commit carries parts of it. */
  readonly source: ManifestFile;
  /** Open data files, bounded, shared with other versions of this table. */
  readonly files: FileCache;
  readonly deletions: DeletionCache;
  /** Chosen among what this device keeps, since the host could not be reached: newer versions may exist. */
  readonly offline?: true | undefined;
}

const STORAGE_VERSIONS: ReadonlySet<string> = new Set(["2.0", "2.1", "2.2"]);

/**
 * Opens a table. Reads: newest version, one listing (or the hint and a probe) and one manifest read; a pinned one,
 * one manifest read.
 *
 * @param options.uri names the table in messages, and is what absolute base paths are compared with
 * @param options.version a pinned version; absent = the newest
 * @throws NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function openSnapshot(
  ownStore: ReadableStore,
  options: {
    uri: string;
    version?: number | undefined;
    signal?: AbortSignal | undefined;
    /** The store finds files of other bases by itself, as one on the far end of a port does. */
    resolvesBases?: boolean | undefined;
  },
): Promise<Snapshot> {
  const { uri, version, signal } = options;
  const store = options.resolvesBases === true ? ownStore : withBases(ownStore, { uri });
  const probed =
    version === undefined
      ? await findLatestManifest(store, { signal })
      : await probeVersion(store, version, { signal });
  if (probed === undefined) {
    if (version === undefined) throw noTable(store, uri);
    throw new LanceError("NOT_FOUND", `${uri} has no version ${version}: it never existed or was cleaned up`, {
      uri,
      version,
    });
  }
  const source = await readManifestFromTail(store, probed.path, probed.tail, { signal });
  const { offline } = probed;
  return {
    ...createSnapshot({ store, uri, source }),
    offline,
  };
}

/** The same table at another version, sharing open files. @throws as {@link openSnapshot} */
export async function openVersion(
  snapshot: Snapshot,
  options: { version?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Snapshot> {
  const { files, deletions } = snapshot;
  const opened = await openSnapshot(snapshot.store, { uri: snapshot.uri, resolvesBases: true, ...options });
  // What is kept on the device may lag behind what is open.
  if (opened.offline && opened.version < snapshot.version) return { ...snapshot, offline: true };
  return { ...opened, files, deletions };
}

/**
 * A snapshot over a manifest that was read or just written.
 *
 * @param parts.files open files of another version of the table, and `deletions` its deletion vectors; default none
 * @throws CORRUPT, UNSUPPORTED
 */
export function createSnapshot(parts: {
  store: ReadableStore;
  uri: string;
  source: ManifestFile;
  files?: FileCache;
  deletions?: DeletionCache;
}): Snapshot {
  const { files = createFileCache(parts.store), deletions = createDeletionCache() } = parts;
  const { manifest, path, indices } = parts.source;
  const name = parseManifestPath(path);
  if (name === undefined || BigInt(name.version) !== manifest.version) {
    throw new LanceError("CORRUPT", `${path} holds version ${manifest.version}`, { path });
  }
  const format = manifest.dataFormat;
  const storageVersion = format?.version ?? "0.1";
  if (format?.fileFormat !== "lance" || !STORAGE_VERSIONS.has(storageVersion)) {
    throw new LanceError(
      "UNSUPPORTED",
      `${parts.uri} stores its data as ${format?.fileFormat ?? "lance"} ${storageVersion}; this version of lancelet reads lance ${[...STORAGE_VERSIONS].join(", ")}: write the table anew in one of these`,
      { uri: parts.uri, storageVersion },
    );
  }
  return {
    ...parts,
    files,
    deletions,
    version: name.version,
    manifest,
    schema: readSchema(manifest.fields, manifest.schemaMetadata),
    fragments: readFragments(manifest),
    indices,
    stableRowIds: (manifest.readerFeatureFlags & FLAG_STABLE_ROW_IDS) !== 0n,
    storageVersion,
    naming: name.naming,
  };
}

/** @throws NOT_FOUND naming the fragments there are */
export function getFragment(snapshot: Snapshot, fragmentId: number): Fragment {
  const { fragments } = snapshot;
  const fragment = fragments[findFirst(fragments.length, (i) => fragments[i]!.id >= fragmentId)];
  if (fragment?.id === fragmentId) return fragment;
  const known = fragments.slice(0, 20).map((fragment) => fragment.id);
  throw new LanceError(
    "NOT_FOUND",
    `version ${snapshot.version} has no fragment ${fragmentId}; it has ${fragments.length === 0 ? "none" : `${known.join(", ")}${fragments.length > known.length ? ", …" : ""}`}`,
    { fragmentId, version: snapshot.version, known },
  );
}
