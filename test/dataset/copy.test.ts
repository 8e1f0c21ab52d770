import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { clone, create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CopyProgress, type Dataset, openDataset, writeDataset } from "../../src/entry-node.ts";
import { BasePathSchema, ManifestSchema } from "../../src/proto/gen/lance/table_pb.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";
import { FLAG_BASE_PATHS } from "../../src/table/manifest/feature-flags.ts";
import { formatManifestPath, VERSION_HINT_PATH } from "../../src/table/manifest/manifest-path.ts";
import { readManifest } from "../../src/table/manifest/read-manifest.ts";
import { encodeManifestFile } from "../../src/table/manifest/write-manifest.ts";
import { type StaticHost, startStaticHost } from "../store/support/static-host.ts";
import { createCountingStore } from "../support/counting-store.ts";

let host: StaticHost;
let objects: MemoryObjects;
beforeAll(async () => {
  host = await startStaticHost();
});
afterAll(() => host.close());
beforeEach(() => {
  objects = new Map();
  host.objects.clear();
  host.behave({});
});

const makeRows = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, value: Math.sin(from + i), name: `row ${from + i}` }));

/** Three fragments, a deletion file, an index of two segments' worth of files. */
async function build(): Promise<Dataset> {
  const dataset = await writeDataset(makeRows(0, 3000), createMemoryStore(objects), { maxRowsPerFile: 1000 });
  await dataset.createScalarIndex("id", "BTREE");
  await dataset.delete("id % 7 = 2");
  return dataset;
}

function serve(): void {
  for (const [path, { bytes }] of objects) host.objects.set(path, bytes);
  host.seen.length = 0;
}

async function expectSame(copied: Dataset, source: Dataset): Promise<void> {
  expect(copied.version).toBe(source.version);
  const read = async (dataset: Dataset) => (await dataset.toTable({ filter: "id < 2500" })).toArray().map(String);
  expect(await read(copied)).toEqual(await read(source));
  expect(await copied.describeIndices()).toEqual(await source.describeIndices());
}

describe("copyTo", () => {
  it("copies every file of the version from a host that only reads, and reports files and bytes", async () => {
    const source = await build();
    await source.insert(makeRows(5000, 10));
    serve();
    const pinned = await openDataset(host.url, { version: 3 });
    const reports: CopyProgress[] = [];
    const target = createMemoryStore();
    await pinned.copyTo(target, { onProgress: (progress) => reports.push(progress) });
    await expectSame(await openDataset(target), await source.checkoutVersion(3));
    const paths: string[] = [];
    for await (const { path } of target.list("")) paths.push(path);
    // Nothing of another version.
    expect(paths.filter((path) => path.startsWith("data/"))).toHaveLength(3);
    expect(paths.filter((path) => path.startsWith("_deletions/"))).toHaveLength(3);
    expect(paths.filter((path) => path.startsWith("_versions/"))).toEqual([
      formatManifestPath(3, "v2"),
      VERSION_HINT_PATH,
    ]);

    const sizes = [...paths]
      .filter((path) => path !== VERSION_HINT_PATH)
      .map((path) => objects.get(path)!.bytes.length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(new Set(reports.map(({ totalBytes, totalFiles }) => `${totalBytes} ${totalFiles}`))).toEqual(
      new Set([`${total} ${sizes.length}`]),
    );
    expect(reports.at(-1)).toMatchObject({ doneBytes: total, doneFiles: sizes.length });
    for (const [i, { doneBytes, doneFiles }] of reports.slice(1).entries()) {
      expect(doneBytes).toBeGreaterThanOrEqual(reports[i]!.doneBytes);
      expect(doneFiles).toBeGreaterThanOrEqual(reports[i]!.doneFiles);
    }
  });

  it("goes on after a kill at any write, and writes no file twice", async () => {
    const source = await build();
    for (let survives = 0; ; survives++) {
      const held: MemoryObjects = new Map();
      let closes = 0;
      const mortal = overrideStore(createMemoryStore(held) as Store, {
        async createWriter(path, options) {
          const writer = await createMemoryStore(held).createWriter(path, options);
          const close = () => (closes++ < survives ? writer.close() : Promise.reject(new Error("killed")));
          return { ...writer, close };
        },
      });
      const outcome = await source.copyTo(mortal).then(
        () => "whole",
        () => "killed",
      );
      if (outcome === "killed") {
        expect([...held.keys()].filter((path) => path.startsWith("_versions/"))).toEqual([]);
        // A file that lost its end counts as absent.
        const [cut] = held.keys();
        if (cut) held.set(cut, { ...held.get(cut)!, bytes: held.get(cut)!.bytes.subarray(1) });
        const before = new Set([...held.keys()].filter((path) => path !== cut));
        const counting = createCountingStore(createMemoryStore(held));
        await source.copyTo(counting);
        for (const { op, path } of counting.log) if (op === "close") expect(before.has(path)).toBe(false);
      }
      await expectSame(await openDataset(createMemoryStore(held)), source);
      if (outcome === "whole") return;
    }
  });

  it("takes the URI of a target too, and names anything else that is no store", async () => {
    const source = await build();
    const uri = `memory://${crypto.randomUUID()}`;
    await source.copyTo(uri);
    await expectSame(await openDataset(uri), source);
    await expect(source.copyTo({} as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("refuses a target that holds another table, before a byte is copied", async () => {
    const source = await build();
    const other = createMemoryStore();
    const dataset = await writeDataset(makeRows(0, 3), other);
    for (let i = 0; i < 2; i++) await dataset.insert(makeRows(0, 1));
    const counting = createCountingStore(other);
    await expect(source.copyTo(counting)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    expect(counting.log.filter(({ op }) => op !== "get")).toEqual([]);
  });

  it("names a file that is gone or has another length, and cancels", async () => {
    await build();
    serve();
    const dataset = await openDataset(host.url);
    const file = [...host.objects.keys()].find((path) => path.startsWith("data/"))!;
    const bytes = host.objects.get(file)!;
    host.objects.set(file, bytes.subarray(0, bytes.length - 3));
    await expect(dataset.copyTo(createMemoryStore())).rejects.toMatchObject({
      code: "CORRUPT",
      details: { path: file },
    });
    host.objects.delete(file);
    await expect((await openDataset(host.url)).copyTo(createMemoryStore())).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    const stop = new AbortController();
    const target = createMemoryStore();
    const copy = dataset.copyTo(target, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(copy).rejects.toMatchObject({ code: expect.stringMatching("ABORTED|NOT_FOUND|CORRUPT") });
    expect(await target.get(formatManifestPath(3, "v2"))).toBeUndefined();
  });

  it("copies files of other bases into the table, and forgets the bases", async () => {
    const source = await build();
    const path = formatManifestPath(3, "v2");
    const stored = (await readManifest(createMemoryStore(objects), path))!;
    const manifest = clone(ManifestSchema, stored.manifest);
    manifest.basePaths = [create(BasePathSchema, { id: 4, isDatasetRoot: true, path: "./old/table" })];
    manifest.readerFeatureFlags |= FLAG_BASE_PATHS;
    manifest.writerFeatureFlags |= FLAG_BASE_PATHS;
    const move = (from: string) => {
      objects.set(`old/table/${from}`, objects.get(from)!);
      objects.delete(from);
    };
    const [first] = manifest.fragments;
    first!.files[0]!.baseId = 4;
    first!.deletionFile!.baseId = 4;
    move(`data/${first!.files[0]!.path}`);
    for (const name of [...objects.keys()]) if (name.startsWith(`_deletions/${first!.id}-`)) move(name);
    const sections = { indexSection: stored.indexSection, transaction: stored.transaction };
    objects.set(path, { bytes: encodeManifestFile(manifest, sections), modifiedMs: 0 });

    const based = await openDataset(createMemoryStore(objects));
    const target: MemoryObjects = new Map();
    await based.copyTo(createMemoryStore(target));
    expect([...target.keys()].filter((name) => name.startsWith("old"))).toEqual([]);
    await expectSame(await openDataset(createMemoryStore(target)), based);
    const copied = (await readManifest(createMemoryStore(target), path))!;
    expect(copied.manifest.basePaths).toEqual([]);
    expect(copied.manifest.readerFeatureFlags & FLAG_BASE_PATHS).toBe(0n);
    expect(await source.countRows()).toBeGreaterThan(0);
  });

  it.each(["ivf_flat_multi.lance", "types_v22.lance", "btree_multi.lance"])(
    "copies %s of native Lance",
    async (name) => {
      const root = join(import.meta.dirname, "../fixtures/lance", name);
      const walk = (folder: string): string[] =>
        readdirSync(folder).flatMap((entry) => {
          const path = join(folder, entry);
          return statSync(path).isDirectory() ? walk(path) : [path];
        });
      for (const file of walk(root)) host.objects.set(relative(root, file), readFileSync(file));
      for (const from of [host.url, root]) {
        const source = await openDataset(from);
        const target = createMemoryStore();
        await source.copyTo(target);
        const copied = await openDataset(target);
        expect(await copied.countRows()).toBe(await source.countRows());
        expect(await copied.describeIndices()).toEqual(await source.describeIndices());
      }
    },
  );
});
