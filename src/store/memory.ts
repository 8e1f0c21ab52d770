import { throwIfAborted } from "../errors.ts";
import { createGuardedWriter } from "./guarded-writer.ts";
import { identifyObject } from "./identity.ts";
import type { StoreKind } from "./open-store.ts";
import { assertPath, assertPrefix, comparePaths } from "./paths.ts";
import { assertRange, resolveRange } from "./ranges.ts";
import type { Store } from "./store.ts";
import { pathExistsError } from "./store-errors.ts";
import { drawUuid } from "./uuid.ts";

interface MemoryObject {
  readonly bytes: Uint8Array;
  readonly modifiedMs: number;
}

/** The data of a memory store; two stores over one map are two handles on the same data. */
export type MemoryObjects = Map<string, MemoryObject>;

/**
 * A store in this thread's memory. Reads are views without a copy; writes copy once. `describe()` is `undefined`:
 * workers reach it over a MessagePort.
 */
export function createMemoryStore(objects: MemoryObjects = new Map()): Store {
  const publish = (path: string, bytes: Uint8Array) => objects.set(path, { bytes, modifiedMs: Date.now() });
  return {
    capabilities: { write: true, list: true, ranges: true, atomicCreate: true, durable: false },
    identity: identifyObject(objects, () => `memory:${drawUuid()}`),
    describe: () => undefined,
    async get(path, range = {}, options) {
      assertPath(path);
      assertRange(range);
      throwIfAborted(options?.signal);
      const found = objects.get(path);
      if (!found) return undefined;
      const { start, end } = resolveRange(range, found.bytes.byteLength);
      return { bytes: found.bytes.subarray(start, end), totalBytes: found.bytes.byteLength };
    },
    async put(path, bytes, options) {
      assertPath(path);
      throwIfAborted(options.signal);
      if (options.mode === "create" && objects.has(path)) throw pathExistsError(path);
      publish(path, bytes.slice());
    },
    async createWriter(path, options) {
      assertPath(path);
      throwIfAborted(options?.signal);
      let parts: Uint8Array[] = [];
      return createGuardedWriter({
        path,
        signal: options?.signal,
        sink: {
          async write(bytes) {
            parts.push(bytes.slice());
          },
          async publish() {
            publish(path, concatenate(parts));
            parts = [];
          },
          async discard() {
            parts = [];
          },
        },
      });
    },
    async *list(prefix, options) {
      assertPrefix(prefix);
      const paths = [...objects.keys()].filter((path) => path.startsWith(prefix)).sort(comparePaths);
      throwIfAborted(options?.signal);
      for (const path of paths) {
        throwIfAborted(options?.signal);
        const found = objects.get(path);
        if (found) yield { path, sizeBytes: found.bytes.byteLength, modifiedMs: found.modifiedMs };
      }
    },
    async delete(path, options) {
      assertPath(path);
      throwIfAborted(options?.signal);
      objects.delete(path);
    },
  };
}

const named = new Map<string, MemoryObjects>();

/** `memory://name`: the same name is the same data within this thread. */
export const memoryStoreKind: StoreKind = {
  kind: "memory",
  schemes: ["memory"],
  openUri(uri) {
    const name = uri.slice("memory://".length);
    let objects = named.get(name);
    if (!objects) {
      objects = new Map();
      named.set(name, objects);
    }
    return createMemoryStore(objects);
  },
};

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.byteLength;
  }
  return all;
}
