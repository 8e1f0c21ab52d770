import { LanceError, throwIfAborted } from "../errors.ts";
import { createHttpReader } from "./http-reader.ts";
import type { StoreKind } from "./open-store.ts";
import { assertPath } from "./paths.ts";
import { assertRange } from "./ranges.ts";
import type { Store } from "./store.ts";
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
}

const MAX_WHOLE_BYTES = 8 * 1024 * 1024;
const MAX_RETRIES = 2;

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
  const reader = createHttpReader(
    {
      // Called as a method of another object, browsers refuse it.
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      headers: options.headers ?? {},
      ...(options.credentials ? { credentials: options.credentials } : {}),
      maxRetries: options.maxRetries ?? MAX_RETRIES,
    },
    { maxWholeBytes, crossOrigin: isCrossOrigin(root) },
  );
  const describable =
    !options.fetch && !options.headers && !options.credentials && root.search === "" && root.password === "";
  const refuse = async (operation: string, path: string): Promise<never> => {
    assertPath(path);
    throw readOnlyError("http", operation, path);
  };
  return {
    capabilities: { write: false, list: false, ranges: true, atomicCreate: false, durable: true },
    describe: () => (describable ? { kind: "http", url: root.href, maxWholeBytes } : undefined),
    async get(path, range = {}, call) {
      assertPath(path);
      assertRange(range);
      throwIfAborted(call?.signal);
      return reader.get({ path, url: locate(root, path), signal: call?.signal }, range);
    },
    put: (path) => refuse("put", path),
    createWriter: (path) => refuse("createWriter", path),
    // biome-ignore lint/correctness/useYield: a host has no listing; the iterable rejects at its first step
    async *list(prefix) {
      throw readOnlyError("http", "list", prefix);
    },
    delete: (path) => refuse("delete", path),
  };
}

/** `https://` and `http://`; `storageOptions` are {@link HttpStoreOptions}. */
export const httpStoreKind: StoreKind = {
  kind: "http",
  schemes: ["https", "http"],
  openUri: (uri, { storageOptions }) => createHttpStore(uri, storageOptions as HttpStoreOptions | undefined),
  reopen: ({ url, maxWholeBytes }) => createHttpStore(String(url), { maxWholeBytes: Number(maxWholeBytes) }),
};

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
