import type { BlockStore } from "./block-store.ts";

/** What the ledger holds of one block: bytes, and when it was used last (ms since the epoch). */
type Row = [bytes: number, usedMs: number];

/** Which blocks there are, so that a budget holds over all tabs and workers, and across reloads. */
export interface Ledger {
  /** Notes uses; written with the next change, or by `flush`. */
  touch(key: string): void;
  /**
   * Makes room for blocks about to be written, least recently used first to go, and notes them: a block is never kept
   * unaccounted for.
   * @returns keys that must not be written, since the budget has no room for them
   */
  admit(blocks: readonly { readonly key: string; readonly bytes: number }[]): Promise<ReadonlySet<string>>;
  /** Evicts until at most `maxBytes` are left. */
  shrink(maxBytes: number): Promise<void>;
  /** Writes what `touch` noted. */
  flush(): Promise<void>;
}

const LEDGER_KEY = "ledger";
/** What one block costs beside its bytes. */
const BLOCK_OVERHEAD_BYTES = 1024;
/** Evictions leave so much of the budget free that not every write evicts. */
const LOW_WATER = 0.95;

/**
 * The ledger of one block store, kept in it as one block. Changes are made under a Web Lock where there is one; readers
 * never wait for it.
 *
 * @param options.lockName shared by all that use the block store
 */
export function createLedger(blocks: BlockStore, options: { maxBytes: number; lockName: string }): Ledger {
  const { maxBytes, lockName } = options;
  const touched = new Map<string, number>();
  let lastUsedMs = 0;
  // The clock is coarse and may go back; uses of this thread stay in order.
  const now = () => {
    lastUsedMs = Math.max(Date.now(), lastUsedMs + 1);
    return lastUsedMs;
  };

  /** Reads, changes, evicts, writes. */
  const change = async (apply: (rows: Map<string, Row>) => number): Promise<readonly string[]> => {
    let evicted: readonly string[] = [];
    await withLock(lockName, async () => {
      const rows = await readRows();
      for (const [key, usedMs] of touched) {
        const row = rows.get(key);
        if (row && row[1] < usedMs) row[1] = usedMs;
      }
      touched.clear();
      const budget = apply(rows);
      evicted = evict(rows, budget);
      await Promise.all(evicted.map((key) => blocks.delete(key)));
      await blocks.put(LEDGER_KEY, new TextEncoder().encode(JSON.stringify({ rows: [...rows] })));
    });
    return evicted;
  };

  const readRows = async (): Promise<Map<string, Row>> => {
    const stored = await blocks.get(LEDGER_KEY);
    const rows = stored && parseRows(stored);
    if (rows) return rows;
    // What no ledger speaks of would stay for ever.
    await blocks.clear();
    return new Map();
  };

  return {
    touch(key) {
      touched.set(key, now());
    },
    async admit(wanted) {
      const refused = new Set<string>();
      const evicted = await change((rows) => {
        const usedMs = now();
        for (const { key, bytes } of wanted) {
          if (bytes + BLOCK_OVERHEAD_BYTES > maxBytes / 2) refused.add(key);
          else rows.set(key, [bytes + BLOCK_OVERHEAD_BYTES, usedMs]);
        }
        return maxBytes;
      });
      for (const key of evicted) refused.add(key);
      return refused;
    },
    async shrink(target) {
      await change(() => target);
    },
    async flush() {
      if (touched.size > 0) await change(() => maxBytes);
    },
  };
}

/** Takes the least recently used rows out until the rest fits. */
function evict(rows: Map<string, Row>, maxBytes: number): string[] {
  let total = 0;
  for (const [bytes] of rows.values()) total += bytes;
  if (total <= maxBytes) return [];
  const evicted: string[] = [];
  for (const [key, [bytes]] of [...rows].sort(([, a], [, b]) => a[1] - b[1])) {
    if (total <= maxBytes * LOW_WATER) break;
    rows.delete(key);
    evicted.push(key);
    total -= bytes;
  }
  return evicted;
}

function parseRows(bytes: Uint8Array): Map<string, Row> | undefined {
  try {
    const { rows } = JSON.parse(new TextDecoder().decode(bytes)) as { rows: [string, Row][] };
    const valid = rows.every(([key, row]) => typeof key === "string" && row.length === 2 && row.every(Number.isFinite));
    return valid ? new Map(rows) : undefined;
  } catch {
    return undefined;
  }
}

function withLock(name: string, run: () => Promise<void>): Promise<void> {
  const locks = (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks;
  return locks ? (locks.request(name, run) as Promise<void>) : enqueue(name, run);
}

/** Where there are no locks, at least this thread takes its turns. */
const queues = new Map<string, Promise<void>>();

function enqueue(name: string, run: () => Promise<void>): Promise<void> {
  const turn = (queues.get(name) ?? Promise.resolve()).then(run);
  queues.set(
    name,
    turn.catch(() => {}),
  );
  return turn;
}
