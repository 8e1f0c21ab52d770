import { mapBounded } from "../../tasks/settle-all.ts";
import type { BlockStore } from "./block-store.ts";
import { type Block, decodeBlock, type Extent, encodeBlock, endOf, mergeExtents } from "./extents.ts";
import { createLedger, type Ledger } from "./ledger.ts";

/** What was read of objects, kept in blocks on the device. Nothing it does ever fails a read. */
export interface BlockCache {
  /** What is held of a span of one object. */
  find(object: CachedObject, span: { start: number; end: number }): Promise<Extent[]>;
  /** Keeps a slice; it reaches the device soon after. */
  add(object: CachedObject, extent: Extent): void;
  /** A small text by key. */
  getText(key: string): Promise<string | undefined>;
  setText(key: string, text: string): void;
  /** Settles when all that was added is on the device. */
  flush(): Promise<void>;
}

/** One object as it was seen. */
export interface CachedObject {
  /** Of its blocks: a name for files and addresses. */
  readonly id: string;
  /** Changes with the object. */
  readonly stamp: string;
}

/** Names what is known of an object, beside its blocks. */
export const FACTS = "facts";

/** As of IndexedDB's records: small enough to be written again for a slice more, large enough that a table has few. */
const BLOCK_BYTES = 256 * 1024;
const CONCURRENCY = 8;
/** Slices that arrive together are written together. */
const FLUSH_DELAY_MS = 40;
/** Uses matter for the next eviction only. */
const TOUCH_DELAY_MS = 2000;
const MAX_PENDING_BYTES = 16 * 1024 * 1024;
/** After so many failed writes in a row the device is taken for full or shut, for as long as this thread lives. */
const MAX_FAILURES = 3;

/** @param options.maxBytes of all blocks, over all threads that share the block store */
export function createBlockCache(blocks: BlockStore, options: { maxBytes: number; lockName: string }): BlockCache {
  const ledger: Ledger | undefined = blocks.evictsItself ? undefined : createLedger(blocks, options);
  const pending = new Map<string, Block>();
  const texts = new Map<string, string>();
  let pendingBytes = 0;
  let failures = 0;
  let timer: { readonly handle: ReturnType<typeof setTimeout>; readonly delayMs: number } | undefined;
  let flushing: Promise<void> = Promise.resolve();

  const readBlock = async (key: string, stamp: string): Promise<readonly Extent[]> => {
    const waiting = pending.get(key);
    const extents = waiting?.stamp === stamp ? waiting.extents : [];
    const stored = await blocks.get(key).catch(() => undefined);
    const block = stored && decodeBlock(stored);
    if (block?.stamp !== stamp) return extents;
    ledger?.touch(key);
    return [...block.extents, ...extents];
  };

  const writeAll = async (): Promise<void> => {
    const batch = [...pending];
    const notes = [...texts];
    if (batch.length + notes.length === 0) return void (await ledger?.flush());
    const written = await mapBounded(batch, CONCURRENCY, async ([key, block]) => {
      const extents = mergeExtents(await readBlock(key, block.stamp));
      return { key, bytes: encodeBlock({ stamp: block.stamp, extents }) };
    });
    for (const [key, text] of notes) written.push({ key, bytes: new TextEncoder().encode(text) });
    const refused = await ledger?.admit(written.map(({ key, bytes }) => ({ key, bytes: bytes.byteLength })));
    await mapBounded(written, CONCURRENCY, async ({ key, bytes }) => {
      if (!refused?.has(key)) await blocks.put(key, bytes);
    });
    for (const [key, block] of batch) if (pending.get(key) === block) pending.delete(key);
    for (const [key, text] of notes) if (texts.get(key) === text) texts.delete(key);
  };

  const flush = (): Promise<void> => {
    clearTimeout(timer?.handle);
    timer = undefined;
    pendingBytes = 0;
    flushing = flushing.then(writeAll).then(
      () => {
        failures = 0;
      },
      async () => {
        // Full, or shut: what waits is dropped, and room is made where the budget exceeds the device.
        failures++;
        pending.clear();
        texts.clear();
        await ledger?.shrink(options.maxBytes / 2 ** failures).catch(() => {});
      },
    );
    return flushing;
  };

  const schedule = (bytes: number, delayMs: number) => {
    pendingBytes += bytes;
    if (pendingBytes > MAX_PENDING_BYTES) return void flush();
    if (timer && timer.delayMs <= delayMs) return;
    clearTimeout(timer?.handle);
    timer = { handle: setTimeout(() => void flush(), delayMs), delayMs };
    (timer.handle as { unref?: () => void }).unref?.();
  };

  return {
    async find({ id, stamp }, span) {
      if (span.start >= span.end) return [];
      const first = Math.floor(span.start / BLOCK_BYTES);
      const last = Math.floor((span.end - 1) / BLOCK_BYTES);
      const keys = Array.from({ length: last - first + 1 }, (_, i) => `${id}/${first + i}`);
      ledger?.touch(`${id}/${FACTS}`);
      schedule(0, TOUCH_DELAY_MS);
      return (await mapBounded(keys, CONCURRENCY, (key) => readBlock(key, stamp))).flat();
    },
    add({ id, stamp }, extent) {
      if (failures >= MAX_FAILURES) return;
      for (let at = extent.start; at < endOf(extent); ) {
        const number = Math.floor(at / BLOCK_BYTES);
        const end = Math.min((number + 1) * BLOCK_BYTES, endOf(extent));
        const key = `${id}/${number}`;
        const before = pending.get(key);
        // A copy: the slice may be a view of a larger buffer, or be reused.
        const part = { start: at, bytes: extent.bytes.slice(at - extent.start, end - extent.start) };
        pending.set(key, { stamp, extents: before?.stamp === stamp ? [...before.extents, part] : [part] });
        at = end;
      }
      schedule(extent.bytes.byteLength, FLUSH_DELAY_MS);
    },
    async getText(key) {
      const waiting = texts.get(key);
      if (waiting !== undefined) return waiting;
      const stored = await blocks.get(key).catch(() => undefined);
      if (!stored) return undefined;
      ledger?.touch(key);
      return new TextDecoder().decode(stored);
    },
    setText(key, text) {
      if (failures >= MAX_FAILURES) return;
      texts.set(key, text);
      schedule(text.length, FLUSH_DELAY_MS);
    },
    flush,
  };
}
