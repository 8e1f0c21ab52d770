import { LanceError } from "../../src/errors.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { resolveRange } from "../../src/store/ranges.ts";
import type { GetResult, Store } from "../../src/store/store.ts";

type PathPattern = RegExp | ((path: string) => boolean);

/** What goes wrong. Several faults may stand together. */
export interface FaultPlan {
  /**
   * The n-th write call (1-based) crashes the process: it fails, and so does every later call. Counted are `put`,
   * a writer's `write` and `close`, and `delete`.
   */
  readonly stopAtWrite?: number;
  /** What the crashing call still did: nothing (default), half of a writer's bytes, or all of it. */
  readonly stopEffect?: "none" | "partial" | "full";
  /** Every call on such a path fails with IO. */
  readonly refusePaths?: PathPattern;
  /** Only `get` on such a path fails with IO. */
  readonly refuseReads?: PathPattern;
  /** Gets on such a path give half of the bytes, as a truncated object of half the size would. */
  readonly truncatePaths?: PathPattern;
  /** Gets give one byte less than asked, of which the object's size says nothing: a broken host. */
  readonly shortReads?: PathPattern;
  /** Flips `count` bits (default 1) of matching objects at positions drawn from `seed`, the same on every read. */
  readonly bitFlips?: { readonly seed: number; readonly paths?: PathPattern; readonly count?: number };
  /** Writes that would take the sum of written bytes above this fail with QUOTA_EXCEEDED. */
  readonly quotaBytes?: number;
  /** Before every call. */
  readonly latencyMs?: number;
}

/** A store that fails as planned. */
export interface FaultyStore extends Store {
  /** Counted write calls so far: run once without a plan to learn how many crash points there are. */
  readonly numWrites: number;
  /** Whether `stopAtWrite` was reached. */
  readonly stopped: boolean;
  readonly bytesWritten: number;
  /** Replaces the plan; counters go on, a crash stays. */
  setPlan(plan: FaultPlan): void;
}

/** What a crash leaves is in the wrapped store: open that one again to see it. */
export function createFaultyStore(store: Store, initialPlan: FaultPlan = {}): FaultyStore {
  let plan = initialPlan;
  const state = { numWrites: 0, stopped: false, bytesWritten: 0 };

  const enter = async (path: string, read = false) => {
    if (plan.latencyMs) await new Promise((resolve) => setTimeout(resolve, plan.latencyMs));
    if (state.stopped) throw crashError(path);
    if (matches(plan.refusePaths, path) || (read && matches(plan.refuseReads, path))) {
      throw new LanceError("IO", `faulty store: "${path}" is refused`, { path, refused: true });
    }
  };
  const enterWrite = async (path: string, sizeBytes: number, run: (effect: "whole" | "half") => Promise<void>) => {
    await enter(path);
    state.numWrites++;
    const stops = state.numWrites === plan.stopAtWrite;
    if (stops) state.stopped = true;
    if (!stops && state.bytesWritten + sizeBytes > (plan.quotaBytes ?? Infinity)) {
      throw new LanceError("QUOTA_EXCEEDED", `faulty store: no space left for "${path}"`, { path });
    }
    // Counted before it is written: of two writes at once, the second has what the first leaves.
    if (!stops) state.bytesWritten += sizeBytes;
    try {
      if (!stops || plan.stopEffect === "full") await run("whole");
      else if (plan.stopEffect === "partial") await run("half");
    } catch (error) {
      if (!stops) state.bytesWritten -= sizeBytes;
      throw error;
    }
    if (stops) throw crashError(path);
  };

  const faulty = overrideStore(store, {
    async get(path, range = {}, options) {
      await enter(path, true);
      if (matches(plan.truncatePaths, path)) return readTruncated(store, path, { range, options });
      const result = await store.get(path, range, options);
      if (!result) return result;
      const flipped = flipBits(result, resolveRange(range, result.totalBytes).start, { path, plan });
      return matches(plan.shortReads, path) ? { ...flipped, bytes: flipped.bytes.subarray(0, -1) } : flipped;
    },
    async put(path, bytes, options) {
      await enterWrite(path, bytes.byteLength, async (effect) => {
        if (effect === "whole") await store.put(path, bytes, options);
      });
    },
    async createWriter(path, options) {
      await enter(path);
      const writer = await store.createWriter(path, options);
      let sizeBytes = 0;
      return {
        write: (bytes) =>
          enterWrite(path, bytes.byteLength, (effect) =>
            writer.write(effect === "whole" ? bytes : bytes.subarray(0, bytes.byteLength >> 1)),
          ),
        async close() {
          await enterWrite(path, 0, async (effect) => {
            if (effect === "whole") sizeBytes = await writer.close();
          });
          return sizeBytes;
        },
        // A dead process cleans nothing up.
        abort: async () => {
          if (!state.stopped) await writer.abort();
        },
      };
    },
    async *list(prefix, options) {
      await enter(prefix);
      yield* store.list(prefix, options);
    },
    async delete(path, options) {
      await enterWrite(path, 0, async (effect) => {
        if (effect === "whole") await store.delete(path, options);
      });
    },
    // What reopens elsewhere would be the healthy store.
    describe: () => undefined,
  });
  const extras = {
    setPlan(next: FaultPlan) {
      plan = next;
    },
  };
  return new Proxy(faulty as FaultyStore, {
    get: (target, property) => Reflect.get(property in state ? state : property in extras ? extras : target, property),
  });
}

function crashError(path: string): LanceError {
  return new LanceError("IO", `faulty store: stopped before "${path}"`, { path, crashed: true });
}

function matches(pattern: PathPattern | undefined, path: string): boolean {
  if (!pattern) return false;
  return typeof pattern === "function" ? pattern(path) : pattern.test(path);
}

async function readTruncated(
  store: Store,
  path: string,
  call: { range: Parameters<Store["get"]>[1] & object; options: Parameters<Store["get"]>[2] },
): Promise<GetResult | undefined> {
  const whole = await store.get(path, {}, call.options);
  if (!whole) return undefined;
  const totalBytes = whole.totalBytes >> 1;
  const { start, end } = resolveRange(call.range, totalBytes);
  return { bytes: whole.bytes.subarray(start, end), totalBytes };
}

function flipBits(result: GetResult, start: number, { path, plan }: { path: string; plan: FaultPlan }): GetResult {
  const flips = plan.bitFlips;
  if (!flips || (flips.paths && !matches(flips.paths, path)) || result.totalBytes === 0) return result;
  const random = createRandom(flips.seed);
  const bytes = result.bytes.slice();
  for (let i = 0; i < (flips.count ?? 1); i++) {
    const position = Math.floor(random() * result.totalBytes) - start;
    const bit = Math.floor(random() * 8);
    if (position >= 0 && position < bytes.byteLength) bytes[position]! ^= 1 << bit;
  }
  return { ...result, bytes };
}

/** mulberry32: small, seeded, good enough to spread faults. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
