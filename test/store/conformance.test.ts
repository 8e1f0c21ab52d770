import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { createPortStore, serveStore } from "../../src/store/message-port.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { withCache } from "../../src/store/with-cache.ts";
import { withCoalescing } from "../../src/store/with-coalescing.ts";
import { withPrefix } from "../../src/store/with-prefix.ts";
import { describeStore } from "../conformance/store-suite.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "lancelet store ☃ "));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function createMemoryFactory() {
  const data = new Map<string, MemoryObjects>();
  return async (key: string) => {
    if (!data.has(key)) data.set(key, new Map());
    return createMemoryStore(data.get(key));
  };
}

describeStore("memory", createMemoryFactory());
describeStore("node-fs", async (key) => createNodeFsStore(join(root, "path", key)));
describeStore("node-fs by URL", async (key) => createNodeFsStore(pathToFileURL(join(root, "url", key)).href), {
  largeBytes: 20_000_000,
});

const openShared = createMemoryFactory();
describeStore("memory over a MessagePort", async (key) => {
  const { port1, port2 } = new MessageChannel();
  serveStore(await openShared(key), port1);
  return createPortStore(port2);
});

const openWrapped = createMemoryFactory();
const wrapped = new Map<string, ReturnType<typeof withCache>>();
describeStore("memory below prefix, coalescing and cache", async (key) => {
  // One cache per data set: another handle with a cache of its own may not see an overwrite, by design.
  const store =
    wrapped.get(key) ?? withCache(withCoalescing(withPrefix(await openWrapped("all"), key)), { maxBytes: 1 << 20 });
  wrapped.set(key, store);
  return store as Awaited<ReturnType<typeof openWrapped>>;
});
