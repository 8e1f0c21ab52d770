import { LanceError } from "../errors.ts";

/** `Content-Range` of a 206 or 416, as far as it can be read. */
export interface ContentRange {
  /** Absent in a 416. */
  readonly start?: number;
  /** Exclusive. */
  readonly end?: number;
  /** Absent where the host does not know it. */
  readonly totalBytes?: number;
}

/** RFC 9110 section 14.4. `undefined` when the header is absent, or hidden by CORS. @throws IO when malformed */
export function readContentRange(response: Response, url: string): ContentRange | undefined {
  const header = response.headers.get("content-range");
  if (header === null) return undefined;
  const match = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header.trim());
  if (!match) throw new LanceError("IO", `${url} sent a malformed Content-Range: "${header}"`, { url, header });
  const [, first, last, total] = match;
  return {
    ...(first === undefined ? {} : { start: Number(first), end: Number(last) + 1 }),
    ...(total === "*" ? {} : { totalBytes: Number(total) }),
  };
}

/**
 * `Content-Length` when it counts the bytes that `body` gives: a decoded body is longer, and across origins the
 * encoding is hidden while the length is not.
 */
export function readContentLength(response: Response): number | undefined {
  const header = response.headers.get("content-length");
  if (header === null || !/^\d+$/.test(header)) return undefined;
  return readEncoding(response) ? undefined : Number(header);
}

/**
 * Whether a host answered with a page in a missing file's place, as those of single-page apps do: no file of a table
 * is HTML.
 */
export function isFallbackPage(response: Response, path: string): boolean {
  const type = response.headers.get("content-type") ?? "";
  return /^\s*text\/html\b/i.test(type) && !/\.html?$/i.test(path);
}

/** The content coding other than identity, where it can be read. */
export function readEncoding(response: Response): string | undefined {
  const encoding = response.headers.get("content-encoding")?.trim();
  return encoding && encoding.toLowerCase() !== "identity" ? encoding : undefined;
}

/** Only a strong validator says that two slices are of one object. */
export function readStrongEtag(response: Response): string | undefined {
  const etag = response.headers.get("etag");
  return etag && !etag.startsWith("W/") ? etag : undefined;
}

/** Reads a body of at most `maxBytes`; `undefined`, and the transfer cancelled, when it is longer. */
export async function readBody(response: Response, maxBytes: number): Promise<Uint8Array | undefined> {
  if (!response.body) return new Uint8Array();
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    sizeBytes += value.byteLength;
    if (sizeBytes > maxBytes) {
      await reader.cancel().catch(() => {});
      return undefined;
    }
    parts.push(value);
  }
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.byteLength;
  }
  return all;
}

/** Lets the connection go without reading the rest. */
export async function cancelBody(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {});
}
