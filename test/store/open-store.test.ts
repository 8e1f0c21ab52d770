import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { openBrowserStore } from "../../src/store/browser-ladder.ts";
import { createHttpStoreKind } from "../../src/store/http.ts";
import { createMemoryStore, memoryStoreKind } from "../../src/store/memory.ts";
import { shareStore } from "../../src/store/message-port.ts";
import { nodeFsStoreKind } from "../../src/store/node-fs.ts";
import { openStore, registerStoreKind, reopenStore } from "../../src/store/open-store.ts";
import { withPrefix } from "../../src/store/with-prefix.ts";
import { createPattern } from "../conformance/store-checks.ts";
import { createFaultyStore } from "../support/faulty-store.ts";

beforeAll(() => {
  for (const kind of [memoryStoreKind, nodeFsStoreKind, createHttpStoreKind({ persistentCache: false })])
    registerStoreKind(kind);
});

/** Only a call that never comes takes as long. */
const POLL = { timeout: 120_000 };

describe("openStore", () => {
  it("opens by scheme, and takes a store as it is", async () => {
    const store = createMemoryStore();
    expect(await openStore(store)).toBe(store);
    await (await openStore("memory://one")).put("x", createPattern(3), { mode: "create" });
    expect((await (await openStore("memory://one")).get("x"))?.totalBytes).toBe(3);
    expect(await (await openStore("memory://two")).get("x")).toBeUndefined();
    expect((await openStore("https://example.org/t")).describe()).toMatchObject({ kind: "http" });
    expect((await openStore("HTTP://example.org/t")).capabilities.write).toBe(false);
  });

  it("opens paths and file URLs as the same directory", async () => {
    const directory = await mkdtemp(join(tmpdir(), "lancelet-open-"));
    await (await openStore(directory)).put("x", createPattern(3), { mode: "create" });
    const store = await openStore(pathToFileURL(directory).href);
    expect((await store.get("x"))?.totalBytes).toBe(3);
    expect(store.describe()).toEqual({ kind: "file", directory });
    await rm(directory, { recursive: true });
  });

  it("names the schemes there are when it knows none", async () => {
    await expect(openStore("gopher://x")).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/gopher:\/\/.*memory:\/\/, file:\/\/, file paths, https:\/\//),
    });
    await expect(openStore("")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(openStore("memory://x", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
    await expect(reopenStore({ kind: "gopher" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("shares a store by description where it has one, else over a port, also below a prefix", async () => {
    const directory = await mkdtemp(join(tmpdir(), "lancelet-share-"));
    for (const root of [await openStore(directory), createMemoryStore()]) {
      const store = withPrefix(root, "tables/one");
      await store.put("x", createPattern(3), { mode: "create" });
      const shared = shareStore(store);
      const again = await reopenStore(
        shared.transfer.length === 0 ? JSON.parse(JSON.stringify(shared.handle)) : shared.handle,
      );
      expect((await again.get("x"))?.bytes).toEqual(createPattern(3));
      expect((await root.get("tables/one/x"))?.totalBytes).toBe(3);
      await again.close?.();
      shared.close();
    }
    await rm(directory, { recursive: true });
  });
});

describe("shareStore over a port", () => {
  it("keeps code, details and cause of errors", async () => {
    const shared = shareStore(createFaultyStore(createMemoryStore(), { quotaBytes: 2, refuseReads: /secret/ }));
    const store = await reopenStore(shared.handle);
    await expect(store.put("x", createPattern(3), { mode: "create" })).rejects.toMatchObject({
      code: "QUOTA_EXCEEDED",
      details: { path: "x" },
    });
    await expect(store.get("secret")).rejects.toMatchObject({ code: "IO", details: { refused: true } });
    shared.close();
  });

  it("fails what runs and what comes when the other end closes", async () => {
    const shared = shareStore(createFaultyStore(createMemoryStore(), { latencyMs: 10_000 }));
    const store = await reopenStore(shared.handle);
    const running = store.get("x");
    shared.close();
    await expect(running).rejects.toMatchObject({ code: "IO", message: expect.stringContaining("gone") });
    await expect(store.get("x")).rejects.toMatchObject({ code: "IO" });
  });

  it("cancels the call behind it", async () => {
    let seen: AbortSignal | undefined;
    const inner = createMemoryStore();
    const shared = shareStore({
      ...inner,
      get: (_path, _range, options) => {
        seen = options?.signal;
        return new Promise(() => {});
      },
    });
    const store = await reopenStore(shared.handle);
    const abort = new AbortController();
    const read = store.get("x", {}, { signal: abort.signal });
    await expect.poll(() => seen, POLL).toBeDefined();
    abort.abort();
    await expect(read).rejects.toMatchObject({ code: "ABORTED" });
    await expect.poll(() => seen?.aborted, POLL).toBe(true);
    shared.close();
  });
});

describe("openBrowserStore", () => {
  const failing = (name: string, plan: Parameters<typeof createFaultyStore>[1]) => ({
    name,
    open: () => createFaultyStore(createMemoryStore(), plan),
  });
  const memory = { name: "memory", open: () => createMemoryStore() };

  it("takes the first rung that can really be written to, and says why not a better one", async () => {
    const throwing = {
      name: "opfs",
      open: () => {
        throw new Error("private window");
      },
    };
    const opened = await openBrowserStore("t", { rungs: [throwing, failing("indexeddb", { quotaBytes: 0 }), memory] });
    expect(opened.rung).toBe("memory");
    expect(opened.refused.map((each) => each.rung)).toEqual(["opfs", "indexeddb"]);
    expect(opened.message).toMatch(/memory.*gone when this tab closes.*private window.*indexeddb.*no space/);
    expect(await opened.store.list("")[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
  });

  it("does not believe a write that does not read back", async () => {
    const liar = failing("opfs", { bitFlips: { seed: 1 } });
    expect((await openBrowserStore("t", { rungs: [liar, memory] })).rung).toBe("memory");
  });

  it("fails with the last rung, and on abort at once", async () => {
    const broken = failing("only", { refusePaths: /./ });
    await expect(openBrowserStore("t", { rungs: [broken] })).rejects.toMatchObject({ code: "IO" });
    const signal = AbortSignal.abort();
    await expect(openBrowserStore("t", { rungs: [memory], signal })).rejects.toMatchObject({ code: "ABORTED" });
  });
});
