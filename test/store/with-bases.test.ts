import { expect, test } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import { registerStoreKind } from "../../src/store/open-store.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { relativeUri } from "../../src/store/relative-uri.ts";
import type { Store } from "../../src/store/store.ts";
import { closeBases, formatElsewhere, withBases } from "../../src/store/with-bases.ts";
import { withPrefix } from "../../src/store/with-prefix.ts";

const put = (store: Store, path: string) => store.put(path, new TextEncoder().encode(path), { mode: "create" });
const textOf = async (store: Store, path: string) => {
  const found = await store.get(path);
  return found && new TextDecoder().decode(found.bytes);
};

const others = new Map<string, Store>();
let opened = 0;
let closed = 0;
registerStoreKind({
  kind: "other",
  schemes: ["other", "memory", "https"],
  openUri(uri): Store {
    opened++;
    const store = others.get(uri) ?? createMemoryStore();
    others.set(uri, store);
    return overrideStore<Store>(store, {
      async close() {
        closed++;
      },
    });
  },
});

test("files elsewhere are read and listed from where they are; the rest is the store's own", async () => {
  const own = createMemoryStore();
  const far = createMemoryStore();
  others.set("other://far", far);
  await put(own, "data/a");
  await put(far, "data/b");
  const store = withBases(own, { uri: "memory://t" });
  expect(withBases(store, { uri: "memory://t" })).toBe(store);
  expect(await textOf(store, "data/a")).toBe("data/a");
  expect(opened).toBe(0);
  const path = formatElsewhere("other://far", "data/b");
  expect(await textOf(store, path)).toBe("data/b");
  expect(await textOf(store, formatElsewhere("other://far", "data/c"))).toBeUndefined();
  const listed: string[] = [];
  for await (const object of store.list(formatElsewhere("other://far", "data/"))) listed.push(object.path);
  expect(listed).toEqual([path]);
  for await (const object of store.list("")) expect(object.path).toBe("data/a");
  expect([opened, closed]).toEqual([1, 0]);
  await closeBases(store);
  expect([opened, closed]).toEqual([1, 1]);
});

test("a branch finds its table's files through the table's store, also when told nothing but a description", async () => {
  const root = createMemoryStore();
  await put(root, "data/a");
  await put(root, "tree/x/data/b");
  const given = withBases(withPrefix(root, "tree/x"), {
    uri: "memory://t/tree/x",
    root: { store: root, uri: "memory://t" },
  });
  expect(await textOf(given, "data/b")).toBe("tree/x/data/b");
  expect(await textOf(given, formatElsewhere("memory://t", "data/a"))).toBe("data/a");
  registerStoreKind({ kind: "described", schemes: [], openUri: () => root, reopen: () => root });
  const described = overrideStore<Store>(root, { describe: () => ({ kind: "described" }) });
  const reopened = withBases(withPrefix(described, "tree/x"), { uri: "https://host/t/tree/x" });
  expect(await textOf(reopened, formatElsewhere("https://host/t", "data/a"))).toBe("data/a");
});

test("what cannot be opened is named, and a table of another machine does not look into this device", async () => {
  const far = withBases(createMemoryStore(), { uri: "https://host/t" });
  for (const uri of ["memory://private", "opfs://private", "file:///etc", "/etc"]) {
    await expect(far.get(formatElsewhere(uri, "data/a"))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      details: { basePath: uri },
    });
  }
  expect(await far.get(formatElsewhere("https://host/other", "data/a"))).toBeUndefined();
  const near = withBases(createMemoryStore(), { uri: "/lake/t" });
  await expect(near.get(formatElsewhere("nowhere://x", "data/a"))).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringContaining("nowhere://x"),
  });
});

test.each([
  ["/a/t", "/a/t", ""],
  ["/a/t/", "file:///a/t", ""],
  ["s3://b/t", "s3://b/t/tree/x", "tree/x"],
  ["/a/t", "/a/t2", undefined],
  ["/a/t", "/a", undefined],
  ["", "/a", undefined],
])("relative to %s, %s is %s", (root, uri, expected) => {
  expect(relativeUri(root, uri)).toBe(expected);
});
