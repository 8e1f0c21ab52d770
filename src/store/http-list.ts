import { LanceError } from "../errors.ts";
import { type HttpTransport, requestObject } from "./http-request.ts";
import { cancelBody, readBody } from "./http-response.ts";
import type { ListedObject, StoreCallOptions } from "./store.ts";

/** A folder of a bucket that answers S3's `ListObjectsV2`. */
interface Bucket {
  /** Of the bucket, with a last `/`. */
  readonly url: string;
  /** Of the table within the bucket, with a last `/`, or empty. */
  readonly keyPrefix: string;
}

/** One page of a listing. */
interface ListPage {
  readonly objects: readonly ListedObject[];
  readonly next: string | undefined;
}

/** A page has at most 1,000 rows of some hundred bytes. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
const PAGE_KEYS = 1000;
/** Fetches that fail say nothing for good, so many do. */
const MAX_FAILURES = 4;

/** Lists what a host keeps, where it speaks S3. */
export interface HttpLister {
  /** Whether a listing was answered. */
  readonly works: boolean;
  /** @returns `undefined` when the host does not list, or with `likely` is none that is known to */
  peek(
    prefix: string,
    options: StoreCallOptions & { limit: number; when: "likely" | "possible" },
  ): Promise<readonly ListedObject[] | undefined>;
  /** @throws UNSUPPORTED when the host does not list */
  list(prefix: string, options?: StoreCallOptions): AsyncIterable<ListedObject>;
}

/**
 * Asks a host for listings as S3 answers them (`?list-type=2`, Amazon S3 API reference). The bucket is the host, or the
 * first folder of the path; the first style that answers is kept. A refusal is remembered.
 *
 * @param root the table's directory; one with a query string, as of a signed URL, is never listed
 */
export function createHttpLister(
  transport: HttpTransport,
  root: URL,
  options: { readonly list: "auto" | "none" | { readonly bucketUrl: string } },
): HttpLister {
  const { list } = options;
  const likely = typeof list === "object" || isStorageHost(root);
  let candidates =
    list === "none" || root.search !== "" ? [] : listBuckets(root, list === "auto" ? undefined : list.bucketUrl);
  let found: Bucket | undefined;
  let failures = 0;

  const readPage = async (
    bucket: Bucket,
    query: { prefix: string; limit: number; after?: string | undefined },
    call: StoreCallOptions,
  ): Promise<ListPage | undefined> => {
    const url = new URL(bucket.url);
    url.searchParams.set("list-type", "2");
    url.searchParams.set("prefix", bucket.keyPrefix + query.prefix);
    url.searchParams.set("max-keys", String(query.limit));
    if (query.after !== undefined) url.searchParams.set("continuation-token", query.after);
    const target = { url: url.href, path: query.prefix, revalidate: true, signal: call.signal };
    const response = await requestObject(transport, target);
    if (!response.ok || !/\bxml\b/i.test(response.headers.get("content-type") ?? "")) {
      await cancelBody(response);
      return undefined;
    }
    const body = await readBody(response, MAX_PAGE_BYTES);
    return body && parsePage(new TextDecoder().decode(body), bucket.keyPrefix);
  };

  /** The first page, from the first style of address that answers with a listing. */
  const openListing = async (query: { prefix: string; limit: number }, call: StoreCallOptions) => {
    const tried = found ? [found] : candidates;
    for (const bucket of tried) {
      // Across origins a refusal shows as a failed fetch: the host has said nothing that could be listed.
      const page = await readPage(bucket, query, call).catch((error: unknown) => {
        if (call.signal?.aborted) throw error;
        failures++;
        return undefined;
      });
      if (page === undefined) continue;
      found = bucket;
      return { bucket, page };
    }
    if (!found && (failures === 0 || failures >= MAX_FAILURES)) candidates = [];
    return undefined;
  };

  return {
    get works() {
      return found !== undefined;
    },
    async peek(prefix, call) {
      if (call.when === "likely" && !likely) return undefined;
      return (await openListing({ prefix, limit: call.limit }, call))?.page.objects;
    },
    async *list(prefix, call = {}) {
      const opened = await openListing({ prefix, limit: PAGE_KEYS }, call);
      if (!opened) {
        throw new LanceError("UNSUPPORTED", `${root.href} cannot be listed: its host does not answer as S3 does`, {
          url: root.href,
          prefix,
        });
      }
      let { page } = opened;
      for (;;) {
        yield* page.objects;
        if (page.next === undefined) return;
        const next = await readPage(opened.bucket, { prefix, limit: PAGE_KEYS, after: page.next }, call);
        if (!next) throw new LanceError("IO", `the listing of ${root.href} broke off`, { url: root.href, prefix });
        page = next;
      }
    },
  };
}

/** Both ways a bucket is addressed, the likelier first. */
function listBuckets(root: URL, bucketUrl: string | undefined): Bucket[] {
  const path = decodeURIComponent(root.pathname).slice(1);
  if (bucketUrl !== undefined) {
    const bucket = new URL(bucketUrl.endsWith("/") ? bucketUrl : `${bucketUrl}/`);
    const folder = decodeURIComponent(bucket.pathname).slice(1);
    const inside = bucket.origin === root.origin && path.startsWith(folder);
    return [{ url: bucket.origin + bucket.pathname, keyPrefix: inside ? path.slice(folder.length) : path }];
  }
  const [first] = path.split("/");
  const host: Bucket = { url: `${root.origin}/`, keyPrefix: path };
  if (!first || first === path.replace(/\/$/, "")) return [host];
  const folder: Bucket = {
    url: `${root.origin}/${encodeURIComponent(first)}/`,
    keyPrefix: path.slice(first.length + 1),
  };
  return namesBucketInPath(root.hostname) ? [folder, host] : [host, folder];
}

/** Hosts that are known to speak S3. */
function isStorageHost({ hostname }: URL): boolean {
  return /(^|\.)(s3[.-][a-z0-9.-]*amazonaws\.com(\.cn)?|s3\.amazonaws\.com|storage\.googleapis\.com|r2\.cloudflarestorage\.com|digitaloceanspaces\.com|backblazeb2\.com|wasabisys\.com)$/.test(
    hostname,
  );
}

function namesBucketInPath(hostname: string): boolean {
  return /^(s3[.-]|storage\.googleapis\.com$|[0-9a-f]+\.r2\.cloudflarestorage\.com$|localhost$|[\d.]+$|\[)/.test(
    hostname,
  );
}

function parsePage(xml: string, keyPrefix: string): ListPage | undefined {
  if (!/<ListBucketResult[\s>]/.test(xml)) return undefined;
  const objects: ListedObject[] = [];
  for (const [, row] of xml.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
    const key = readText(row!, "Key");
    const sizeBytes = Number(readText(row!, "Size"));
    if (key === undefined || !key.startsWith(keyPrefix) || key.endsWith("/") || !Number.isSafeInteger(sizeBytes))
      continue;
    const modifiedMs = Date.parse(readText(row!, "LastModified") ?? "");
    objects.push({
      path: key.slice(keyPrefix.length),
      sizeBytes,
      ...(Number.isNaN(modifiedMs) ? {} : { modifiedMs }),
    });
  }
  const truncated = readText(xml, "IsTruncated") === "true";
  return { objects, next: truncated ? readText(xml, "NextContinuationToken") : undefined };
}

function readText(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found?.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(amp|lt|gt|quot|apos));/gi, (_, decimal, hex, name: string) => {
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16));
    return { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }[name.toLowerCase()]!;
  });
}
