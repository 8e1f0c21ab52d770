import { LanceError } from "../../errors.ts";

/** Cookies of the portable Roaring format (RoaringFormatSpec). */
const COOKIE_WITHOUT_RUNS = 12346;
const COOKIE_WITH_RUNS = 12347;
/** Fewer containers than this have no table of offsets, where there are runs. */
const NO_OFFSET_THRESHOLD = 4;
const ARRAY_MAX = 4096;
const BITMAP_BYTES = 8192;

/** One high half of a treemap, and the portable bitmap of its low halves. */
export interface TreemapEntry {
  readonly high: number;
  readonly bitmap: Uint8Array;
}

/**
 * Cuts a Roaring treemap of u64 (`u64 count`, then `u32 high` and a portable 32-bit bitmap each) into its bitmaps.
 *
 * @throws CORRUPT
 */
export function splitTreemap(bytes: Uint8Array): TreemapEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const entries: TreemapEntry[] = [];
    const count = Number(view.getBigUint64(0, true));
    let at = 8;
    for (let i = 0; i < count; i++) {
      const high = view.getUint32(at, true);
      const end = readContainers(view, at + 4, () => {});
      entries.push({ high, bitmap: bytes.subarray(at + 4, end) });
      at = end;
    }
    if (at !== bytes.length) throw new RangeError(`${bytes.length - at} bytes are left over`);
    return entries;
  } catch (cause) {
    throw new LanceError("CORRUPT", "a set of row addresses is not a Roaring treemap", {}, { cause });
  }
}

/** Puts portable bitmaps together as a treemap. @param entries ascending by high half */
export function joinTreemap(entries: readonly TreemapEntry[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(entries.reduce((sum, { bitmap }) => sum + 4 + bitmap.length, 8));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(entries.length), true);
  let at = 8;
  for (const { high, bitmap } of entries) {
    view.setUint32(at, high, true);
    bytes.set(bitmap, at + 4);
    at += 4 + bitmap.length;
  }
  return bytes;
}

/**
 * Ranges of values of a portable bitmap, ascending. Costs its bytes, not its values: a run is one range.
 *
 * @throws CORRUPT
 */
export function decodeRanges(bitmap: Uint8Array): [start: number, end: number][] {
  const view = new DataView(bitmap.buffer, bitmap.byteOffset, bitmap.byteLength);
  const ranges: [number, number][] = [];
  const add = (start: number, end: number): void => {
    const last = ranges.at(-1);
    if (last !== undefined && start < last[1]) throw new RangeError(`${start} comes after ${last[1]}`);
    if (last?.[1] === start) last[1] = end;
    else ranges.push([start, end]);
  };
  try {
    readContainers(view, 0, ({ key, kind, at, length }) => {
      const base = key * 65536;
      for (let i = 0; i < length; i++) {
        if (kind === "array") {
          const low = view.getUint16(at + 2 * i, true);
          add(base + low, base + low + 1);
        } else if (kind === "runs") {
          const low = view.getUint16(at + 4 * i, true);
          const end = low + view.getUint16(at + 4 * i + 2, true) + 1;
          if (end > 65536) throw new RangeError(`a run ends at ${end}`);
          add(base + low, base + end);
        } else {
          for (let byte = view.getUint8(at + i), bit = 0; byte !== 0; byte >>= 1, bit++) {
            if (byte & 1) add(base + i * 8 + bit, base + i * 8 + bit + 1);
          }
        }
      }
    });
  } catch (cause) {
    throw new LanceError("CORRUPT", "a set of row offsets is not a Roaring bitmap", {}, { cause });
  }
  return ranges;
}

interface Container {
  readonly key: number;
  readonly kind: "array" | "runs" | "bits";
  readonly at: number;
  /** Values, runs or bytes. */
  readonly length: number;
}

/** Visits the containers of a portable bitmap. @returns where it ends @throws RangeError beyond the end of the bytes */
function readContainers(view: DataView, start: number, visit: (container: Container) => void): number {
  const cookie = view.getUint32(start, true);
  const hasRuns = (cookie & 0xffff) === COOKIE_WITH_RUNS;
  if (!hasRuns && cookie !== COOKIE_WITHOUT_RUNS) throw new RangeError(`${cookie} is no cookie of a bitmap`);
  const count = hasRuns ? (cookie >>> 16) + 1 : view.getUint32(start + 4, true);
  if (count > 65536) throw new RangeError(`${count} containers`);
  const flags = start + 4;
  const keys = hasRuns ? flags + Math.ceil(count / 8) : start + 8;
  let at = keys + 4 * count;
  if (!hasRuns || count >= NO_OFFSET_THRESHOLD) at += 4 * count;
  for (let i = 0; i < count; i++) {
    const isRun = hasRuns && ((view.getUint8(flags + (i >> 3)) >> (i & 7)) & 1) === 1;
    const key = view.getUint16(keys + 4 * i, true);
    const cardinality = view.getUint16(keys + 4 * i + 2, true) + 1;
    if (isRun) {
      const length = view.getUint16(at, true);
      visit({ key, kind: "runs", at: at + 2, length });
      at += 2 + 4 * length;
    } else if (cardinality <= ARRAY_MAX) {
      visit({ key, kind: "array", at, length: cardinality });
      at += 2 * cardinality;
    } else {
      visit({ key, kind: "bits", at, length: BITMAP_BYTES });
      at += BITMAP_BYTES;
    }
  }
  if (at > view.byteLength) throw new RangeError(`a bitmap ends at ${at} of ${view.byteLength} bytes`);
  return at;
}

/**
 * A portable bitmap of ranges, as run containers: four bytes a range and some more for every 65,536 values.
 *
 * @param ranges ascending, disjoint, `[start, end)`
 */
export function encodeRangeBitmap(ranges: readonly (readonly [start: number, end: number])[]): Uint8Array<ArrayBuffer> {
  const containers: { readonly key: number; readonly runs: number[]; count: number }[] = [];
  for (const [start, end] of ranges) {
    for (let from = start; from < end; ) {
      const key = Math.floor(from / 65536);
      const to = Math.min(end, (key + 1) * 65536);
      let container = containers.at(-1);
      if (container?.key !== key) {
        container = { key, runs: [], count: 0 };
        containers.push(container);
      }
      container.runs.push(from - key * 65536, to - from - 1);
      container.count += to - from;
      from = to;
    }
  }
  const count = containers.length;
  if (count === 0) return Uint8Array.of(COOKIE_WITHOUT_RUNS & 0xff, COOKIE_WITHOUT_RUNS >> 8, 0, 0, 0, 0, 0, 0);
  const withOffsets = count >= NO_OFFSET_THRESHOLD;
  const header = 4 + Math.ceil(count / 8);
  const first = header + 4 * count + (withOffsets ? 4 * count : 0);
  const bytes = new Uint8Array(containers.reduce((sum, { runs }) => sum + 2 + 2 * runs.length, first));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ((count - 1) << 16) | COOKIE_WITH_RUNS, true);
  let at = first;
  for (const [i, { key, runs, count: cardinality }] of containers.entries()) {
    bytes[4 + (i >> 3)]! |= 1 << (i & 7);
    view.setUint16(header + 4 * i, key, true);
    view.setUint16(header + 4 * i + 2, cardinality - 1, true);
    if (withOffsets) view.setUint32(header + 4 * count + 4 * i, at, true);
    view.setUint16(at, runs.length / 2, true);
    at += 2;
    for (const value of runs) {
      view.setUint16(at, value, true);
      at += 2;
    }
  }
  return bytes;
}
