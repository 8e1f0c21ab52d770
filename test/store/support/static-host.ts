import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How the host treats one request; the default is what a good static host does. */
export interface HostBehaviour {
  /** Answers every slice with 200 and the whole object. */
  readonly ignoreRanges?: boolean;
  /** Sends no `Content-Range`, as CORS makes it look across origins. */
  readonly hideContentRange?: boolean;
  readonly hideContentLength?: boolean;
  /** Takes `bytes=-5` for `bytes=0-5`, as sirv does. */
  readonly misreadSuffix?: boolean;
  readonly refuseSuffix?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers so many requests with this status first. */
  readonly failures?: { readonly status: number; count: number };
  /** The status of what is missing. */
  readonly missingStatus?: number;
  /** Body for what is missing. */
  readonly fallbackPage?: string;
  /** Sends less than it announced and hangs up. */
  readonly truncate?: boolean;
  /** Shifts the bytes it sends for a slice. */
  readonly shiftBytes?: number;
  /** Takes requests and answers none. */
  readonly isSilent?: boolean;
  /** Answers `ListObjectsV2` at its root. */
  readonly lists?: boolean;
  /** Sends CORS headers, so that pages of other origins may read; `exposed` headers beside the safelisted ones. */
  readonly cors?: { readonly exposed?: string };
}

/** One request as the host saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly path: string;
  readonly range?: string;
  readonly headers: IncomingMessage["headers"];
}

/** A small HTTP host over a map of objects. */
export interface StaticHost {
  readonly url: string;
  readonly objects: Map<string, Uint8Array>;
  readonly seen: SeenRequest[];
  behave(behaviour: HostBehaviour): void;
  close(): Promise<void>;
}

/** Listens on a free port of this machine. */
export async function startStaticHost(): Promise<StaticHost> {
  const objects = new Map<string, Uint8Array>();
  const seen: SeenRequest[] = [];
  let behaviour: HostBehaviour = {};
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, "http://host").pathname).slice("/table/".length);
    const { range } = request.headers;
    seen.push({
      method: request.method!,
      url: request.url!,
      path,
      headers: request.headers,
      ...(range === undefined ? {} : { range }),
    });
    if (behaviour.cors) allowOrigins(response, behaviour.cors.exposed);
    if (request.method === "OPTIONS") return end(response, 204);
    const url = new URL(request.url!, "http://host");
    if (behaviour.lists && url.searchParams.get("list-type") === "2") return sendListing(response, objects, url);
    if (behaviour.isSilent) return;
    answer(response, { bytes: objects.get(path), range, behaviour });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/table`,
    objects,
    seen,
    behave(next) {
      behaviour = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function allowOrigins(response: ServerResponse, exposed: string | undefined): void {
  response.setHeader("access-control-allow-origin", "*");
  response.setHeader("access-control-allow-headers", "range");
  if (exposed) response.setHeader("access-control-expose-headers", exposed);
}

function sendListing(response: ServerResponse, objects: ReadonlyMap<string, Uint8Array>, url: URL): ServerResponse {
  const prefix = url.searchParams.get("prefix") ?? "";
  const keys = [...objects.keys()].map((path) => `table/${path}`).filter((key) => key.startsWith(prefix));
  const rows = keys
    .sort()
    .slice(0, Number(url.searchParams.get("max-keys")))
    .map((key) => `<Contents><Key>${key}</Key><Size>${objects.get(key.slice(6))!.length}</Size></Contents>`);
  response.setHeader("content-type", "application/xml");
  return end(response, 200, Buffer.from(`<ListBucketResult>${rows.join("")}</ListBucketResult>`));
}

function answer(
  response: ServerResponse,
  call: { bytes: Uint8Array | undefined; range: string | undefined; behaviour: HostBehaviour },
): ServerResponse {
  const { bytes, range, behaviour } = call;
  if (behaviour.failures && behaviour.failures.count-- > 0) return end(response, behaviour.failures.status);
  for (const [name, value] of Object.entries(behaviour.headers ?? {})) response.setHeader(name, value);
  if (!bytes) {
    if (behaviour.fallbackPage === undefined) return end(response, behaviour.missingStatus ?? 404);
    response.setHeader("content-type", "text/html; charset=utf-8");
    return end(response, 200, Buffer.from(behaviour.fallbackPage));
  }
  const match = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
  if (!match || behaviour.ignoreRanges) return sendBody(response, { status: 200, bytes, behaviour });
  let start = Number(match[1]);
  let last = match[2] === "" ? bytes.length - 1 : Math.min(Number(match[2]), bytes.length - 1);
  if (match[1] === "" && !behaviour.misreadSuffix) {
    if (behaviour.refuseSuffix) return end(response, 400);
    start = Math.max(0, bytes.length - Number(match[2]));
    last = bytes.length - 1;
  }
  if (start > last) {
    if (!behaviour.hideContentRange) response.setHeader("content-range", `bytes */${bytes.length}`);
    return end(response, 416);
  }
  if (!behaviour.hideContentRange) response.setHeader("content-range", `bytes ${start}-${last}/${bytes.length}`);
  const shift = behaviour.shiftBytes ?? 0;
  return sendBody(response, { status: 206, bytes: bytes.subarray(start + shift, last + 1 + shift), behaviour });
}

function sendBody(
  response: ServerResponse,
  body: { status: number; bytes: Uint8Array; behaviour: HostBehaviour },
): ServerResponse {
  const { bytes, behaviour } = body;
  if (!behaviour.hideContentLength) response.setHeader("content-length", bytes.length);
  if (!behaviour.truncate) return end(response, body.status, bytes);
  response.writeHead(body.status);
  response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
  return response;
}

function end(response: ServerResponse, status: number, bytes?: Uint8Array): ServerResponse {
  response.writeHead(status);
  if (bytes !== undefined) response.write(bytes);
  return response.end();
}
