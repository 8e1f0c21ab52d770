import { isLanceError } from "../../errors.ts";
import type { GetResult, ReadableStore, StoreCallOptions } from "../../store/store.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { formatManifestPath, type ManifestNaming } from "./manifest-path.ts";
import { MANIFEST_TAIL_BYTES } from "./read-manifest.ts";

/** A manifest that is there, with its last bytes: the probe has read what opening it needs. */
export interface ProbedManifest {
  readonly version: number;
  readonly naming: ManifestNaming;
  readonly path: string;
  readonly tail: GetResult;
  /** The host could not be reached: newer versions may exist. */
  readonly offline?: true;
}

/** A version that is there. */
export interface KnownVersion {
  readonly version: number;
  readonly naming: ManifestNaming;
}

/** Versions asked for at once where nothing tells which exist. */
const CONCURRENT_PROBES = 16;

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
  let unreachable: unknown;
  for (const naming of namings) {
    const path = formatManifestPath(version, naming);
    try {
      const tail = await store.get(path, { suffix: MANIFEST_TAIL_BYTES }, { signal: options.signal });
      if (tail !== undefined) return { version, naming, path, tail };
    } catch (error) {
      // The other name may be kept on this device.
      if (!isUnreachable(error)) throw error;
      unreachable ??= error;
    }
  }
  if (unreachable !== undefined) throw unreachable;
  return undefined;
}

/** Whether an error says that nobody answered, so that what is kept on the device may do instead. */
export function isUnreachable(error: unknown): boolean {
  return isLanceError(error, "IO") && error.details.unreachable === true;
}

/**
 * The highest of some versions that exists under one naming. One read of a byte each, many at once.
 *
 * @returns `undefined` when none does
 */
export async function findHighest(
  store: ReadableStore,
  versions: readonly number[],
  options: StoreCallOptions & { naming: ManifestNaming },
): Promise<KnownVersion | undefined> {
  const { naming } = options;
  const there = await mapBounded(versions, CONCURRENT_PROBES, (version) =>
    isThere(store, { version, naming }, options),
  );
  const hits = versions.filter((_, i) => there[i]);
  return hits.length === 0 ? undefined : { version: Math.max(...hits), naming };
}

/**
 * The last version of the unbroken run that starts at `from`: gallops ahead, then halves. Commits add one version at
 * a time and clean-up never removes the newest, so the run that holds a recent version ends at the newest. The next
 * version is read whole, since it may be the answer; beyond it a byte tells.
 *
 * @returns `undefined` when the versions went away meanwhile
 */
export async function gallopFrom(
  store: ReadableStore,
  from: KnownVersion & { readonly tail?: GetResult },
  options: StoreCallOptions = {},
): Promise<ProbedManifest | undefined> {
  const { naming } = from;
  const call = { signal: options.signal, naming };
  const path = formatManifestPath(from.version, naming);
  const first =
    from.tail === undefined ? await probeVersion(store, from.version, call) : { ...from, path, tail: from.tail };
  if (first === undefined) return undefined;
  let held: ProbedManifest = first;
  const next = await probeVersion(store, first.version + 1, call);
  if (next === undefined) return first;
  held = next;
  let known = next.version;
  let missing = Number.POSITIVE_INFINITY;
  for (let step = 1; missing === Number.POSITIVE_INFINITY; step *= 2) {
    if (await isThere(store, { version: known + step, naming }, options)) known += step;
    else missing = known + step;
  }
  while (missing - known > 1) {
    const middle = known + Math.floor((missing - known) / 2);
    if (await isThere(store, { version: middle, naming }, options)) known = middle;
    else missing = middle;
  }
  if (known > held.version) held = (await probeVersion(store, known, call)) ?? held;
  return held;
}

async function isThere(store: ReadableStore, version: KnownVersion, options: StoreCallOptions): Promise<boolean> {
  const path = formatManifestPath(version.version, version.naming);
  return (await store.get(path, { offset: 0, length: 1 }, { signal: options.signal })) !== undefined;
}
