import { serializeError } from "../../../src/errors.ts";
import { createHttpStore } from "../../../src/store/http.ts";
import { createIndexedDbStore } from "../../../src/store/indexeddb.ts";
import { createMemoryStore, type MemoryObjects } from "../../../src/store/memory.ts";
import { createOpfsStore } from "../../../src/store/opfs.ts";
import { listReadOnlyChecks, listStoreChecks } from "../../conformance/store-checks.ts";
import { createPaths } from "../../conformance/store-races.ts";

/** The back ends, made in this worker: nothing of them runs on the main thread. */
const memory = new Map<string, MemoryObjects>();
const factories = {
  memory(key: string) {
    if (!memory.has(key)) memory.set(key, new Map());
    return createMemoryStore(memory.get(key));
  },
  opfs: (key: string) => createOpfsStore(key),
  indexeddb: (key: string) => createIndexedDbStore(key),
  http: (url: string) => createHttpStore(url),
};

/** One clause of the contract to run, paths to race for, or an object to write half of. */
export interface WorkerRequest {
  readonly id: number;
  readonly backend: keyof typeof factories;
  readonly prefix: string;
  readonly check?: string;
  readonly half?: string;
  readonly create?: { readonly text: string; readonly numPaths: number };
}

async function run({ backend, prefix, check: name, create, half }: WorkerRequest): Promise<unknown> {
  const open = factories[backend];
  if (half) {
    const writer = await open(prefix).createWriter(half);
    return writer.write(new Uint8Array(2_000_000));
  }
  if (create) return createPaths(open(prefix), create);
  const readOnly = backend === "http";
  const check = (readOnly ? listReadOnlyChecks() : listStoreChecks()).find((each) => each.name === name);
  if (!check) throw new Error(`no check "${name}"`);
  return check.run(async (key) => open(readOnly ? prefix : `${prefix}-${key}`));
}

self.onmessage = async ({ data }: MessageEvent<WorkerRequest>) => {
  try {
    self.postMessage({ id: data.id, value: await run(data) });
  } catch (error) {
    self.postMessage({ id: data.id, error: serializeError(error) });
  }
};
