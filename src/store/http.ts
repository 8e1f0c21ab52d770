import { LanceError, throwIfAborted } from "../errors.ts";
import { explainFetchFailure, refuseChanged, refuseEncoding, refuseNoRanges, refuseStatus } from "./http-errors.ts";
import { type HttpTransport, requestObject } from "./http-request.ts";
import {
  cancelBody,
  readBody,
  readContentLength,
  readContentRange,
  readEncoding,
  readStrongEtag,
} from "./http-response.ts";
import { isMutablePath } from "./mutable-paths.ts";
import type { StoreKind } from "./open-store.ts";
import { assertPath } from "./paths.ts";
import { assertRange, resolveRange } from "./ranges.ts";
import type { ByteRange, GetResult, Store } from "./store.ts";
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

interface KnownObject {
  readonly totalBytes?: number;
  readonly etag?: string;
}

interface Call {
  readonly path: string;
  readonly url: string;
  readonly signal: AbortSignal | undefined;
}

/** Facts about so many objects are kept; then the oldest are forgotten, and at worst learned again. */
const MAX_KNOWN = 10_000;

/**
 * A table on a static host, read-only. Slices are absolute `Range` requests, which need no CORS preflight; a suffix
 * whose object's size is not known yet costs one request more across origins. ETag and length of an object must stay
 * the same between reads. 404 and 410 are absence; so is 403 below `_versions/` and `_refs/`, where versions are found
 * by probing and S3 says 403 for what is missing; elsewhere 403 is an IO error.
 *
 * @param url the table's directory; a query string, as of a signed URL, is sent along with every request
 */
export function createHttpStore(url: string, options: HttpStoreOptions = {}): Store {
  const root = parseRoot(url);
  const transport: HttpTransport = {
    // Called as a method, browsers refuse it.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    headers: options.headers ?? {},
    ...(options.credentials ? { credentials: options.credentials } : {}),
    maxRetries: options.maxRetries ?? 2,
  };
  const maxWholeBytes = options.maxWholeBytes ?? 8 * 1024 * 1024;
  const known = new Map<string, KnownObject>();
  const crossOrigin = isCrossOrigin(root);

  const learn = (call: Call, facts: KnownObject): KnownObject => {
    const { path, url: at } = call;
    if (isMutablePath(path)) return facts;
    const before = known.get(path);
    for (const [what, expected, received] of [
      ["length", before?.totalBytes, facts.totalBytes],
      ["etag", before?.etag, facts.etag],
    ] as const) {
      if (expected !== undefined && received !== undefined && expected !== received) {
        known.delete(path);
        throw refuseChanged({ path, url: at, what, expected, received });
      }
    }
    const merged = { ...before, ...facts };
    known.delete(path);
    known.set(path, merged);
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!);
    return merged;
  };

  /** Sends, and sorts out absence, refusals and hosts that changed an object. */
  const send = async (call: Call, range?: string): Promise<Response | undefined> => {
    const response = await requestObject(transport, { ...call, range });
    if (response.status === 416 || response.status === 206 || response.ok) return response;
    await cancelBody(response);
    if (response.status === 404 || response.status === 410) return undefined;
    if (response.status === 403 && /(^|\/)(_versions|_refs)\//.test(call.path)) return undefined;
    throw refuseStatus(response, call.path, call.url);
  };

  const takeBody = async (call: Call, response: Response, maxBytes: number): Promise<Uint8Array | undefined> => {
    try {
      return await readBody(response, maxBytes);
    } catch (error) {
      throwIfAborted(call.signal);
      throw explainFetchFailure(error, call.path, call.url);
    }
  };

  /** A 200: the whole object, also where a slice was asked of a host that does not serve any. */
  const takeWhole = async (call: Call, response: Response, range: ByteRange): Promise<GetResult> => {
    const asked = range.offset !== undefined || range.suffix !== undefined;
    const announced = readContentLength(response);
    const limit = asked ? maxWholeBytes : Infinity;
    const refusal = { path: call.path, url: call.url, maxWholeBytes };
    if (announced !== undefined && announced > limit) {
      await cancelBody(response);
      throw refuseNoRanges({ ...refusal, sizeBytes: announced });
    }
    const bytes = await takeBody(call, response, limit);
    if (!bytes) throw refuseNoRanges(refusal);
    if (!crossOrigin && announced !== undefined && announced !== bytes.byteLength) {
      throw new LanceError("IO", `${call.url} sent ${bytes.byteLength} of ${announced} bytes`, { path: call.path });
    }
    const etag = readStrongEtag(response);
    learn(call, { totalBytes: bytes.byteLength, ...(etag ? { etag } : {}) });
    const { start, end } = resolveRange(range, bytes.byteLength);
    return {
      bytes: start === 0 && end === bytes.byteLength ? bytes : bytes.subarray(start, end),
      totalBytes: bytes.byteLength,
      ...(etag ? { etag } : {}),
    };
  };

  /** Asks for everything and looks at the headers only: across origins a length can be read where a range cannot. */
  const learnSize = async (call: Call): Promise<number | undefined> => {
    const response = await send(call, "bytes=0-");
    if (!response) return undefined;
    await cancelBody(response);
    if (response.status === 416) return readContentRange(response, call.url)?.totalBytes ?? 0;
    const encoding = readEncoding(response);
    if (encoding) throw refuseEncoding(encoding, call.path, call.url);
    const totalBytes = readContentRange(response, call.url)?.totalBytes ?? readContentLength(response);
    if (totalBytes === undefined) {
      throw new LanceError(
        "UNSUPPORTED",
        `${call.url} tells neither Content-Range nor Content-Length: its size cannot be known; expose them on the host`,
        { path: call.path, url: call.url },
      );
    }
    const etag = readStrongEtag(response);
    learn(call, { totalBytes, ...(etag ? { etag } : {}) });
    return totalBytes;
  };

  const getSuffix = async (call: Call, suffix: number): Promise<GetResult | undefined> => {
    if (crossOrigin || suffix === 0) {
      const totalBytes = await learnSize(call);
      return totalBytes === undefined ? undefined : getSpan(call, resolveRange({ suffix }, totalBytes));
    }
    const response = await send(call, `bytes=-${suffix}`);
    if (!response) return undefined;
    if (response.status === 200) return takeWhole(call, response, { suffix });
    const totalBytes = readContentRange(response, call.url)?.totalBytes;
    if (response.status === 416 || totalBytes === undefined) {
      await cancelBody(response);
      const size = await learnSize(call);
      return size === undefined ? undefined : getSpan(call, resolveRange({ suffix }, size));
    }
    return takePart(call, response, resolveRange({ suffix }, totalBytes));
  };

  const getSpan = async (call: Call, span: { start: number; end: number }): Promise<GetResult | undefined> => {
    const totalBytes = known.get(call.path)?.totalBytes;
    if (totalBytes !== undefined && span.start >= Math.min(span.end, totalBytes)) {
      return { bytes: new Uint8Array(), totalBytes };
    }
    // An empty slice still has to say whether the object is there.
    const end = Math.max(span.start + 1, Math.min(span.end, totalBytes ?? span.end));
    const response = await send(call, `bytes=${span.start}-${end - 1}`);
    if (!response) return undefined;
    const range = { offset: span.start, length: span.end - span.start };
    if (response.status === 200) return takeWhole(call, response, range);
    if (response.status !== 416) return takePart(call, response, { start: span.start, end }, range);
    await cancelBody(response);
    const size = readContentRange(response, call.url)?.totalBytes ?? (await learnSize(call));
    if (size === undefined) return undefined;
    learn(call, { totalBytes: size });
    return { bytes: new Uint8Array(), totalBytes: size };
  };

  /** A 206: it must be the slice that was asked for, or end where the object ends. */
  const takePart = async (
    call: Call,
    response: Response,
    span: { start: number; end: number },
    asked?: ByteRange,
  ): Promise<GetResult> => {
    const encoding = readEncoding(response);
    const declared = readContentRange(response, call.url);
    const wrongStart = declared?.start !== undefined && declared.start !== span.start;
    if (encoding || wrongStart) {
      await cancelBody(response);
      if (encoding) throw refuseEncoding(encoding, call.path, call.url);
      throw new LanceError("IO", `${call.url} sent bytes from ${declared?.start}, expected them from ${span.start}`, {
        path: call.path,
        expected: span,
        received: declared,
      });
    }
    const length = span.end - span.start;
    const bytes = await takeBody(call, response, length);
    const short = bytes && bytes.byteLength < length;
    const end = span.start + (bytes?.byteLength ?? 0);
    const totalBytes = declared?.totalBytes ?? known.get(call.path)?.totalBytes ?? (short ? end : undefined);
    const expectedEnd = Math.min(span.end, totalBytes ?? span.end);
    if (!bytes || end !== (short || totalBytes !== undefined ? expectedEnd : span.end)) {
      const received = bytes ? `${bytes.byteLength}` : `more than ${length}`;
      throw new LanceError(
        "IO",
        `${call.url} sent ${received} bytes for the slice ${span.start} to ${expectedEnd} (exclusive)`,
        { path: call.path, expected: { start: span.start, end: expectedEnd }, received },
      );
    }
    const etag = readStrongEtag(response);
    learn(call, { ...(totalBytes === undefined ? {} : { totalBytes }), ...(etag ? { etag } : {}) });
    return {
      bytes: asked?.length !== undefined && asked.length < bytes.byteLength ? bytes.subarray(0, asked.length) : bytes,
      ...(totalBytes === undefined ? { totalBytes: end, totalBytesIsLowerBound: true as const } : { totalBytes }),
      ...(etag ? { etag } : {}),
    };
  };

  const describable = !options.fetch && !options.headers && !options.credentials && root.search === "";
  return {
    capabilities: { write: false, list: false, ranges: true, atomicCreate: false, durable: true },
    describe: () => (describable ? { kind: "http", url: root.href, maxWholeBytes } : undefined),
    async get(path, range = {}, callOptions) {
      assertPath(path);
      assertRange(range);
      throwIfAborted(callOptions?.signal);
      const call = { path, url: locate(root, path), signal: callOptions?.signal };
      const totalBytes = known.get(path)?.totalBytes;
      if (range.offset !== undefined) {
        return getSpan(call, { start: range.offset, end: range.offset + range.length });
      }
      if (range.suffix !== undefined) {
        if (totalBytes === undefined) return getSuffix(call, range.suffix);
        return getSpan(call, resolveRange(range, totalBytes));
      }
      const response = await send(call);
      return response && takeWhole(call, response, {});
    },
    put: async (path) => {
      throw readOnlyError("http", "put", path);
    },
    createWriter: async (path) => {
      throw readOnlyError("http", "createWriter", path);
    },
    // biome-ignore lint/correctness/useYield: a host has no listing; the contract's iterable rejects at its first step
    list: async function* (prefix) {
      throw readOnlyError("http", "list", prefix);
    },
    delete: async (path) => {
      throw readOnlyError("http", "delete", path);
    },
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
  const base = (globalThis as { location?: { href: string } }).location?.href;
  let root: URL;
  try {
    root = new URL(url, base);
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
  const origin = (globalThis as { location?: { origin?: string } }).location?.origin;
  return origin !== undefined && origin !== "null" && origin !== root.origin;
}
