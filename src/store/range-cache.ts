import { findFirst } from "../search-sorted.ts";
import { resolveRange } from "./ranges.ts";
import type { ByteRange, GetResult } from "./store.ts";

interface Entry {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  readonly result: GetResult;
}

/** Slices of objects, bounded in bytes, least recently used first to go. */
export interface RangeCache {
  find(path: string, range: ByteRange): GetResult | undefined;
  add(path: string, range: ByteRange, result: GetResult): void;
  remove(path: string): void;
  readonly sizeBytes: number;
}

const kept = new WeakSet<GetResult>();

/** Whether an answer came out of a cache, and cost no request. */
export function wasKept(result: GetResult): boolean {
  return kept.has(result);
}

/** What one entry costs beside its bytes, so that many empty slices are bounded too. */
const ENTRY_OVERHEAD_BYTES = 128;

/** From here on entries leave in groups. */
const MANY_ENTRIES = 1024;

/** @param maxBytes bound on the sum of all slices; a slice above half of it is not kept */
export function createRangeCache(maxBytes: number): RangeCache {
  /** In order of last use. */
  const order = new Set<Entry>();
  /** Ascending by start. None lies inside of another, so that the ends ascend too. */
  const byPath = new Map<string, Entry[]>();
  let sizeBytes = 0;

  const costOf = (entry: Entry) => entry.end - entry.start + ENTRY_OVERHEAD_BYTES;
  const drop = (entry: Entry) => {
    if (!order.delete(entry)) return;
    sizeBytes -= costOf(entry);
    const siblings = byPath.get(entry.path)!;
    siblings.splice(countStarts(siblings, entry.start) - 1, 1);
    if (siblings.length === 0) byPath.delete(entry.path);
  };

  /** Of many entries a sixteenth goes at once: taking them out of their lists one by one would move each list each time. */
  const evict = () => {
    const target = order.size > MANY_ENTRIES ? (maxBytes / 16) * 15 : maxBytes;
    const gone = new Set<Entry>();
    for (const oldest of order) {
      if (sizeBytes <= target) break;
      gone.add(oldest);
      order.delete(oldest);
      sizeBytes -= costOf(oldest);
    }
    for (const path of new Set(Array.from(gone, (entry) => entry.path))) {
      const left = byPath.get(path)!.filter((entry) => !gone.has(entry));
      if (left.length === 0) byPath.delete(path);
      else byPath.set(path, left);
    }
  };

  return {
    get sizeBytes() {
      return sizeBytes;
    },
    find(path, range) {
      const siblings = byPath.get(path);
      if (!siblings) return undefined;
      const totalBytes = siblings.find((each) => !each.result.totalBytesIsLowerBound)?.result.totalBytes;
      // Of an object whose size the host hides, only what was asked for in absolute terms can be found again.
      if (totalBytes === undefined && range.offset === undefined) return undefined;
      const { start, end } = resolveRange(range, totalBytes ?? Number.MAX_SAFE_INTEGER);
      const entry = siblings[countStarts(siblings, start) - 1];
      if (!entry || end > entry.end) return undefined;
      order.delete(entry);
      order.add(entry);
      const bytes = entry.result.bytes.subarray(start - entry.start, end - entry.start);
      const result = { ...entry.result, bytes };
      kept.add(result);
      return result;
    },
    add(path, range, result) {
      const { start, end } = resolveRange(range, result.totalBytes);
      if (end - start !== result.bytes.byteLength || end - start > maxBytes / 2) return;
      const siblings = byPath.get(path) ?? [];
      const before = countStarts(siblings, start);
      if (before > 0 && end <= siblings[before - 1]!.end) return;
      let inside = before > 0 && siblings[before - 1]!.start === start ? before - 1 : before;
      const covered: Entry[] = [];
      for (; inside < siblings.length && siblings[inside]!.end <= end; inside++) covered.push(siblings[inside]!);
      for (const each of covered) drop(each);
      const entry: Entry = { path, start, end, result: { ...result, bytes: detachSlice(result.bytes) } };
      order.add(entry);
      sizeBytes += costOf(entry);
      const now = byPath.get(path);
      if (now) now.splice(countStarts(now, start), 0, entry);
      else byPath.set(path, [entry]);
      if (sizeBytes > maxBytes) evict();
    },
    remove(path) {
      for (const each of [...(byPath.get(path) ?? [])]) drop(each);
    },
  };
}

/** How many entries start at or before an offset. */
function countStarts(entries: readonly Entry[], offset: number): number {
  return findFirst(entries.length, (i) => entries[i]!.start > offset);
}

/** A small view of a large buffer would keep all of it alive and uncounted. */
function detachSlice(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength > bytes.byteLength ? bytes.slice() : bytes;
}
