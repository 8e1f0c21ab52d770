import type { ReadableStore, StoreCallOptions } from "../../store/store.ts";
import { readVersionHint } from "./find-version.ts";
import { gallopFrom, type KnownVersion, probeVersion } from "./probe-version.ts";

/**
 * Whether a table has a newer version than one known. Two small reads when it has none: the hint, and the next
 * version's manifest, since hints lag and next versions may be cleaned up.
 *
 * @returns the newest version, `undefined` when `known` is it
 * @throws IO, ABORTED
 */
export async function findNewerVersion(
  store: ReadableStore,
  known: KnownVersion,
  options: StoreCallOptions = {},
): Promise<number | undefined> {
  const call = { signal: options.signal, naming: known.naming };
  const hint = (await readVersionHint(store, options)) ?? 0;
  const hinted = hint > known.version ? await probeVersion(store, hint, call) : undefined;
  const found = hinted ?? (await probeVersion(store, known.version + 1, call));
  return found && (await gallopFrom(store, found, options))?.version;
}
