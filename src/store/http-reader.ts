import { LanceError, throwIfAborted } from "../errors.ts";
import { explainFetchFailure, refuseEncoding, refuseNoRanges, refuseStatus } from "./http-errors.ts";
import { createKnownObjects, type KnownObject } from "./http-known.ts";
import { type HttpTransport, requestObject } from "./http-request.ts";
import {
  cancelBody,
  isFallbackPage,
  readBody,
  readContentLength,
  readContentRange,
  readEncoding,
  readStrongEtag,
} from "./http-response.ts";
import { type ByteSpan, resolveRange } from "./ranges.ts";
import type { ByteRange, GetResult } from "./store.ts";

/** One object to read. */
export interface HttpCall {
  readonly path: string;
  readonly url: string;
  readonly signal: AbortSignal | undefined;
}

/** How answers are judged. */
export interface HttpReaderOptions {
  /** From a host that ignores `Range`, larger objects are refused. */
  readonly maxWholeBytes: number;
  /** A browser hides most headers then, and sends a preflight before a suffix range. */
  readonly crossOrigin: boolean;
}

/** Reads objects of one host: which requests to make, and what their answers mean. */
export function createHttpReader(transport: HttpTransport, options: HttpReaderOptions) {
  const { maxWholeBytes, crossOrigin } = options;
  const known = createKnownObjects();

  /** `undefined` when the object is not there. */
  const send = async (call: HttpCall, range?: string): Promise<Response | undefined> => {
    const response = await requestObject(transport, { ...call, range });
    if ((response.ok && !isFallbackPage(response, call.path)) || response.status === 416) return response;
    await cancelBody(response);
    const { status } = response;
    if (response.ok || status === 404 || status === 410) return undefined;
    if (status === 403 && isProbed(call.path)) return undefined;
    throw refuseStatus(response, call.path, call.url);
  };

  const takeBody = async (call: HttpCall, response: Response, maxBytes: number): Promise<Uint8Array | undefined> => {
    try {
      return await readBody(response, maxBytes);
    } catch (error) {
      throwIfAborted(call.signal);
      throw explainFetchFailure(error, call.path, call.url);
    }
  };

  const finish = (
    call: HttpCall,
    response: Response,
    part: { bytes: Uint8Array; totalBytes: number | undefined; end: number },
  ): GetResult => {
    const etag = readStrongEtag(response);
    const facts: KnownObject = {
      ...(part.totalBytes === undefined ? {} : { totalBytes: part.totalBytes }),
      ...(etag ? { etag } : {}),
    };
    known.learn(call, facts);
    if (part.totalBytes !== undefined) return { bytes: part.bytes, totalBytes: part.totalBytes, ...facts };
    return { bytes: part.bytes, ...facts, totalBytes: part.end, totalBytesIsLowerBound: true };
  };

  /** A 200: the whole object, also where a slice was asked of a host that serves none. */
  const takeWhole = async (call: HttpCall, response: Response, range: ByteRange): Promise<GetResult> => {
    const isSlice = range.offset !== undefined || range.suffix !== undefined;
    const limit = isSlice ? maxWholeBytes : Number.POSITIVE_INFINITY;
    const announced = readContentLength(response);
    const refusal = { path: call.path, url: call.url, maxWholeBytes };
    if (announced !== undefined && announced > limit) {
      await cancelBody(response);
      throw refuseNoRanges({ ...refusal, sizeBytes: announced });
    }
    const bytes = await takeBody(call, response, limit);
    if (!bytes) throw refuseNoRanges(refusal);
    // Across origins a hidden Content-Encoding may have made them differ.
    if (!crossOrigin && announced !== undefined && announced !== bytes.byteLength) {
      throw refuseLength(call, { start: 0, end: announced }, bytes.byteLength);
    }
    const { start, end } = resolveRange(range, bytes.byteLength);
    return finish(call, response, { bytes: bytes.subarray(start, end), totalBytes: bytes.byteLength, end });
  };

  /** A 206: the slice asked for, or as much of it as the object has. */
  const takePart = async (call: HttpCall, response: Response, span: ByteSpan): Promise<GetResult> => {
    const declared = await readDeclared(call, response);
    if (declared?.start !== undefined && declared.start !== span.start) {
      await cancelBody(response);
      throw new LanceError("IO", `${call.url} sent bytes from ${declared.start}, expected them from ${span.start}`, {
        path: call.path,
        expected: span,
        received: declared,
      });
    }
    const bytes = await takeBody(call, response, span.end - span.start);
    const end = span.start + (bytes?.byteLength ?? 0);
    // Without any size, a slice that ends early is all there is to tell where the object ends.
    const totalBytes = declared?.totalBytes ?? known.sizeOf(call.path) ?? (bytes && end < span.end ? end : undefined);
    const expectedEnd = Math.min(span.end, totalBytes ?? span.end);
    if (!bytes || end !== expectedEnd) {
      throw refuseLength(call, { start: span.start, end: expectedEnd }, bytes?.byteLength);
    }
    return finish(call, response, { bytes, totalBytes, end });
  };

  /** Asks for all and looks at the headers only: across origins a length can be read where a range cannot. */
  const learnSize = async (call: HttpCall): Promise<number | undefined> => {
    const response = await send(call, "bytes=0-");
    if (!response) return undefined;
    const declared = await readDeclared(call, response);
    await cancelBody(response);
    const length = response.status === 416 ? 0 : readContentLength(response);
    const totalBytes = declared?.totalBytes ?? length;
    if (totalBytes === undefined) {
      throw new LanceError(
        "UNSUPPORTED",
        `${call.url} tells neither Content-Range nor Content-Length, so its size cannot be known; expose them on the host`,
        { path: call.path, url: call.url },
      );
    }
    const etag = readStrongEtag(response);
    known.learn(call, { totalBytes, ...(etag ? { etag } : {}) });
    return totalBytes;
  };

  const readSpan = async (call: HttpCall, asked: ByteSpan): Promise<GetResult | undefined> => {
    const knownBytes = known.sizeOf(call.path);
    const end = Math.min(asked.end, knownBytes ?? asked.end);
    if (knownBytes !== undefined && asked.start >= end) return { bytes: new Uint8Array(), totalBytes: knownBytes };
    if (asked.start === asked.end) {
      const totalBytes = await learnSize(call);
      return totalBytes === undefined ? undefined : { bytes: new Uint8Array(), totalBytes };
    }
    const response = await send(call, `bytes=${asked.start}-${end - 1}`);
    if (!response) return undefined;
    const range = { offset: asked.start, length: asked.end - asked.start };
    if (response.status === 206) return takePart(call, response, { start: asked.start, end });
    if (response.status !== 416) return takeWhole(call, response, range);
    await cancelBody(response);
    const totalBytes = readContentRange(response, call.url)?.totalBytes ?? (await learnSize(call));
    if (totalBytes === undefined) return undefined;
    known.learn(call, { totalBytes });
    return { bytes: new Uint8Array(), totalBytes };
  };

  const readSuffix = async (call: HttpCall, suffix: number): Promise<GetResult | undefined> => {
    let totalBytes = known.sizeOf(call.path);
    let head: GetResult | undefined;
    if (totalBytes === undefined && crossOrigin && suffix > 0) {
      // From its start, since only absolute ranges go without a preflight: most objects read so are no larger.
      head = await readSpan(call, { start: 0, end: suffix });
      if (!head) return undefined;
      totalBytes = head.totalBytesIsLowerBound ? undefined : head.totalBytes;
      if (totalBytes !== undefined && totalBytes <= suffix) return head;
    }
    if (totalBytes === undefined && !crossOrigin && suffix > 0) {
      const response = await send(call, `bytes=-${suffix}`);
      if (!response) return undefined;
      if (response.status === 200) return takeWhole(call, response, { suffix });
      const declared = await readDeclared(call, response);
      totalBytes = declared?.totalBytes;
      if (totalBytes !== undefined && response.status === 206) {
        const span = resolveRange({ suffix }, totalBytes);
        // Some hosts (sirv, so also Vite's) take "-5" for "0-5".
        if (declared?.start === span.start) return takePart(call, response, span);
      }
      await cancelBody(response);
    }
    totalBytes ??= await learnSize(call);
    if (totalBytes === undefined) return undefined;
    known.learn(call, { totalBytes });
    const wanted = resolveRange({ suffix }, totalBytes);
    const headEnd = head?.bytes.byteLength ?? 0;
    if (!head || headEnd <= wanted.start) return readSpan(call, wanted);
    const rest = await readSpan(call, { start: headEnd, end: totalBytes });
    return rest && { ...rest, bytes: joinBytes(head.bytes.subarray(wanted.start), rest.bytes) };
  };

  return {
    async get(call: HttpCall, range: ByteRange): Promise<GetResult | undefined> {
      if (range.suffix !== undefined) return readSuffix(call, range.suffix);
      if (range.offset !== undefined) {
        return readSpan(call, { start: range.offset, end: range.offset + range.length });
      }
      const response = await send(call);
      return response && takeWhole(call, response, {});
    },
  };
}

function joinBytes(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.byteLength + second.byteLength);
  joined.set(first);
  joined.set(second, first.byteLength);
  return joined;
}

/** Versions and refs are found by probing, and S3 says 403 for what is missing where listing is not allowed. */
function isProbed(path: string): boolean {
  return /(^|\/)(_versions|_refs)\//.test(path);
}

/** @throws IO when the slice is of a compressed form, whose offsets mean nothing */
async function readDeclared(call: HttpCall, response: Response) {
  const encoding = response.status === 206 ? readEncoding(response) : undefined;
  if (!encoding) return readContentRange(response, call.url);
  await cancelBody(response);
  throw refuseEncoding(encoding, call.path, call.url);
}

function refuseLength(call: HttpCall, expected: ByteSpan, receivedBytes: number | undefined): LanceError {
  const received = receivedBytes ?? "more";
  return new LanceError(
    "IO",
    `${call.url} sent a slice of the wrong length from ${expected.start} on: expected ${expected.end - expected.start} bytes, received ${received}; a host that compresses slices does this, turn that off for Lance files`,
    { path: call.path, expected, received },
  );
}
