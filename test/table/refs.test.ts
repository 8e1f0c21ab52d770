import { describe, expect, test } from "vitest";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { commit } from "../../src/table/commit/commit.ts";
import { readDeletions } from "../../src/table/deletions/deletions.ts";
import { listVersions } from "../../src/table/manifest/versions.ts";
import { openBranch } from "../../src/table/refs/branch-root.ts";
import { createBranch } from "../../src/table/refs/create-branch.ts";
import { deleteBranch } from "../../src/table/refs/delete-branch.ts";
import { openReferenceAt } from "../../src/table/refs/open-reference.ts";
import { getBranch, listBranches } from "../../src/table/refs/read-branches.ts";
import { getTag, listTags } from "../../src/table/refs/read-tags.ts";
import { checkBranchName, checkTagName } from "../../src/table/refs/ref-names.ts";
import { openReference } from "../../src/table/refs/reference.ts";
import { createTag, deleteTag, updateTag } from "../../src/table/refs/tags.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { appendOf, createIndexOf, createTable, stageDelete, stageFragment, stageIndex } from "./support.ts";

useTestRuntime();

const URI = "memory://t";
const jsonOf = (objects: MemoryObjects, path: string) => JSON.parse(new TextDecoder().decode(objects.get(path)!.bytes));
const putText = (objects: MemoryObjects, path: string, text: string) =>
  createMemoryStore(objects).put(path, new TextEncoder().encode(text), { mode: "overwrite" });

describe("tags", () => {
  test("are made, read, moved and taken away, in native's JSON", async () => {
    const objects: MemoryObjects = new Map();
    const store = createMemoryStore(objects);
    const one = await createTable(store, 1);
    const two = await commit(one, appendOf(stageFragment()));
    expect(await listTags(store)).toEqual({});
    const made = await createTag(two, "first", { reference: 1 });
    expect(made).toMatchObject({ branch: null, version: 1, metadata: {}, manifestSizeBytes: one.source.sizeBytes });
    await createTag(two, "newest");
    expect(Object.keys(jsonOf(objects, "_refs/tags/first.json"))).toEqual([
      "branch",
      "version",
      "createdAt",
      "updatedAt",
      "manifestSize",
      "metadata",
    ]);
    expect(await listTags(store)).toMatchObject({ first: { version: 1 }, newest: { version: 2 } });
    expect((await openReference(two, "first")).version).toBe(1);
    expect((await openReferenceAt({ store, uri: URI }, { version: "newest" })).version).toBe(2);
    const moved = await updateTag(two, "first", { reference: "newest" });
    expect(moved.version).toBe(2);
    expect(moved.createdAt).toBe(made.createdAt);
    expect(moved.updatedAt! >= made.updatedAt!).toBe(true);
    await deleteTag(two, "first");
    expect(Object.keys(await listTags(store))).toEqual(["newest"]);
  });

  test("what another writer noted beside stays when a tag is moved", async () => {
    const objects: MemoryObjects = new Map();
    const one = await createTable(createMemoryStore(objects), 1);
    await createTag(one, "t");
    const odd = { ...jsonOf(objects, "_refs/tags/t.json"), metadata: { why: "x" }, later: [1] };
    await putText(objects, "_refs/tags/t.json", JSON.stringify(odd));
    const two = await commit(one, appendOf(stageFragment()));
    await updateTag(two, "t", { reference: 2 });
    expect(jsonOf(objects, "_refs/tags/t.json")).toMatchObject({ version: 2, metadata: { why: "x" }, later: [1] });
  });

  test("name what they refuse", async () => {
    const objects: MemoryObjects = new Map();
    const store = createMemoryStore(objects);
    const one = await createTable(store, 1);
    await createTag(one, "t");
    await expect(createTag(one, "t")).rejects.toMatchObject({ code: "ALREADY_EXISTS", details: { tag: "t" } });
    await expect(createTag(one, "u", { reference: 9 })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(createTag(one, "u", { reference: "v" })).rejects.toMatchObject({ code: "NOT_FOUND" });
    for (const call of [getTag(store, "u"), updateTag(one, "u"), deleteTag(one, "u"), openReference(one, "u")]) {
      await expect(call).rejects.toMatchObject({ code: "NOT_FOUND", details: { tag: "u", known: ["t"] } });
    }
    for (const reference of [0, 1.5, Number.NaN, null, true] as never[]) {
      await expect(openReference(one, reference)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    for (const text of ["", "[]", "{", '{"version":0}', '{"version":"1"}', '{"version":1.5}']) {
      await putText(objects, "_refs/tags/bad.json", text);
      await expect(getTag(store, "bad")).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });

  test.each(["a", "v1.0", "a-b_c", "über1"])("%s is a name of a tag and of a branch", (name) => {
    expect(() => checkTagName(name)).not.toThrow();
    expect(() => checkBranchName(name)).not.toThrow();
  });

  test.each(["", ".a", "a.", "a..b", "a.lock", "a/b", "a b", "a\\b", "../x", 7, undefined])("%s is no tag", (name) => {
    expect(() => checkTagName(name)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test.each(["", "/a", "a/", "a//b", "a/../b", "a\\b", "a b", "a.lock", "main", "a/./b", 7])(
    "%s is no branch",
    (name) => {
      expect(() => checkBranchName(name)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    },
  );
});

describe("branches", () => {
  const setUp = async () => {
    const objects: MemoryObjects = new Map();
    const store = createMemoryStore(objects);
    const base = await createTable(store, 2);
    const indexed = await commit(base, createIndexOf([await stageIndex("a_idx", [0, 1])]));
    const deleted = await commit(indexed, await stageDelete(indexed, { 0: [3] }));
    return { objects, store, main: deleted };
  };

  test("start where they were asked to, with all of the version there, and go on apart", async () => {
    const { objects, store, main } = await setUp();
    const branch = await createBranch(main, "feat/x");
    expect([branch.version, branch.manifest.branch, branch.uri]).toEqual([3, "feat/x", "memory://t/tree/feat/x"]);
    expect(jsonOf(objects, "_refs/branches/feat%2Fx.json")).toMatchObject({
      parentBranch: null,
      identifier: { version_mapping: [[3, expect.stringMatching(/^[0-9a-f]{32}$/)]] },
      parentVersion: 3,
      createAt: expect.any(Number),
      manifestSize: main.source.sizeBytes,
      metadata: {},
    });
    expect([...objects.keys()].filter((path) => path.startsWith("tree/")).map((path) => path.split("/")[3])).toEqual([
      "_transactions",
      "_versions",
      "_versions",
    ]);
    expect(branch.manifest.basePaths).toMatchObject([{ id: 0, path: URI, isDatasetRoot: true }]);
    expect(branch.manifest.readerFeatureFlags & 16n).toBe(16n);
    expect(branch.indices.map((index) => index.baseId)).toEqual([0]);
    expect(await readDeletions(branch, branch.fragments[0]!)).toEqual(Uint32Array.of(3));

    const grown = await commit(branch, appendOf(stageFragment(5)));
    const less = await commit(grown, await stageDelete(grown, { 0: [3, 4] }));
    expect(less.version).toBe(5);
    expect(less.fragments.map((fragment) => fragment.proto.files[0]!.baseId)).toEqual([0, 0, undefined]);
    const again = await openReference(main, { branch: "feat/x" });
    expect(again.version).toBe(5);
    expect(await readDeletions(again, again.fragments[0]!)).toEqual(Uint32Array.of(3, 4));
    expect((await listVersions(again.store)).map((info) => info.version)).toEqual([3, 4, 5]);
    expect((await openSnapshot(store, { uri: URI })).version).toBe(3);
    expect((await openReference(again, { branch: "main" })).manifest.branch ?? "").toBe("");
    expect((await openReference(again, 4)).fragments).toHaveLength(3);
    expect((await openReferenceAt({ store, uri: URI }, { branch: "feat/x", version: 4 })).version).toBe(4);
  });

  test("of branches know all lines they left; tags may name their versions", async () => {
    const { store, main } = await setUp();
    const one = await commit(await createBranch(main, "one", { reference: 1 }), appendOf(stageFragment()));
    const two = await createBranch(one, "two");
    expect(two.manifest.basePaths.map(({ id, path, name }) => [id, path, name])).toEqual([
      [0, URI, undefined],
      [1, `${URI}/tree/one`, "one"],
    ]);
    expect(two.fragments.map((fragment) => fragment.proto.files[0]!.baseId)).toEqual([0, 0, 1]);
    const branches = await listBranches(store);
    expect(Object.keys(branches)).toEqual(["one", "two"]);
    const three = await createBranch(await createBranch(main, "three"), "three/more");
    expect(three.indices.map((index) => index.baseId)).toEqual([0]);
    expect(branches.two!.identifier).toEqual([branches.one!.identifier[0], [2, expect.any(String)]]);
    expect(branches.two).toMatchObject({ parentBranch: "one", parentVersion: 2 });
    await createTag(two, "on-two");
    expect(await getTag(store, "on-two")).toMatchObject({ branch: "two", version: 2 });
    expect((await openReference(main, "on-two")).manifest.branch).toBe("two");
    expect((await openReferenceAt({ store, uri: URI }, { version: "on-two" })).manifest.branch).toBe("two");
    await expect(openReferenceAt({ store, uri: URI }, { version: "on-two", branch: "one" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  test("are refused where one is, or where they would start at nothing", async () => {
    const { store, main } = await setUp();
    await createBranch(main, "one");
    await expect(createBranch(main, "one")).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    await expect(createBranch(main, "two", { reference: 9 })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(getBranch(store, "two")).rejects.toMatchObject({ code: "NOT_FOUND", details: { known: ["one"] } });
    for (const opened of [
      openReference(main, { branch: "two" }),
      openReference(main, { branch: "two", version: 3 }),
      openReferenceAt({ store, uri: URI }, { branch: "two" }),
    ]) {
      const message = 'there is no branch "two"; there are one';
      await expect(opened).rejects.toMatchObject({ code: "NOT_FOUND", message, details: { known: ["one"] } });
    }
    await expect(openReference(main, { branch: "one", version: 9 })).rejects.toThrow("has no version 9");
    const nowhere = openReferenceAt({ store: createMemoryStore(new Map()), uri: URI }, { branch: "two" });
    await expect(nowhere).rejects.toThrow(`no Lance table at ${URI}`);
    const racing = await Promise.allSettled(Array.from({ length: 5 }, () => createBranch(main, "race")));
    expect(racing.filter((one) => one.status === "fulfilled")).toHaveLength(1);
    expect((await openBranch({ store, uri: URI }, "race")).version).toBe(3);
  });

  test("go with all that is theirs alone, and not while they are in use", async () => {
    const { objects, main } = await setUp();
    const one = await createBranch(main, "a");
    await createBranch(one, "a/b");
    await createTag(one, "t");
    await expect(deleteBranch(main, "a")).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { users: ['branch "a/b"', 'tag "t"'] },
    });
    await expect(deleteBranch(one, "a")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(deleteBranch(main, "b")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await createBranch(main, "a/c");
    await deleteTag(main, "t");
    await deleteBranch(main, "a/b");
    await deleteBranch(main, "a");
    expect(
      [...objects.keys()]
        .filter((path) => /^(tree|_refs\/branches)\/a\b/.test(path))
        .every((path) => /a(\/|%2F)c/.test(path)),
    ).toBe(true);
    expect((await openReference(main, { branch: "a/c" })).version).toBe(3);
  });

  test("a crash at any write leaves the table as it was, and a branch whole or unlisted", async () => {
    const { objects } = await setUp();
    const attempt = async (stopAtWrite: number, stopEffect: "none" | "full") => {
      const copy: MemoryObjects = new Map(objects);
      const faulty = createFaultyStore(createMemoryStore(copy), { stopAtWrite, stopEffect });
      const main = await openSnapshot(faulty, { uri: URI });
      const error = await createBranch(main, "b").then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const store: Store = createMemoryStore(copy);
      expect((await openSnapshot(store, { uri: URI })).version).toBe(3);
      const listed = await listBranches(store);
      if (listed.b !== undefined) expect((await openBranch({ store, uri: URI }, "b")).version).toBe(3);
      if (error === undefined) expect(listed.b).toBeDefined();
      return faulty.stopped;
    };
    let points = 0;
    for (const effect of ["none", "full"] as const) {
      for (points = 1; await attempt(points, effect); points++);
    }
    expect(points).toBeGreaterThan(4);
  });

  test("a write of the list that fails takes the branch back", async () => {
    const { objects } = await setUp();
    const before = [...objects.keys()];
    const faulty = createFaultyStore(createMemoryStore(objects), { refusePaths: /^_refs\/branches\/.*json$/ });
    const main = await openSnapshot(faulty, { uri: URI });
    await expect(createBranch(main, "b")).rejects.toMatchObject({ code: "IO" });
    expect([...objects.keys()].filter((path) => !before.includes(path) && !path.includes("hint"))).toEqual([]);
  });
});
