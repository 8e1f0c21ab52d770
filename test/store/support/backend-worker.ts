import { serializeError } from "../../../src/errors.ts";
import { createIndexedDbStore } from "../../../src/store/indexeddb.ts";
import { createMemoryStore, type MemoryObjects } from "../../../src/store/memory.ts";
import { createOpfsStore } from "../../../src/store/opfs.ts";
import { listStoreChecks } from "../../conformance/store-checks.ts";

/** The back ends, made in this worker: nothing of them runs on the main thread. */
const memory = new Map<string, MemoryObjects>();
const factories = {
  memory(key: string) {
    if (!memory.has(key)) memory.set(key, new Map());
    return createMemoryStore(memory.get(key));
  },
  opfs: (key: string) => createOpfsStore(key),
  indexeddb: (key: string) => createIndexedDbStore(key),
};

export interface WorkerCheckRequest {
  readonly id: number;
  readonly backend: keyof typeof factories;
  readonly prefix: string;
  readonly check: string;
}

self.onmessage = async ({ data }: MessageEvent<WorkerCheckRequest>) => {
  const check = listStoreChecks().find((each) => each.name === data.check);
  try {
    if (!check) throw new Error(`no check "${data.check}"`);
    await check.run(async (key) => factories[data.backend](`${data.prefix}-${key}`));
    self.postMessage({ id: data.id });
  } catch (error) {
    self.postMessage({ id: data.id, error: serializeError(error) });
  }
};
