import { isLanceError, LanceError, throwIfAborted } from "../../errors.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { isManifestPath, isMutablePath, isVersionHint } from "../mutable-paths.ts";
import { overrideStore } from "../override-store.ts";
import { assertPath } from "../paths.ts";
import { assertRange, type ByteSpan, resolveRange } from "../ranges.ts";
import type { ByteRange, GetResult, ReadableStore, Store, StoreCallOptions } from "../store.ts";
import { type BlockCache, FACTS } from "./block-cache.ts";
import { fillSpan, joinSpans } from "./extents.ts";
import { openBlockCache, type PersistentCacheOptions } from "./open-block-cache.ts";

/** Missing parts nearer than this are fetched as one, where the store declares nothing. */
const MAX_GAP_BYTES = 64 * 1024;
/** So many manifests of a table are remembered as being on the device. */
const MAX_KEPT = 32;
/** Facts of so many objects stay in memory. */
const MAX_FACTS = 1_000;

/** What is known of an object. */
interface Facts extends Sighting {
  /** Names the object as it was first seen; blocks under another stamp are of another object. */
  readonly stamp: string;
}

/** What one answer tells of an object. */
interface Sighting {
  /** Absent where the host hides it. */
  readonly totalBytes?: number;
  readonly etag?: string;
}

/**
 * Keeps what was read of a remote table on this device, byte for byte as it was asked for, across reloads and shared by
 * all tabs and workers of the origin. Objects that are written once are answered from the device, and only missing
 * parts are fetched. Manifests and refs are asked of the host first, since a table may be replaced at its address, and
 * come from the device when the host cannot be reached. Absence and the version hint are never kept.
 *
 * @param options.key names the table for all its readers, such as its URL
 * @throws (from `get`) IO `{ offline: true }` when the host cannot be reached and the device lacks some of the bytes
 */
export function withPersistentCache<S extends ReadableStore>(
  store: S,
  options: PersistentCacheOptions & { readonly key: string },
): S {
  const { key: tableKey } = options;
  const opened = openBlockCache(options).catch(() => undefined);
  const facts = new Map<string, Facts>();
  const full = store as ReadableStore & Partial<Store>;
  const idOf = (path: string) => hashText(`${tableKey}\0${path}`);
  const nameObject = (path: string, { stamp }: Facts) => ({ id: idOf(path), stamp });

  const readFacts = async (cache: BlockCache, path: string): Promise<Facts | undefined> => {
    const known = facts.get(path);
    if (known) return known;
    const stored = parseFacts(await cache.getText(`${idOf(path)}/${FACTS}`), `${tableKey}\n${path}\n`);
    if (stored && !facts.has(path)) noteFacts(path, stored);
    return facts.get(path);
  };
  const noteFacts = (path: string, known: Facts) => {
    facts.delete(path);
    facts.set(path, known);
    if (facts.size > MAX_FACTS) facts.delete(facts.keys().next().value!);
  };

  /** Keeps an answer of the host. */
  const keep = async (cache: BlockCache, path: string, range: ByteRange, result: GetResult): Promise<void> => {
    const seen = readSighting(result);
    const before = await readFacts(cache, path);
    const stamp = `${tableKey}\n${path}\n${seen.etag ?? seen.totalBytes ?? ""}`;
    const now: Facts = before && agrees(before, seen) ? { ...before, ...seen } : { ...seen, stamp };
    const sizeBytes = range.offset === undefined ? result.totalBytes : Number.MAX_SAFE_INTEGER;
    const { start } = resolveRange(range, sizeBytes);
    if (JSON.stringify(before) !== JSON.stringify(now)) {
      cache.setText(`${idOf(path)}/${FACTS}`, JSON.stringify(now));
    }
    noteFacts(path, now);
    cache.add(nameObject(path, now), { start, bytes: result.bytes });
    if (isManifestPath(path)) await noteManifest(cache, path);
  };

  const noteManifest = async (cache: BlockCache, path: string): Promise<void> => {
    const kept = await readKept(cache);
    if (kept.at(-1) === path) return;
    const rest = kept.filter((each) => each !== path).slice(1 - MAX_KEPT);
    cache.setText(`${hashText(tableKey)}/kept`, JSON.stringify([...rest, path]));
  };
  const readKept = async (cache: BlockCache): Promise<string[]> => {
    const kept: unknown = parseJson(await cache.getText(`${hashText(tableKey)}/kept`));
    return Array.isArray(kept) ? kept.filter((path): path is string => typeof path === "string") : [];
  };

  /** From the device alone. @returns the answer, or the parts it lacks */
  const findKept = async (cache: BlockCache, path: string, range: ByteRange) => {
    const known = await readFacts(cache, path);
    if (!known || (known.totalBytes === undefined && range.offset === undefined)) return undefined;
    const span = resolveRange(range, known.totalBytes ?? Number.MAX_SAFE_INTEGER);
    const bytes = new Uint8Array(span.end - span.start);
    const missing = fillSpan(bytes, span, await cache.find(nameObject(path, known), span));
    return { known, span, bytes, missing };
  };

  const toResult = ({ known, span, bytes }: { known: Facts; span: ByteSpan; bytes: Uint8Array }): GetResult => ({
    bytes,
    ...(known.etag ? { etag: known.etag } : {}),
    ...(known.totalBytes === undefined
      ? { totalBytes: span.end, totalBytesIsLowerBound: true }
      : { totalBytes: known.totalBytes }),
  });

  /** The host first; the device when it cannot be reached. */
  const readFresh = async (cache: BlockCache, path: string, range: ByteRange, call: StoreCallOptions) => {
    try {
      const result = await store.get(path, range, call);
      if (result && !call.transient) await keep(cache, path, range, result);
      return result;
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      const kept = await findKept(cache, path, range);
      if (kept?.missing.length === 0) return toResult(kept);
      throw explainOffline(path, kept?.missing ?? [], error);
    }
  };

  /** The device first; only what it lacks is fetched. */
  const readKeptFirst = async (cache: BlockCache, path: string, range: ByteRange, call: StoreCallOptions) => {
    const kept = await findKept(cache, path, range);
    throwIfAborted(call.signal);
    if (kept?.missing.length === 0) return toResult(kept);
    try {
      if (kept && kept.missing.length > 0) {
        const parts = await settleAll(
          joinSpans(kept.missing, store.capabilities?.gapBytes ?? MAX_GAP_BYTES).map(async ({ start, end }) => {
            const part = { offset: start, length: end - start };
            return { start, part, result: await store.get(path, part, call) };
          }),
        );
        const same = parts.every(
          ({ result, part }) =>
            result && agrees(kept.known, readSighting(result)) && result.bytes.byteLength === part.length,
        );
        if (same) {
          for (const { start, part, result } of parts) {
            kept.bytes.set(result!.bytes, start - kept.span.start);
            if (!call.transient) await keep(cache, path, part, result!);
          }
          return toResult(kept);
        }
        // Another object stands there by now, or the host hid how long this one is.
        facts.delete(path);
      }
      const result = await store.get(path, range, call);
      if (result && !call.transient) await keep(cache, path, range, result);
      return result;
    } catch (error) {
      throw isUnreachable(error) ? explainOffline(path, kept?.missing ?? [], error) : error;
    }
  };

  return overrideStore(store, {
    async get(path, range = {}, call = {}) {
      assertPath(path);
      assertRange(range);
      throwIfAborted(call.signal);
      const cache = isVersionHint(path) ? undefined : await opened;
      if (!cache) return store.get(path, range, call);
      return isMutablePath(path) || isManifestPath(path)
        ? readFresh(cache, path, range, call)
        : readKeptFirst(cache, path, range, call);
    },
    async listKept(prefix) {
      const cache = await opened;
      return cache ? (await readKept(cache)).filter((path) => path.startsWith(prefix)) : [];
    },
    describe() {
      const inner = store.describe?.();
      const { maxBytes, name } = options;
      const keptIn = options.store?.describe();
      // A store that only this thread reaches keeps nothing for the others.
      if (!inner || (options.store && !keptIn)) return inner;
      return { ...inner, persistentCache: { maxBytes, name, ...(keptIn ? { store: keptIn } : {}) } };
    },
    async close() {
      await (await opened)?.flush();
      await full.close?.();
    },
  });
}

function readSighting({ totalBytes, totalBytesIsLowerBound, etag }: GetResult): Sighting {
  return { ...(totalBytesIsLowerBound ? {} : { totalBytes }), ...(etag ? { etag } : {}) };
}

/** Whether two sightings may be of one object. */
function agrees(a: Sighting, b: Sighting): boolean {
  const differ = <T>(x: T | undefined, y: T | undefined) => x !== undefined && y !== undefined && x !== y;
  return !differ(a.totalBytes, b.totalBytes) && !differ(a.etag, b.etag);
}

function parseFacts(text: string | undefined, stampStart: string): Facts | undefined {
  const parsed = parseJson(text) as { stamp?: unknown; totalBytes?: unknown; etag?: unknown } | undefined;
  if (typeof parsed?.stamp !== "string" || !parsed.stamp.startsWith(stampStart)) return undefined;
  return {
    stamp: parsed.stamp,
    ...(Number.isSafeInteger(parsed.totalBytes) ? { totalBytes: parsed.totalBytes as number } : {}),
    ...(typeof parsed.etag === "string" ? { etag: parsed.etag } : {}),
  };
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function isUnreachable(error: unknown): boolean {
  return isLanceError(error, "IO") && error.details.unreachable === true;
}

function explainOffline(path: string, missing: readonly ByteSpan[], cause: unknown): LanceError {
  const what =
    missing.length === 0
      ? "nothing of it is on this device"
      : `bytes ${missing.map(({ start, end }) => `${start} to ${end - 1}`).join(", ")} are not on this device`;
  return new LanceError(
    "IO",
    `offline: the host of "${path}" cannot be reached, and ${what}; what was read before stays readable, or copy the table whole with copyTo while online (${(cause as Error).message})`,
    { path, offline: true, unreachable: true, missing },
    { cause },
  );
}

/** FNV-1a of four seeds. A name for files and addresses; the stamp tells apart what shares one. */
function hashText(text: string): string {
  let name = "";
  for (const seed of [0x811c9dc5, 0x41c6ce57, 0x9e3779b9, 0x85ebca6b]) {
    let hash = seed;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    name += ((hash ^ (hash >>> 13)) >>> 0).toString(16).padStart(8, "0");
  }
  return name;
}
