import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPortStore, serveStore } from "../../src/store/message-port.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import type { Store } from "../../src/store/store.ts";
import { toStoreError } from "../../src/store/store-errors.ts";
import { createPattern } from "../conformance/store-checks.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-fs-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function listPaths(store: Store, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix)) paths.push(path);
  return paths;
}

describe("node-fs", () => {
  it("follows links to files and folders, also in a circle, and skips dangling ones", async () => {
    const store = createNodeFsStore(directory);
    await store.put("real/a", createPattern(4), { mode: "create" });
    await symlink(join(directory, "real"), join(directory, "linked"));
    await symlink(join(directory, "real/a"), join(directory, "file-link"));
    await symlink(directory, join(directory, "real/circle"));
    await symlink(join(directory, "nowhere"), join(directory, "dangling"));
    expect(await listPaths(store)).toEqual(["file-link", "linked/a", "real/a"]);
    expect((await store.get("linked/a"))?.totalBytes).toBe(4);
    expect(await store.get("dangling")).toBeUndefined();
    const linkedRoot = createNodeFsStore(join(directory, "linked"));
    expect(await listPaths(linkedRoot)).toContain("a");
  });

  it("reads no folder as an object and deletes none", async () => {
    const store = createNodeFsStore(directory);
    await mkdir(join(directory, "folder"));
    expect(await store.get("folder")).toBeUndefined();
    await expect(store.delete("folder")).rejects.toMatchObject({ code: "IO" });
    await expect(store.put("folder", createPattern(1), { mode: "create" })).rejects.toMatchObject({
      code: "ALREADY_EXISTS",
    });
    await expect(store.put("folder", createPattern(1), { mode: "overwrite" })).rejects.toMatchObject({ code: "IO" });
    expect(await readdir(directory)).toEqual(["folder"]);
  });

  it("leaves no empty folder behind a delete or an aborted write, and keeps its own", async () => {
    const root = join(directory, "table");
    const store = createNodeFsStore(root);
    await store.put("a/b/c/one", createPattern(4), { mode: "create" });
    await store.put("a/two", createPattern(4), { mode: "create" });
    await store.delete("a/b/c/one");
    expect(await readdir(join(root, "a"))).toEqual(["two"]);
    const writer = await store.createWriter("d/e/three");
    await writer.write(createPattern(4));
    await writer.abort();
    expect(await readdir(root)).toEqual(["a"]);
    await mkdir(join(root, "others"));
    await store.delete("others/missing");
    await store.delete("a/two");
    expect(await readdir(root)).toEqual(["others"]);
    await store.put("top", createPattern(1), { mode: "create" });
    await store.delete("top");
    await rm(join(root, "others"), { recursive: true });
    await store.delete("top");
    expect(await readdir(directory)).toEqual(["table"]);
  });

  it("writes beside deletes that remove the folder again and again", async () => {
    const store = createNodeFsStore(directory);
    const pairs = Array.from({ length: 40 }, async (_, i) => {
      for (let round = 0; round < 5; round++) {
        const path = `deep/folder/${i % 4}/file-${i}-${round}`;
        await store.put(path, createPattern(1), { mode: "create" });
        expect((await store.get(path))?.totalBytes).toBe(1);
        await store.delete(path);
      }
    });
    await Promise.all(pairs);
    expect(await readdir(directory)).toEqual([]);
  });

  it("says what stands in the way of a write", async () => {
    const store = createNodeFsStore(directory);
    await store.put("file", createPattern(1), { mode: "create" });
    await expect(store.put("file/below", createPattern(1), { mode: "create" })).rejects.toMatchObject({
      code: "IO",
      details: { path: "file/below" },
    });
    const longName = "x".repeat(300);
    await expect(store.put(longName, createPattern(1), { mode: "create" })).rejects.toMatchObject({ code: "IO" });
    expect(await listPaths(store)).toEqual(["file"]);
  });

  it("calls a full disk QUOTA_EXCEEDED", () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    expect(toStoreError(full, "write", "x")).toMatchObject({ code: "QUOTA_EXCEEDED", cause: full });
    const quota = new DOMException("full", "QuotaExceededError");
    expect(toStoreError(quota, "write", "x")).toMatchObject({ code: "QUOTA_EXCEEDED", cause: quota });
  });

  it("leaves no temporary file after success, refusal or abort, and sweeps old ones", async () => {
    const store = createNodeFsStore(directory);
    await store.put("a", createPattern(1), { mode: "create" });
    await store.put("a", createPattern(1), { mode: "create" }).catch(() => {});
    await store.put("a", createPattern(1), { mode: "overwrite" });
    await (await store.createWriter("b")).abort();
    expect(await readdir(directory)).toEqual(["a"]);
    const twoDaysAgo = (Date.now() - 2 * 24 * 60 * 60 * 1000).toString(36);
    const old = `.lancelet-tmp-${twoDaysAgo}-x`;
    const young = `.lancelet-tmp-${Date.now().toString(36)}-x`;
    await writeFile(join(directory, old), "debris");
    await writeFile(join(directory, young), "being written");
    expect(await listPaths(store)).toEqual(["a"]);
    expect(await readdir(directory)).toEqual([young, "a"]);
  });

  it("a process that is killed while it writes leaves nothing but hidden debris", async () => {
    const child = fork(new URL("./support/killed-writer.ts", import.meta.url), [directory]);
    await once(child, "message");
    child.kill("SIGKILL");
    await once(child, "exit");
    const store = createNodeFsStore(directory);
    expect(await listPaths(store)).toEqual([]);
    expect(await store.get("data/half.lance")).toBeUndefined();
    expect((await readdir(join(directory, "data"))).every((name) => name.startsWith(".lancelet-tmp-"))).toBe(true);
    expect((await readdir(join(directory, "data"))).length).toBe(1);
  });

  it("reads into memory of its caller's, and does not where it is served to another thread", async () => {
    const local = createNodeFsStore(directory);
    await local.put("a", createPattern(40), { mode: "create" });
    const { port1, port2 } = new MessageChannel();
    const stop = serveStore(local, port1);
    try {
      for (const store of [local, await createPortStore(port2)]) {
        const into = new Uint8Array(30);
        const read = await store.get("a", { offset: 5, length: 20 }, { transient: true, into });
        expect(read?.bytes).toEqual(createPattern(20, 5));
        expect(read?.bytes.buffer === into.buffer).toBe(store === local);
        expect(store.capabilities).toMatchObject({ write: true, list: true });
        expect(store.capabilities.readsInto).toBe(store === local ? true : undefined);
      }
    } finally {
      stop();
    }
  });

  it("of creates racing from three processes exactly one wins each path", async () => {
    const children = ["a", "b", "c"].map((name) =>
      fork(new URL("./support/racing-creator.ts", import.meta.url), [directory, name, "30"]),
    );
    await Promise.all(children.map((child) => once(child, "message")));
    const done = Promise.all(children.map((child) => once(child, "message")));
    for (const child of children) child.send("go");
    const wins = (await done).map(([message]) => message as number[]);
    const store = createNodeFsStore(directory);
    expect(wins.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    for (const [i, name] of ["a", "b", "c"].entries()) {
      for (const path of wins[i]!) {
        expect(new TextDecoder().decode((await store.get(`_versions/${path}`))?.bytes)).toBe(name.repeat(1000));
      }
    }
  });
});
