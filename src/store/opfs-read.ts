import { throwIfAborted } from "../errors.ts";
import { isManifestPath, isMutablePath } from "./mutable-paths.ts";
import { isAbsence, isStaleFile, type OpfsDirectories, splitPath } from "./opfs-directories.ts";
import { createHandleReader, type HandleReader } from "./opfs-read-worker.ts";
import { resolveRange } from "./ranges.ts";
import type { ByteRange, GetResult } from "./store.ts";
import { toStoreError } from "./store-errors.ts";
import { waitForQuiet } from "./wait-for-quiet.ts";

/** Reads of one store. */
export interface OpfsReader {
  /** @returns `undefined` when there is no such object. @throws IO, ABORTED */
  read(path: string, range: ByteRange, signal: AbortSignal | undefined): Promise<GetResult | undefined>;
  /** Lets go of the objects it read, once the reads under way are done. It reads on, but holds none any more. */
  close(): Promise<void>;
}

interface Slice {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  resolve(result: GetResult | undefined): void;
}

/** An overwritten object's snapshot dies under its readers; a few fresh ones always suffice. */
const READ_ATTEMPTS = 5;
/** An object of which so many slices were asked for is read by a handle from then on. */
const HOT_SLICES = 8;
/** Objects whose slices are counted. */
const MAX_COUNTED = 4096;
/** Larger slices gain nothing by a handle. */
const MAX_SLICE_BYTES = 1024 * 1024;
/** Of slices read in one message; it bounds what lies in memory twice. */
const MAX_BURST_BYTES = 8 * 1024 * 1024;

/** One for all stores of this thread. */
const threadHandles = createHandleReader();

/**
 * @param options.toFullPath from the origin's root
 * @param options.holdsHandles whether objects read often are held open for a moment
 * @param options.handles default: those of this thread
 */
export function createOpfsReader(options: {
  readonly directories: OpfsDirectories;
  readonly toFullPath: (path: string) => string;
  readonly holdsHandles: boolean;
  readonly handles?: HandleReader;
}): OpfsReader {
  const { directories, toFullPath, holdsHandles, handles = threadHandles } = options;
  const numAsked = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  let burst: Slice[] = [];
  let burstBytes = 0;
  let isClosed = false;

  const readSnapshot = async (path: string, range: ByteRange, signal: AbortSignal | undefined) => {
    const { folder, name } = splitPath(path);
    const directory = await directories.find(folder).catch((error: unknown) => {
      throw toStoreError(error, "read", path);
    });
    return directory && readFile(directory, name, { path, range, signal });
  };

  /** Counts a slice. @returns whether enough were asked for */
  const isHot = (path: string): boolean => {
    const asked = (numAsked.get(path) ?? 0) + 1;
    if (asked === 1 && numAsked.size >= MAX_COUNTED) numAsked.clear();
    numAsked.set(path, asked);
    return asked >= HOT_SLICES;
  };

  const flush = () => {
    const slices = burst;
    burst = [];
    burstBytes = 0;
    if (slices.length === 0) return;
    const reading = readBurst(slices).finally(() => underWay.delete(reading));
    underWay.add(reading);
  };

  const readBurst = async (slices: readonly Slice[]) => {
    const asked = slices.map(({ path, offset, length }) => ({ path: toFullPath(path), offset, length }));
    const found = await handles.read(asked);
    const rest = new Map<string, Slice[]>();
    for (const [i, slice] of slices.entries()) {
      if (found[i]) slice.resolve(found[i]);
      else rest.set(slice.path, [...(rest.get(slice.path) ?? []), slice]);
    }
    for (const [path, some] of rest) void readTogether(path, some);
  };

  /** By one blob, where there are no handles: two thirds of the work of a blob each. */
  const readTogether = async (path: string, slices: readonly Slice[]) => {
    const found = slices.length > 1 ? await readSnapshots(path, slices).catch(() => []) : [];
    // Those not found are read one by one, which tells what is wrong.
    for (const [i, slice] of slices.entries()) slice.resolve(found[i]);
  };

  const readSnapshots = async (path: string, slices: readonly Slice[]): Promise<GetResult[]> => {
    const { folder, name } = splitPath(path);
    const directory = await directories.find(folder);
    if (!directory) return [];
    const file = await (await directory.getFileHandle(name)).getFile();
    const spans = slices.map(({ offset, length }) => resolveRange({ offset, length }, file.size));
    const blob = new Blob(spans.map(({ start, end }) => file.slice(start, end)));
    const bytes = new Uint8Array(await blob.arrayBuffer());
    if (bytes.byteLength !== spans.reduce((sum, { start, end }) => sum + end - start, 0)) return [];
    let at = 0;
    return spans.map(({ start, end }) => {
      at += end - start;
      return { bytes: bytes.subarray(at - end + start, at), totalBytes: file.size };
    });
  };

  const readHot = (path: string, offset: number, length: number): Promise<GetResult | undefined> =>
    new Promise((resolve) => {
      if (burstBytes > 0 && burstBytes + length > MAX_BURST_BYTES) flush();
      burst.push({ path, offset, length, resolve });
      burstBytes += length;
      if (burst.length === 1) void waitForQuiet(() => burst.length).then(flush);
    });

  return {
    async read(path, range, signal) {
      const { offset, length } = range;
      const fits = offset !== undefined && length > 0 && length <= MAX_SLICE_BYTES;
      const isWrittenOnce = !isMutablePath(path) && !isManifestPath(path);
      if (holdsHandles && !isClosed && fits && isWrittenOnce && isHot(path)) {
        const found = await readHot(path, offset, length);
        throwIfAborted(signal);
        if (found) return found;
      }
      return readSnapshot(path, range, signal);
    },
    async close() {
      isClosed = true;
      const paths = [...numAsked.keys()].map(toFullPath);
      numAsked.clear();
      flush();
      // They would hold their objects again.
      await Promise.allSettled(underWay);
      if (paths.length > 0) await handles.release(paths);
    },
  };
}

async function readFile(
  directory: FileSystemDirectoryHandle,
  name: string,
  call: { path: string; range: ByteRange; signal: AbortSignal | undefined },
): Promise<GetResult | undefined> {
  for (let attempt = 1; ; attempt++) {
    let file: File;
    try {
      file = await (await directory.getFileHandle(name)).getFile();
    } catch (error) {
      if (isAbsence(error)) return undefined;
      if (isStaleFile(error) && attempt < READ_ATTEMPTS) continue;
      throw toStoreError(error, "read", call.path);
    }
    throwIfAborted(call.signal);
    try {
      const { start, end } = resolveRange(call.range, file.size);
      const bytes = new Uint8Array(await file.slice(start, end).arrayBuffer());
      throwIfAborted(call.signal);
      if (bytes.byteLength === end - start) return { bytes, totalBytes: file.size };
      if (attempt >= READ_ATTEMPTS) throw new Error(`received ${bytes.byteLength} of ${end - start} bytes`);
    } catch (error) {
      if (!isStaleFile(error) || attempt >= READ_ATTEMPTS) throw toStoreError(error, "read", call.path);
    }
  }
}
