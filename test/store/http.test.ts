import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createHttpStore, type HttpStoreOptions } from "../../src/store/http.ts";
import { createPattern, listReadOnlyChecks } from "../conformance/store-checks.ts";
import { type StaticHost, startStaticHost } from "./support/static-host.ts";

let host: StaticHost;
beforeAll(async () => {
  host = await startStaticHost();
});
afterAll(() => host.close());
beforeEach(() => {
  host.behave({});
  host.objects.clear();
  host.seen.length = 0;
  host.objects.set("data/a.lance", createPattern(1000));
});
afterEach(() => vi.unstubAllGlobals());

const open = (options?: HttpStoreOptions) => createHttpStore(host.url, options);
const ranges = () => host.seen.map((request) => request.range);

describe("http contract", () => {
  const behaviours = {
    "a good host": {},
    "a host without ranges": { ignoreRanges: true },
    "a host that hides Content-Range": { hideContentRange: true },
    "a host that misreads suffixes": { misreadSuffix: true },
    "a host without Content-Length": { hideContentLength: true },
  };
  for (const [name, behaviour] of Object.entries(behaviours)) {
    describe(name, () => {
      for (const check of listReadOnlyChecks()) {
        it(check.name, async () => {
          host.behave(behaviour);
          for (const [path, bytes] of check.objects) host.objects.set(path, bytes);
          await check.run(async () => open());
        });
      }
    });
  }
  it("from another origin", async () => {
    vi.stubGlobal("location", { href: "https://app.example/", origin: "https://app.example" });
    host.behave({ hideContentRange: true });
    for (const check of listReadOnlyChecks()) {
      for (const [path, bytes] of check.objects) host.objects.set(path, bytes);
      await check.run(async () => open());
    }
    expect(ranges().filter((range) => range?.startsWith("bytes=-"))).toEqual([]);
  });
});

describe("http requests", () => {
  it("asks for absolute ranges, clipped once the size is known", async () => {
    const store = open();
    await store.get("data/a.lance", { offset: 10, length: 20 });
    await store.get("data/a.lance", { offset: 990, length: 500 });
    await store.get("data/a.lance", { suffix: 7 });
    await store.get("data/a.lance", { offset: 1000, length: 5 });
    await store.get("data/a.lance", { offset: 5, length: 0 });
    expect(ranges()).toEqual(["bytes=10-29", "bytes=990-999", "bytes=993-999"]);
  });

  it("asks for a suffix of unknown size in one request", async () => {
    expect((await open().get("data/a.lance", { suffix: 7 }))?.totalBytes).toBe(1000);
    expect(ranges()).toEqual(["bytes=-7"]);
  });

  it("says when a host hides the size, and when a short slice tells it", async () => {
    host.behave({ hideContentRange: true });
    const store = open();
    const first = await store.get("data/a.lance", { offset: 10, length: 20 });
    expect(first).toMatchObject({ totalBytes: 30, totalBytesIsLowerBound: true });
    const last = await store.get("data/a.lance", { offset: 990, length: 20 });
    expect(last?.bytes.byteLength).toBe(10);
    expect(last?.totalBytes).toBe(1000);
    expect(last).not.toHaveProperty("totalBytesIsLowerBound");
    expect(await store.get("data/a.lance", { offset: 10, length: 20 })).toMatchObject({ totalBytes: 1000 });
  });

  it("revalidates the hint and the refs, and nothing else", async () => {
    const caches: unknown[] = [];
    const store = open({
      fetch: (input, init) => {
        caches.push(init?.cache);
        return fetch(input, init);
      },
    });
    for (const path of ["_versions/latest_version_hint.json", "_refs/tags/v1.json", "_versions/1.manifest"]) {
      host.objects.set(path, createPattern(3));
      await store.get(path);
    }
    expect(caches).toEqual(["no-cache", "no-cache", undefined]);
  });

  it("sees a hint that grows", async () => {
    const path = "_versions/latest_version_hint.json";
    const store = open();
    for (const length of [3, 5]) {
      host.objects.set(path, createPattern(length));
      expect((await store.get(path))?.totalBytes).toBe(length);
      expect((await store.get(path, { offset: 0, length: 100 }))?.totalBytes).toBe(length);
    }
  });

  it("sends headers and the query of a signed URL, and then does not describe itself", async () => {
    const store = createHttpStore(`${host.url}/?sig=s%2Fe`, { headers: { authorization: "Bearer x" } });
    await store.get("data/a.lance");
    expect(host.seen[0]?.url).toBe("/table/data/a.lance?sig=s%2Fe");
    expect(host.seen[0]?.headers.authorization).toBe("Bearer x");
    expect(store.describe()).toBeUndefined();
    expect(createHttpStore(`${host.url}?sig=1`).describe()).toBeUndefined();
    expect(open().describe()).toMatchObject({ kind: "http", url: `${host.url}/` });
  });

  it("tries again while the host is overloaded, and then says so", async () => {
    host.behave({ failures: { status: 503, count: 2 } });
    expect((await open().get("data/a.lance"))?.totalBytes).toBe(1000);
    expect(host.seen.length).toBe(3);
    host.behave({ failures: { status: 503, count: 2 } });
    await expect(open({ maxRetries: 1 }).get("data/a.lance")).rejects.toMatchObject({
      code: "IO",
      message: expect.stringContaining("overloaded"),
    });
  });

  it("stops a request that is aborted", async () => {
    host.behave({ isSilent: true });
    const abort = new AbortController();
    const read = open().get("data/a.lance", {}, { signal: abort.signal });
    const outcome = expect(read).rejects.toMatchObject({ code: "ABORTED" });
    await vi.waitUntil(() => host.seen.length > 0, { timeout: 120_000 });
    abort.abort();
    // It would wait for ever: nothing answers.
    await outcome;
  });
});

describe("http refusals", () => {
  const refusal = (code: string, words: string) => ({ code, message: expect.stringContaining(words) });

  it("takes 403 for absence only where versions are probed", async () => {
    host.behave({ missingStatus: 403 });
    expect(await open().get("_versions/7.manifest")).toBeUndefined();
    expect(await open().get("_refs/tags/x.json")).toBeUndefined();
    await expect(open().get("data/missing.lance")).rejects.toMatchObject(refusal("IO", "headers"));
  });

  it("takes 410 and an app's fallback page for absence", async () => {
    host.behave({ missingStatus: 410 });
    expect(await open().get("data/missing.lance", { suffix: 10 })).toBeUndefined();
    host.behave({ fallbackPage: "<!doctype html><title>app</title>" });
    expect(await open().get("_versions/7.manifest")).toBeUndefined();
    expect(await open().get("data/missing.lance", { offset: 0, length: 5 })).toBeUndefined();
  });

  it("refuses a large object of a host without ranges, and takes a small one whole", async () => {
    host.behave({ ignoreRanges: true });
    const expected = refusal("UNSUPPORTED", "does not serve ranges");
    const range = { offset: 10, length: 5 };
    await expect(open({ maxWholeBytes: 999 }).get("data/a.lance", range)).rejects.toMatchObject(expected);
    host.behave({ ignoreRanges: true, hideContentLength: true });
    await expect(open({ maxWholeBytes: 999 }).get("data/a.lance", range)).rejects.toMatchObject(expected);
    expect((await open({ maxWholeBytes: 1000 }).get("data/a.lance", range))?.bytes).toEqual(createPattern(5, 10));
    // A read of the whole is no slice.
    expect((await open({ maxWholeBytes: 999 }).get("data/a.lance"))?.totalBytes).toBe(1000);
  });

  it("refuses a compressed slice, and decodes a compressed whole", async () => {
    host.behave({ headers: { "content-encoding": "gzip" } });
    host.objects.set("data/b.lance", gzipSync(createPattern(1000)));
    const range = { offset: 0, length: 40 };
    await expect(open().get("data/b.lance", range)).rejects.toMatchObject(refusal("IO", "turn compression off"));
    expect((await open().get("data/b.lance"))?.bytes).toEqual(createPattern(1000));
  });

  it("refuses an object that changes between reads", async () => {
    for (const [etags, lengths, what] of [
      [['"1"', '"2"'], [1000, 1000], "etag"],
      [['"1"', '"1"'], [1000, 1001], "length"],
    ] as const) {
      const store = open();
      host.objects.set("data/a.lance", createPattern(lengths[0]));
      host.behave({ headers: { etag: etags[0] } });
      expect((await store.get("data/a.lance", { offset: 0, length: 5 }))?.etag).toBe('"1"');
      host.objects.set("data/a.lance", createPattern(lengths[1]));
      host.behave({ headers: { etag: etags[1] } });
      const again = store.get("data/a.lance", { offset: 5, length: 5 });
      await expect(again).rejects.toMatchObject({ ...refusal("IO", "changed while"), details: { what } });
    }
  });

  it("does not take weak validators for a change", async () => {
    const store = open();
    for (const etag of ['W/"1"', 'W/"2"']) {
      host.behave({ headers: { etag } });
      expect((await store.get("data/a.lance", { offset: 0, length: 5 }))?.bytes.byteLength).toBe(5);
    }
  });

  it("refuses slices that are not what was asked for", async () => {
    host.behave({ headers: { "content-range": "bytes 5-9/1000" }, hideContentRange: true });
    const range = { offset: 0, length: 5 };
    await expect(open().get("data/a.lance", range)).rejects.toMatchObject(refusal("IO", "expected them from 0"));
    host.behave({ headers: { "content-range": "nonsense" }, hideContentRange: true });
    await expect(open().get("data/a.lance", range)).rejects.toMatchObject(refusal("IO", "malformed"));
    host.behave({ shiftBytes: 5 });
    const last = { offset: 990, length: 10 };
    await expect(open().get("data/a.lance", last)).rejects.toMatchObject(refusal("IO", "wrong length"));
  });

  it("reports a body that breaks off, and a host that cannot be reached", async () => {
    host.behave({ truncate: true });
    await expect(open().get("data/a.lance")).rejects.toMatchObject({ code: "IO" });
    const nowhere = createHttpStore("http://127.0.0.1:1/table");
    await expect(nowhere.get("data/a.lance")).rejects.toMatchObject(refusal("IO", "CORS"));
  });

  it("refuses to write, list and delete", async () => {
    const store = open();
    await expect(store.put("x", new Uint8Array(1), { mode: "create" })).rejects.toMatchObject({ code: "UNSUPPORTED" });
    await expect(store.createWriter("x")).rejects.toMatchObject({ code: "UNSUPPORTED" });
    await expect(store.delete("x")).rejects.toMatchObject({ code: "UNSUPPORTED" });
    const listing = store.list("")[Symbol.asyncIterator]();
    await expect(listing.next()).rejects.toMatchObject({ code: "UNSUPPORTED" });
    expect(() => createHttpStore("no url")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
