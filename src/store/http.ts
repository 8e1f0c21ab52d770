import { LanceError, throwIfAborted } from "../errors.ts";
import { createHttpLister } from "./http-list.ts";
import { createHttpReader } from "./http-reader.ts";
import type { HttpTransport } from "./http-request.ts";
import { reopenStore, type StoreKind } from "./open-store.ts";
import { assertPath, assertPrefix } from "./paths.ts";
import { canCachePersistently, type PersistentCacheOptions } from "./persistent/open-block-cache.ts";
import { withPersistentCache } from "./persistent/with-persistent-cache.ts";
import { assertRange } from "./ranges.ts";
import type { Store, StoreDescription } from "./store.ts";
import { readOnlyError } from "./store-errors.ts";

/** How a host is spoken to. */
export interface HttpStoreOptions {
  /** Sent with every request. A store with headers is not described, so that secrets stay in this thread. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly credentials?: RequestCredentials;
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch;
  /** From a host that ignores `Range`, larger objects are refused. Default 8 MiB. */
  readonly maxWholeBytes?: number;
  /** Extra attempts after 408, 429 and 5xx. Default 2. */
  readonly maxRetries?: number;
  /**
   * Whether the host is asked for listings as S3 gives them. Default `auto`: hosts known to speak S3 are asked first,
   * others when the table has no version hint. `bucketUrl` names a bucket whose address is not in the table's.
   */
  readonly list?: "auto" | "none" | { readonly bucketUrl: string };
}

/** What `storageOptions` of an `https://` address takes. */
export interface HttpStorageOptions extends HttpStoreOptions {
  /**
   * Keeps what is read on this device, see {@link withPersistentCache}. Default: on in browsers, 512 MiB over all
   * tables, unless the host is given headers or credentials.
   */
  readonly persistentCache?: boolean | PersistentCacheOptions | undefined;
}

const MAX_WHOLE_BYTES = 8 * 1024 * 1024;
const MAX_RETRIES = 2;
/**
 * 50 ms at 20 Mbit/s: a search costs fewest requests at bytes not beyond native's later on. Of 61,436 × 384 by IVF_RQ, 16
 * probes, refine 5: with 32, 64 and 128 KiB a first one takes 74, 70 and 64 requests for 1.6, 1.8 and 2.2 MB, a later one
 * 46, 44 and 41 for 0.16, 0.19 and 0.29. Less than this also parts what one row of a list takes.
 */
const GAP_BYTES = 128 * 1024;

/**
 * A table on a static host, read-only. Slices are absolute `Range` requests, which need no CORS preflight; a suffix of
 * an object whose size is not known yet costs one request more across origins. ETag and length of an object must stay
 * the same between reads. 404, 410 and an HTML page in a file's place are absence; so is 403 below `_versions/` and
 * `_refs/`, which are probed, and elsewhere it is an IO error.
 *
 * @param url the table's directory; a query string, as of a signed URL, is sent along with every request
 * @throws INVALID_ARGUMENT when `url` is none
 */
export function createHttpStore(url: string, options: HttpStoreOptions = {}): Store {
  const root = parseRoot(url);
  const maxWholeBytes = options.maxWholeBytes ?? MAX_WHOLE_BYTES;
  const transport = {
    // Called as a method of another object, browsers refuse it.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    headers: options.headers ?? {},
    ...(options.credentials ? { credentials: options.credentials } : {}),
    maxRetries: options.maxRetries ?? MAX_RETRIES,
  } satisfies HttpTransport;
  const reader = createHttpReader(transport, { maxWholeBytes, crossOrigin: isCrossOrigin(root) });
  const list = checkListOption(options.list ?? "auto");
  const lister = createHttpLister(transport, root, { list });
  const describable =
    !options.fetch && !options.headers && !options.credentials && root.search === "" && root.password === "";
  const refuse = async (operation: string, path: string): Promise<never> => {
    assertPath(path);
    throw readOnlyError("http", operation, path);
  };
  return {
    capabilities: {
      write: false,
      // Known once the host has been asked.
      get list() {
        return lister.works;
      },
      ranges: true,
      atomicCreate: false,
      durable: true,
      gapBytes: GAP_BYTES,
    },
    describe: () => (describable ? { kind: "http", url: root.href, maxWholeBytes, list } : undefined),
    async peekList(prefix, call) {
      assertPrefix(prefix);
      throwIfAborted(call.signal);
      return lister.peek(prefix, call);
    },
    async get(path, range = {}, call) {
      assertPath(path);
      assertRange(range);
      throwIfAborted(call?.signal);
      return reader.get({ path, url: locate(root, path), signal: call?.signal }, range);
    },
    put: (path) => refuse("put", path),
    createWriter: (path) => refuse("createWriter", path),
    async *list(prefix, call) {
      assertPrefix(prefix);
      throwIfAborted(call?.signal);
      yield* lister.list(prefix, call);
    },
    delete: (path) => refuse("delete", path),
  };
}

/**
 * `https://` and `http://`; `storageOptions` are {@link HttpStorageOptions}.
 * @param options.persistentCache whether what is read is kept on the device where nothing is said
 */
export function createHttpStoreKind(options: { readonly persistentCache: boolean }): StoreKind {
  return {
    kind: "http",
    schemes: ["https", "http"],
    openUri(uri, { storageOptions = {} }) {
      const { persistentCache, ...http } = storageOptions as HttpStorageOptions;
      const isPrivate = http.headers !== undefined || http.credentials !== undefined;
      const wanted = persistentCache ?? (options.persistentCache && !isPrivate && canCachePersistently());
      const store = createHttpStore(uri, http);
      if (!wanted) return store;
      return withPersistentCache(store, { ...(wanted === true ? {} : wanted), key: nameRoot(parseRoot(uri)) });
    },
    async reopen({ url, maxWholeBytes, list, persistentCache }) {
      const store = createHttpStore(String(url), {
        maxWholeBytes: Number(maxWholeBytes),
        list: list as NonNullable<HttpStoreOptions["list"]>,
      });
      if (!persistentCache) return store;
      const { store: keptIn, ...cache } = persistentCache as PersistentCacheOptions & { store?: StoreDescription };
      return withPersistentCache(store, {
        ...cache,
        ...(keptIn ? { store: await reopenStore(keptIn) } : {}),
        key: nameRoot(parseRoot(String(url))),
      });
    },
  };
}

/** Signatures in a query change, while the table stays. */
const SIGNATURE =
  /^(x-amz-|x-goog-|signature$|expires$|key-pair-id$|policy$|awsaccesskeyid$|googleaccessid$|s[a-z]{1,3}$)/i;

function nameRoot(root: URL): string {
  const named = new URL(root);
  for (const name of [...named.searchParams.keys()]) if (SIGNATURE.test(name)) named.searchParams.delete(name);
  return named.href;
}

function checkListOption(list: unknown): "auto" | "none" | { readonly bucketUrl: string } {
  if (list === "auto" || list === "none") return list;
  const bucketUrl = (list as { bucketUrl?: unknown } | null)?.bucketUrl;
  if (typeof bucketUrl === "string" && URL.canParse(bucketUrl)) return { bucketUrl };
  throw new LanceError(
    "INVALID_ARGUMENT",
    `list: expected "auto", "none" or { bucketUrl }, received ${JSON.stringify(list)}`,
    { list },
  );
}

function parseRoot(url: string): URL {
  let root: URL;
  try {
    root = new URL(url, readLocation()?.href);
  } catch (error) {
    throw new LanceError("INVALID_ARGUMENT", `not a URL: "${url}"`, { url }, { cause: error });
  }
  root.hash = "";
  if (!root.pathname.endsWith("/")) root.pathname += "/";
  return root;
}

function locate(root: URL, path: string): string {
  const url = new URL(root);
  url.pathname += path.split("/").map(encodeURIComponent).join("/");
  return url.href;
}

/** Only browsers hide headers, and only across origins. */
function isCrossOrigin(root: URL): boolean {
  const origin = readLocation()?.origin;
  return origin !== undefined && origin !== "null" && origin !== root.origin;
}

/** Present in pages and web workers. */
function readLocation(): { href: string; origin: string } | undefined {
  return (globalThis as { location?: { href: string; origin: string } }).location;
}
