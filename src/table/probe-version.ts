import type { GetResult, ReadableStore, StoreCallOptions } from "../store/store.ts";
import { formatManifestPath, type ManifestNaming } from "./manifest-path.ts";
import { MANIFEST_TAIL_BYTES } from "./read-manifest.ts";

/** A manifest that is there, with its last bytes: the probe has read what opening it needs. */
export interface ProbedManifest {
  readonly version: number;
  readonly naming: ManifestNaming;
  readonly path: string;
  readonly tail: GetResult;
}

/**
 * Asks for one version by its two possible names, V2 first. One or two reads of 64 KiB.
 *
 * @returns `undefined` when neither exists
 */
export async function probeVersion(
  store: ReadableStore,
  version: number,
  options: StoreCallOptions & { naming?: ManifestNaming | undefined } = {},
): Promise<ProbedManifest | undefined> {
  const namings: readonly ManifestNaming[] = options.naming === undefined ? ["v2", "v1"] : [options.naming];
  for (const naming of namings) {
    const path = formatManifestPath(version, naming);
    const tail = await store.get(path, { suffix: MANIFEST_TAIL_BYTES }, { signal: options.signal });
    if (tail !== undefined) return { version, naming, path, tail };
  }
  return undefined;
}

/**
 * The last version of the unbroken run that starts at `from`: gallops ahead, then halves. Commits add one version at
 * a time and clean-up never removes the newest, so the run that holds a recent version ends at the newest.
 */
export async function gallopFrom(
  store: ReadableStore,
  from: ProbedManifest,
  options: StoreCallOptions = {},
): Promise<ProbedManifest> {
  const probe = (version: number) => probeVersion(store, version, { ...options, naming: from.naming });
  let known = from;
  let missing = Number.POSITIVE_INFINITY;
  for (let step = 1; missing === Number.POSITIVE_INFINITY; step *= 2) {
    const found = await probe(known.version + step);
    if (found === undefined) missing = known.version + step;
    else known = found;
  }
  while (missing - known.version > 1) {
    const middle = known.version + Math.floor((missing - known.version) / 2);
    const found = await probe(middle);
    if (found === undefined) missing = middle;
    else known = found;
  }
  return known;
}
