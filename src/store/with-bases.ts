import { isLanceError, LanceError } from "../errors.ts";
import { openStore, reopenStore } from "./open-store.ts";
import { overrideStore } from "./override-store.ts";
import { relativeUri } from "./relative-uri.ts";
import type { ReadableStore, Store, StoreDescription } from "./store.ts";
import { withCache } from "./with-cache.ts";
import { withCoalescing } from "./with-coalescing.ts";
import { PREFIX_KIND, withPrefix } from "./with-prefix.ts";

/** A store and where it is. */
export interface StoreRoot {
  readonly store: Store;
  readonly uri: string;
}

/** First folder of a path that lies elsewhere; the second is where, percent-encoded. */
const ELSEWHERE = "@base/";
/** Slices kept of each store that was opened here. */
const CACHE_BYTES = 32 * 1024 * 1024;

const based = new WeakMap<ReadableStore, { readonly close: () => Promise<void> }>();

/** Path of a file in another place, for a store of {@link withBases}. @param uri of the folder */
export function formatElsewhere(uri: string, file: string): string {
  return `${ELSEWHERE}${encodeURIComponent(uri)}/${file}`;
}

/**
 * A store that also reads files of other places, as tables name them whose data lies at several: what is below the
 * root of a branch through that root's store, anything else through the back end its URI names, opened when first
 * read. Nothing is written there, and no credentials of this store go there.
 *
 * @param options.uri where the store is
 * @param options.root the table a branch's store is below; found from the store's description when absent
 */
export function withBases<S extends ReadableStore>(
  store: S,
  options: { readonly uri: string; readonly root?: StoreRoot | undefined },
): S {
  if (based.has(store)) return store;
  const opened = new Map<string, Promise<Store>>();
  const full = store as ReadableStore & Partial<Store>;

  const open = (uri: string): Promise<Store> => {
    const known = opened.get(uri);
    if (known) return known;
    const opening = openElsewhere(store, uri, options).catch((error) => {
      opened.delete(uri);
      throw error;
    });
    opened.set(uri, opening);
    return opening;
  };
  const close = async (): Promise<void> => {
    const stores = await Promise.allSettled(opened.values());
    opened.clear();
    for (const one of stores) if (one.status === "fulfilled") await one.value.close?.();
  };

  const wrapped = overrideStore(store, {
    async get(path, range, callOptions) {
      const place = parseElsewhere(path);
      if (place === undefined) return store.get(path, range, callOptions);
      return (await open(place.uri)).get(place.file, range, callOptions);
    },
    ...(full.list && {
      async *list(prefix: string, callOptions?: Parameters<Store["list"]>[1]) {
        const place = parseElsewhere(prefix);
        if (place === undefined) {
          yield* full.list!(prefix, callOptions);
          return;
        }
        for await (const object of (await open(place.uri)).list(place.file, callOptions)) {
          yield { ...object, path: formatElsewhere(place.uri, object.path) };
        }
      },
    }),
  });
  based.set(wrapped, { close });
  return wrapped;
}

/** Closes what a store of {@link withBases} opened; the store itself stays open. */
export async function closeBases(store: ReadableStore): Promise<void> {
  await based.get(store)?.close();
}

function parseElsewhere(path: string): { readonly uri: string; readonly file: string } | undefined {
  if (typeof path !== "string" || !path.startsWith(ELSEWHERE)) return undefined;
  const end = path.indexOf("/", ELSEWHERE.length);
  if (end < 0) return undefined;
  return { uri: decodeURIComponent(path.slice(ELSEWHERE.length, end)), file: path.slice(end + 1) };
}

async function openElsewhere(
  store: ReadableStore,
  uri: string,
  options: { readonly uri: string; readonly root?: StoreRoot | undefined },
): Promise<Store> {
  const root = options.root ?? (await reopenRoot(store.describe?.(), options.uri));
  const below = root && relativeUri(root.uri, uri);
  if (root && below !== undefined) return withPrefix(root.store, below);
  if (isRemote(options.uri) && !isRemote(uri)) {
    throw new LanceError(
      "UNSUPPORTED",
      `the table at ${options.uri} keeps some of its files at ${uri}, on this device; a table of another place is not followed there`,
      { uri: options.uri, basePath: uri },
    );
  }
  try {
    return withCache(withCoalescing(await openStore(uri)), { maxBytes: CACHE_BYTES });
  } catch (cause) {
    if (!isLanceError(cause)) throw cause;
    throw new LanceError(
      "UNSUPPORTED",
      `the table at ${options.uri} keeps some of its files at ${uri}, which cannot be opened here: ${cause.message}`,
      { uri: options.uri, basePath: uri },
      { cause },
    );
  }
}

/** Whether a URI is of another machine: what such a table names must not be looked for among this device's own data. */
function isRemote(uri: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(uri) && !/^(file|opfs|idb|memory):/i.test(uri);
}

/** A store rooted at a folder of another one tells of that one, so that a worker finds a branch's table too. */
async function reopenRoot(description: StoreDescription | undefined, uri: string): Promise<StoreRoot | undefined> {
  if (description?.kind !== PREFIX_KIND) return undefined;
  const folder = `/${String(description.prefix).replace(/\/+$/, "")}`;
  if (!uri.endsWith(folder)) return undefined;
  return { uri: uri.slice(0, -folder.length), store: await reopenStore(description.store as StoreDescription) };
}
