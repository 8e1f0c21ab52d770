import { LanceError } from "../../errors.ts";

/** How a table names its manifests: V1 `{version}.manifest`, V2 `{2^64−1 − version, 20 digits}.manifest`. */
export type ManifestNaming = "v1" | "v2";

/** Directory of manifests, with its slash. */
export const VERSIONS_PREFIX = "_versions/";

/** Where the newest version is noted, best effort. Never cached. */
export const VERSION_HINT_PATH = "_versions/latest_version_hint.json";

const SUFFIX = ".manifest";
const U64_MAX = 2n ** 64n - 1n;
const V2_DIGITS = 20;

/**
 * Path of one version's manifest.
 *
 * @param version at least 1
 */
export function formatManifestPath(version: number, naming: ManifestNaming): string {
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new LanceError("INVALID_ARGUMENT", `a version is a whole number from 1 on, received ${version}`, { version });
  }
  const stem = naming === "v1" ? String(version) : (U64_MAX - BigInt(version)).toString().padStart(V2_DIGITS, "0");
  return `${VERSIONS_PREFIX}${stem}${SUFFIX}`;
}

/** A manifest's version and naming, read off its path. */
export interface ManifestName {
  readonly version: number;
  readonly naming: ManifestNaming;
}

/**
 * Reads a manifest path. Detached versions (`d…`, bit 63 set), the hint file and strangers give `undefined`.
 *
 * @param path with or without `_versions/`
 */
export function parseManifestPath(path: string): ManifestName | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (!name.endsWith(SUFFIX)) return undefined;
  const stem = name.slice(0, -SUFFIX.length);
  if (!/^[0-9]{1,20}$/.test(stem)) return undefined;
  const naming: ManifestNaming = stem.length === V2_DIGITS ? "v2" : "v1";
  const version = naming === "v2" ? U64_MAX - BigInt(stem) : BigInt(stem);
  if (version < 1n || version > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { version: Number(version), naming };
}

/**
 * Refuses a table whose manifests carry both kinds of names: two readers could disagree on the newest one.
 *
 * @throws CORRUPT
 */
export function checkOneNaming(names: readonly ManifestName[]): void {
  const v1 = names.find((name) => name.naming === "v1");
  const v2 = names.find((name) => name.naming === "v2");
  if (v1 && v2) {
    throw new LanceError(
      "CORRUPT",
      `${VERSIONS_PREFIX} holds manifests of both naming schemes (V1 for version ${v1.version}, V2 for version ${v2.version}); migrate the table to one of them`,
      { v1: v1.version, v2: v2.version },
    );
  }
}
