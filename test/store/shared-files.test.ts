import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { SharedFiles } from "../../src/store/shared-files.ts";

interface File {
  readonly handle: { close(): Promise<void> };
  readonly size: number;
}

function createOpener() {
  const log: string[] = [];
  let opened = 0;
  const open = async (): Promise<File> => {
    const number = opened++;
    log.push(`open ${number}`);
    await Promise.resolve();
    return { size: number, handle: { close: async () => void log.push(`close ${number}`) } };
  };
  return { log, open };
}

test("reads at once share a handle, which the last one closes, however they end", async () => {
  const files = new SharedFiles<File>();
  const { log, open } = createOpener();
  const read = (use: () => Promise<void>) => files.withFile("a", open, async (file) => use().then(() => file!.size));
  let end = () => {};
  const last = read(() => new Promise<void>((resolve) => (end = resolve)));
  const early = await Promise.allSettled([read(async () => {}), read(() => Promise.reject(new Error("read")))]);
  expect(early.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(log).toEqual(["open 0"]);
  end();
  expect(await last).toBe(0);
  expect(log).toEqual(["open 0", "close 0"]);
  expect(await read(async () => {})).toBe(1);
  expect(log).toEqual(["open 0", "close 0", "open 1", "close 1"]);
});

test("what is forgotten is opened anew while it is read, and both are closed", async () => {
  const files = new SharedFiles<File>();
  const { log, open } = createOpener();
  const second = await files.withFile("a", open, async () => {
    files.forget("a");
    return files.withFile("a", open, async (file) => file!.size);
  });
  expect(second).toBe(1);
  expect(log.sort()).toEqual(["close 0", "close 1", "open 0", "open 1"]);
});

test("a failure is that of all who waited, and of none after; an absent file is not closed", async () => {
  const files = new SharedFiles<File>();
  let opens = 0;
  const open = async () => {
    if (opens++ === 0) throw new Error("denied");
    return undefined;
  };
  const read = () => files.withFile("a", open, async (file) => file);
  const failed = await Promise.allSettled([read(), read()]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect([await read(), opens]).toEqual([undefined, 2]);
});

test("a file put in the place of one that is being read is read from then on, one that is deleted is gone", async () => {
  const directory = await mkdtemp(join(tmpdir(), "lancelet-shared-"));
  try {
    const store = createNodeFsStore(directory);
    const path = "data/a.lance";
    const write = (value: number) => store.put(path, new Uint8Array(4 << 20).fill(value), { mode: "overwrite" });
    const readAll = () => Array.from({ length: 20 }, () => store.get(path).then((result) => result?.bytes.at(-1)));
    await write(1);
    const before = readAll();
    await write(2);
    expect(new Set(await Promise.all(readAll()))).toEqual(new Set([2]));
    const during = readAll();
    await store.delete(path);
    expect(await store.get(path)).toBeUndefined();
    for (const value of await Promise.all([...before, ...during])) expect([1, 2, undefined]).toContain(value);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
