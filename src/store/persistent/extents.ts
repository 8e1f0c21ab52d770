/** A slice of an object that is held. */
export interface Extent {
  /** Within the object. */
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Everything held of one block of one object. */
export interface Block {
  /** Names the object as it was: another stamp is another object. */
  readonly stamp: string;
  /** Ascending, disjoint, with gaps between them. */
  readonly extents: readonly Extent[];
}

/** End of an extent, exclusive. */
export function endOf(extent: Extent): number {
  return extent.start + extent.bytes.byteLength;
}

/** Extents as few as possible; where two overlap they hold the same bytes. Copies what it joins. */
export function mergeExtents(extents: readonly Extent[]): Extent[] {
  const sorted = extents.filter(({ bytes }) => bytes.byteLength > 0).sort((a, b) => a.start - b.start);
  const merged: Extent[] = [];
  for (let first = 0; first < sorted.length; ) {
    const { start } = sorted[first]!;
    let end = endOf(sorted[first]!);
    let next = first + 1;
    for (; next < sorted.length && sorted[next]!.start <= end; next++) end = Math.max(end, endOf(sorted[next]!));
    const only = sorted[first]!;
    if (endOf(only) === end) {
      merged.push(only);
    } else {
      const bytes = new Uint8Array(end - start);
      for (const each of sorted.slice(first, next)) bytes.set(each.bytes, each.start - start);
      merged.push({ start, bytes });
    }
    first = next;
  }
  return merged;
}

/** Copies what extents hold of a span into `target`. @returns the parts of the span they do not hold, ascending */
export function fillSpan(
  target: Uint8Array,
  span: { readonly start: number; readonly end: number },
  extents: readonly Extent[],
): { start: number; end: number }[] {
  const missing: { start: number; end: number }[] = [];
  let at = span.start;
  for (const extent of mergeExtents(extents)) {
    const from = Math.max(extent.start, at);
    const to = Math.min(endOf(extent), span.end);
    if (from >= to) continue;
    if (from > at) missing.push({ start: at, end: from });
    target.set(extent.bytes.subarray(from - extent.start, to - extent.start), from - span.start);
    at = to;
  }
  if (at < span.end) missing.push({ start: at, end: span.end });
  return missing;
}

/** Joins spans that a gap of at most `maxGapBytes` parts. */
export function joinSpans(
  spans: readonly { readonly start: number; readonly end: number }[],
  maxGapBytes: number,
): { start: number; end: number }[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const last = joined.at(-1);
    if (last && start - last.end <= maxGapBytes) last.end = end;
    else joined.push({ start, end });
  }
  return joined;
}

/** `u32 header length, JSON header, bytes of the extents in order` */
export function encodeBlock({ stamp, extents }: Block): Uint8Array {
  const rows = extents.map(({ start, bytes }) => [start, bytes.byteLength]);
  const header = new TextEncoder().encode(JSON.stringify({ stamp, extents: rows }));
  const encoded = new Uint8Array(extents.reduce((sum, { bytes }) => sum + bytes.byteLength, 4 + header.byteLength));
  new DataView(encoded.buffer).setUint32(0, header.byteLength, true);
  encoded.set(header, 4);
  let at = 4 + header.byteLength;
  for (const { bytes } of extents) {
    encoded.set(bytes, at);
    at += bytes.byteLength;
  }
  return encoded;
}

/** @returns `undefined` for bytes that are no block: a cache may lose what it likes */
export function decodeBlock(encoded: Uint8Array): Block | undefined {
  if (encoded.byteLength < 4) return undefined;
  const headerBytes = new DataView(encoded.buffer, encoded.byteOffset, 4).getUint32(0, true);
  if (headerBytes > encoded.byteLength - 4) return undefined;
  let header: { stamp?: unknown; extents?: unknown };
  try {
    header = JSON.parse(new TextDecoder().decode(encoded.subarray(4, 4 + headerBytes))) as typeof header;
  } catch {
    return undefined;
  }
  if (typeof header?.stamp !== "string" || !Array.isArray(header.extents)) return undefined;
  const extents: Extent[] = [];
  let at = 4 + headerBytes;
  for (const row of header.extents as unknown[]) {
    const [start, length] = Array.isArray(row) ? (row as unknown[]) : [];
    if (!isSize(start) || !isSize(length) || at + length > encoded.byteLength) return undefined;
    extents.push({ start, bytes: encoded.subarray(at, at + length) });
    at += length;
  }
  return at === encoded.byteLength ? { stamp: header.stamp, extents } : undefined;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
