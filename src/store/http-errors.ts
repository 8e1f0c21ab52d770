import { LanceError } from "../errors.ts";

/**
 * What `fetch` rejects with when the network, the host or CORS stood in the way: browsers do not say which.
 * `details.unreachable` marks it, so that what is kept on the device may answer instead.
 */
export function explainFetchFailure(error: unknown, path: string, url: string): LanceError {
  if ((error as { name?: string } | null)?.name === "AbortError") {
    return new LanceError("ABORTED", "the operation was cancelled", { path }, { cause: error });
  }
  const reason = error instanceof Error ? error.message : String(error);
  const offline = (globalThis as { navigator?: { onLine?: boolean } }).navigator?.onLine === false;
  const advice = offline
    ? "this device is offline"
    : "check the network, and where the host is another origin that it allows CORS: it must send " +
      '"Access-Control-Allow-Origin" for this page, allow the "Range" request header, and best send ' +
      '"Access-Control-Expose-Headers: Content-Range, Content-Length, ETag"';
  return new LanceError(
    "IO",
    `could not fetch ${url}: ${reason}; ${advice}`,
    { path, url, unreachable: true, offline },
    { cause: error },
  );
}

/** A status that is neither success nor absence. */
export function refuseStatus(response: Response, path: string, url: string): LanceError {
  const { status } = response;
  const advice =
    status === 401 || status === 403
      ? "; the host refuses access: pass storageOptions.headers, or make the objects public (S3 also says 403 for a missing object when listing is not allowed)"
      : status === 429 || status >= 500
        ? "; the host is overloaded or failing, also after retries: try again later"
        : "";
  return new LanceError("IO", `${url} answered ${status} ${response.statusText}`.trimEnd() + advice, {
    path,
    url,
    status,
  });
}

/** A host that compresses slices: their offsets then count compressed bytes. */
export function refuseEncoding(encoding: string, path: string, url: string): LanceError {
  return new LanceError(
    "IO",
    `${url} sent a slice with "Content-Encoding: ${encoding}": expected stored bytes; turn compression off for Lance files on this host`,
    { path, url, encoding },
  );
}

/** A host that ignores `Range` and would send an object too large to take whole. */
export function refuseNoRanges(facts: { path: string; url: string; sizeBytes?: number; maxWholeBytes: number }) {
  const size = facts.sizeBytes === undefined ? "a body of unknown size" : `${facts.sizeBytes} bytes`;
  return new LanceError(
    "UNSUPPORTED",
    `${facts.url} does not serve ranges: it sent ${size} for a slice, and at most ${facts.maxWholeBytes} are taken whole; ` +
      "use a host that answers Range requests with 206, or raise maxWholeBytes",
    facts,
  );
}

/** An object of a table that is not what it was: Lance files are written once. */
export function refuseChanged(facts: {
  path: string;
  url: string;
  what: "etag" | "length";
  expected: string | number;
  received: string | number;
}): LanceError {
  return new LanceError(
    "IO",
    `${facts.url} changed while it was read: ${facts.what} was ${facts.expected}, is ${facts.received}. Files of a Lance table are written once, so the table was replaced by another one; open it again, and publish new versions beside the old ones rather than over them`,
    facts,
  );
}
