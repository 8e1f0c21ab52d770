import { describe, expect, it } from "vitest";
import { createHttpStore, type HttpStoreOptions } from "../../src/store/http.ts";
import type { ListedObject } from "../../src/store/store.ts";
import { withPrefix } from "../../src/store/with-prefix.ts";

/** A bucket that answers `ListObjectsV2`, at one address. */
function createBucket(bucketUrl: string, keys: readonly string[], options: { pageKeys?: number } = {}) {
  const asked: URL[] = [];
  const answer: typeof fetch = async (input) => {
    const url = new URL(String(input));
    asked.push(url);
    if (url.origin + url.pathname !== bucketUrl) return new Response("no", { status: 404 });
    const prefix = url.searchParams.get("prefix")!;
    const all = keys.filter((key) => key.startsWith(prefix)).sort();
    const after = Number(url.searchParams.get("continuation-token") ?? 0);
    const count = Math.min(Number(url.searchParams.get("max-keys")), options.pageKeys ?? 1000);
    const page = all.slice(after, after + count);
    const truncated = after + count < all.length;
    const rows = page.map(
      (key) =>
        `<Contents><Key>${key.replaceAll("&", "&amp;")}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;x&quot;</ETag><Size>${key.length}</Size></Contents>`,
    );
    const body = `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${truncated}</IsTruncated>${truncated ? `<NextContinuationToken>${after + count}</NextContinuationToken>` : ""}${rows.join("")}</ListBucketResult>`;
    return new Response(body, { headers: { "content-type": "application/xml" } });
  };
  return {
    asked,
    open: (url: string, more: HttpStoreOptions = {}) => createHttpStore(url, { fetch: answer, ...more }),
  };
}

async function collect(objects: AsyncIterable<ListedObject>): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of objects) paths.push(path);
  return paths;
}

const keys = ["db/t.lance/_versions/2", "db/t.lance/_versions/1", "db/t.lance/data/a&b", "db/t.lance2/data/x"];

describe("listing over HTTP, as S3 answers", () => {
  it.each([
    ["https://bucket.s3.eu-west-1.amazonaws.com/db/t.lance", "https://bucket.s3.eu-west-1.amazonaws.com/", keys],
    ["https://s3.eu-west-1.amazonaws.com/bucket/db/t.lance", "https://s3.eu-west-1.amazonaws.com/bucket/", keys],
    ["https://storage.googleapis.com/bucket/db/t.lance/", "https://storage.googleapis.com/bucket/", keys],
    ["http://127.0.0.1:9000/bucket/db/t.lance", "http://127.0.0.1:9000/bucket/", keys],
    ["https://files.example/db/t.lance", "https://files.example/", keys],
  ])("finds the bucket of %s", async (url, bucketUrl, all) => {
    const bucket = createBucket(bucketUrl, all);
    const store = bucket.open(url);
    expect(store.capabilities.list).toBe(false);
    const head = await store.peekList!("_versions/", { limit: 1, when: "possible" });
    expect(head).toEqual([{ path: "_versions/1", sizeBytes: 22, modifiedMs: Date.UTC(2026, 0, 2, 3, 4, 5) }]);
    expect(bucket.asked).toHaveLength(1);
    expect(store.capabilities.list).toBe(true);
    expect(await collect(store.list(""))).toEqual(["_versions/1", "_versions/2", "data/a&b"]);
    expect(await collect(withPrefix(store, "_versions").list(""))).toEqual(["1", "2"]);
  });

  it("tries the other way of addressing once, and keeps what answers", async () => {
    const bucket = createBucket("https://cdn.example/bucket/", keys);
    const store = bucket.open("https://cdn.example/bucket/db/t.lance");
    for (let i = 0; i < 3; i++) await store.peekList!("data/", { limit: 5, when: "possible" });
    expect(bucket.asked.map((url) => url.pathname)).toEqual(["/", "/bucket/", "/bucket/", "/bucket/"]);
  });

  it("follows the pages", async () => {
    const many = Array.from({ length: 25 }, (_, i) => `t/data/${String(i).padStart(2, "0")}`);
    const bucket = createBucket("https://h.example/", many, { pageKeys: 10 });
    expect(await collect(bucket.open("https://h.example/t").list("data/"))).toEqual(many.map((key) => key.slice(2)));
    expect(bucket.asked).toHaveLength(3);
  });

  it("asks neither a host that is not known to list, nor one that refused, nor with a signed URL", async () => {
    const bucket = createBucket("https://elsewhere.example/", keys);
    const store = bucket.open("https://h.example/db/t.lance");
    expect(await store.peekList!("_versions/", { limit: 1, when: "likely" })).toBeUndefined();
    expect(bucket.asked).toHaveLength(0);
    for (let i = 0; i < 3; i++) {
      expect(await store.peekList!("_versions/", { limit: 1, when: "possible" })).toBeUndefined();
    }
    expect(bucket.asked).toHaveLength(2);
    const signed = bucket.open("https://bucket.s3.amazonaws.com/t?X-Amz-Signature=1");
    expect(await signed.peekList!("_versions/", { limit: 1, when: "likely" })).toBeUndefined();
    const off = bucket.open("https://elsewhere.example/db/t.lance", { list: "none" });
    expect(await off.peekList!("_versions/", { limit: 1, when: "possible" })).toBeUndefined();
    expect(bucket.asked).toHaveLength(2);
    await expect(collect(store.list(""))).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  it("takes the bucket's address where it is another one", async () => {
    const bucket = createBucket("https://list.example/", keys);
    const store = bucket.open("https://cdn.example/db/t.lance", { list: { bucketUrl: "https://list.example" } });
    expect(await store.peekList!("_versions/", { limit: 9, when: "likely" })).toHaveLength(2);
    for (const list of ["sometimes", { bucketUrl: "no url" }, 3]) {
      expect(() => bucket.open("https://x.example", { list: list as never })).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }),
      );
    }
  });

  it("takes a page of an app for no listing", async () => {
    const store = createHttpStore("https://app.example/t", {
      fetch: async () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
    });
    expect(await store.peekList!("_versions/", { limit: 1, when: "possible" })).toBeUndefined();
  });
});
