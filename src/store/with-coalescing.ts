import { throwIfAborted } from "../errors.ts";
import { overrideStore } from "./override-store.ts";
import { assertPath } from "./paths.ts";
import { assertRange, resolveRange } from "./ranges.ts";
import { createSharedCall } from "./shared-call.ts";
import type { GetResult, ReadableStore } from "./store.ts";
import { waitForQuiet } from "./wait-for-quiet.ts";

/** How far apart two slices may be and still be one request. */
export interface CoalescingOptions {
  /** Bytes read for nothing between two slices of one request. Default: what the store declares, or 64 KiB. */
  readonly maxGapBytes?: number;
  /** A merged request is never larger; a single slice may be. Default 8 MiB. */
  readonly maxRequestBytes?: number;
}

interface Slice {
  readonly offset: number;
  readonly length: number;
  readonly signal: AbortSignal | undefined;
  resolve(result: Promise<GetResult | undefined>): void;
}

interface Group {
  readonly start: number;
  end: number;
  readonly slices: Slice[];
}

/** What was fetched as one, by the slices cut from it. */
const fetchedAs = new WeakMap<GetResult, FetchedSlice>();

/** A slice as it was fetched. */
export interface FetchedSlice {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The larger slice an answer was cut from, where several were fetched as one: what lay between is at hand too. */
export function findFetchedSlice(result: GetResult): FetchedSlice | undefined {
  return fetchedAs.get(result);
}

/**
 * Concurrent gets of slices, issued in the same tick against one path, become few requests. Each caller receives its
 * own view of the merged bytes; a caller that aborts leaves the others alone. Whole and suffix reads pass through.
 */
export function withCoalescing<S extends ReadableStore>(store: S, options: CoalescingOptions = {}): S {
  const limits = {
    maxGapBytes: options.maxGapBytes ?? store.capabilities?.gapBytes ?? 64 * 1024,
    maxRequestBytes: options.maxRequestBytes ?? 8 * 1024 * 1024,
  };
  const queues = new Map<string, Slice[]>();
  let arrivals = 0;

  const flushWhenQuiet = async (path: string) => {
    await waitForQuiet(() => arrivals);
    const slices = queues.get(path) ?? [];
    queues.delete(path);
    for (const group of groupSlices(slices, limits)) readGroup(store, path, group);
  };

  return overrideStore(store, {
    async get(path, range = {}, callOptions) {
      assertPath(path);
      assertRange(range);
      throwIfAborted(callOptions?.signal);
      if (range.offset === undefined || callOptions?.transient) return store.get(path, range, callOptions);
      const { offset, length } = range;
      return new Promise<GetResult | undefined>((resolve) => {
        arrivals++;
        const slice: Slice = { offset, length, signal: callOptions?.signal, resolve };
        const queue = queues.get(path);
        if (queue) {
          queue.push(slice);
        } else {
          queues.set(path, [slice]);
          void flushWhenQuiet(path);
        }
      });
    },
  });
}

function groupSlices(slices: Slice[], limits: { maxGapBytes: number; maxRequestBytes: number }): Group[] {
  const groups: Group[] = [];
  for (const slice of slices.sort((a, b) => a.offset - b.offset)) {
    const end = slice.offset + slice.length;
    const last = groups.at(-1);
    const mergedEnd = Math.max(last?.end ?? 0, end);
    const fits =
      last &&
      (end <= last.end ||
        (slice.offset - last.end <= limits.maxGapBytes && mergedEnd - last.start <= limits.maxRequestBytes));
    if (fits) {
      last.end = mergedEnd;
      last.slices.push(slice);
    } else {
      groups.push({ start: slice.offset, end, slices: [slice] });
    }
  }
  return groups;
}

function readGroup(store: ReadableStore, path: string, group: Group): void {
  const range = { offset: group.start, length: group.end - group.start };
  const call = createSharedCall((signal) => store.get(path, range, { signal }));
  for (const slice of group.slices) {
    slice.resolve(call.join(slice.signal).then((result) => result && cutSlice(result, group.start, slice)));
  }
  call.start();
}

function cutSlice(result: GetResult, groupStart: number, slice: Slice): GetResult {
  const relative = { offset: slice.offset - groupStart, length: slice.length };
  const { start, end } = resolveRange(relative, result.bytes.byteLength);
  // The same object for all who asked for all of it: it was fetched once.
  if (end - start === result.bytes.byteLength) return result;
  const cut = { ...result, bytes: result.bytes.subarray(start, end) };
  fetchedAs.set(cut, { offset: groupStart, bytes: result.bytes });
  return cut;
}
