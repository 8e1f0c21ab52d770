import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type OpenDatasetOptions, openDataset, writeDataset } from "../../src/entry-node.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { formatManifestPath, VERSION_HINT_PATH } from "../../src/table/manifest/manifest-path.ts";
import { type HostBehaviour, type StaticHost, startStaticHost } from "../store/support/static-host.ts";

const ROWS = 60_000;
const row = (id: number) => ({
  id,
  name: `row number ${id} of ${ROWS}, ${(id * 7919) % 100_003}`,
  kind: `kind ${id % 5}`,
  vector: Array.from({ length: 64 }, (_, i) => Math.fround(Math.sin(id + i))),
});

let host: StaticHost;
const tables = new Map<string, MemoryObjects>();

beforeAll(async () => {
  host = await startStaticHost();
  for (const version of ["2.1", "2.2"]) {
    const objects: MemoryObjects = new Map();
    const store = createMemoryStore(objects);
    const dataset = await writeDataset(
      Array.from({ length: ROWS }, (_, id) => row(id)),
      store,
      { dataStorageVersion: version },
    );
    for (let i = 0; i < 3; i++) await dataset.insert([row(ROWS + i)]);
    tables.set(version, objects);
  }
});
afterAll(() => host.close());
beforeEach(() => vi.unstubAllGlobals());

function serve(version: string, behaviour: HostBehaviour = {}): void {
  host.objects.clear();
  for (const [path, { bytes }] of tables.get(version)!) host.objects.set(path, bytes);
  host.behave(behaviour);
  host.seen.length = 0;
}

/** Opens cold and reads one row of one column, and tells what was asked of the host. */
async function readOneRow(column: string, options: OpenDatasetOptions = {}): Promise<string[]> {
  const dataset = await openDataset(host.url, options);
  const table = await dataset.takeRows([31_234n], { columns: [column] });
  const value = table.getChild(column)!.get(0);
  const expected = row(31_234)[column as "name"];
  if (column === "vector") expect([...(value as Iterable<number>)]).toEqual(expected);
  else expect(typeof expected === "number" ? Number(value) : value).toBe(expected);
  await dataset.close();
  return host.seen.map(({ path, range }) => `${path.replace(/\/.*/, "")} ${range ?? "whole"}`);
}

/** A range request gave no more than the column's page needs. */
function bytesAsked(): number {
  return host.seen.reduce((sum, { range, path }) => {
    const match = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
    if (!match) return sum;
    const size = host.objects.get(path)?.length ?? 0;
    return sum + (match[1] === "" ? Number(match[2]) : Math.min(size, Number(match[2]) + 1) - Number(match[1]));
  }, 0);
}

describe.each(["2.1", "2.2"])("requests of a cold open and one row, files %s", (version) => {
  describe.each(["id", "name", "kind", "vector"])("column %s", (column) => {
    it("at most 4 when the version is pinned", async () => {
      serve(version);
      const asked = await readOneRow(column, { version: 1 });
      expect(asked.length, asked.join("; ")).toBeLessThanOrEqual(4);
      // The manifest's tail and the file's tail, and then nothing but pages.
      expect(bytesAsked()).toBeLessThan(2 * 65_536 + 120_000);
    });

    it("at most 6 when it is found by the hint", async () => {
      serve(version);
      const asked = await readOneRow(column);
      expect(asked.length, asked.join("; ")).toBeLessThanOrEqual(6);
    });

    it("at most 6 when it is found by a listing", async () => {
      serve(version, { lists: true });
      host.objects.delete(VERSION_HINT_PATH);
      const asked = await readOneRow(column);
      expect(asked.length, asked.join("; ")).toBeLessThanOrEqual(6);
    });

    it("the same from another origin, with no request that needs a preflight", async () => {
      vi.stubGlobal("location", { href: "https://app.example/", origin: "https://app.example" });
      for (const hideContentRange of [false, true]) {
        serve(version, { hideContentRange });
        expect((await readOneRow(column, { version: 1 })).length).toBeLessThanOrEqual(4);
        host.seen.length = 0;
        expect((await readOneRow(column)).length).toBeLessThanOrEqual(6);
        for (const { range } of host.seen) expect(range ?? "bytes=0-").toMatch(/^bytes=\d+-\d*$/);
      }
    });
  });
});

describe("finding the newest version over HTTP", () => {
  const newest = async (options?: OpenDatasetOptions) => (await openDataset(host.url, options)).version;
  const setHint = (text: string) => host.objects.set(VERSION_HINT_PATH, new TextEncoder().encode(text));

  it.each([
    ["a lagging hint", '{"version":1}'],
    ["a hint of a version that never was", '{"version":900}'],
    ["a broken hint", "{"],
  ])("with %s", async (_, hint) => {
    serve("2.1");
    setHint(hint);
    expect(await newest()).toBe(4);
  });

  it("without hint and listing, also from a host that says 403 for what is missing", async () => {
    for (const missingStatus of [404, 403]) {
      serve("2.1", { missingStatus });
      host.objects.delete(VERSION_HINT_PATH);
      expect(await newest()).toBe(4);
    }
  });

  it("without hint and listing, when only versions far from 1 are left", async () => {
    serve("2.1");
    host.objects.delete(VERSION_HINT_PATH);
    const manifest = host.objects.get(formatManifestPath(4, "v2"))!;
    for (let version = 1; version <= 4; version++) host.objects.delete(formatManifestPath(version, "v2"));
    // An old version that is tagged stays behind.
    for (const version of [250, ...Array.from({ length: 200 }, (_, i) => 1800 + i)]) {
      host.objects.set(formatManifestPath(version, "v2"), manifest);
    }
    await expect(newest()).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining("holds version 4"),
    });
    const found = host.seen.filter(({ path }) => host.objects.has(path)).map(({ path }) => path);
    expect(found.at(-1)).toBe(formatManifestPath(1999, "v2"));
  });

  it("without hint and listing, beyond an old version that stayed behind", async () => {
    serve("2.1");
    host.objects.delete(VERSION_HINT_PATH);
    const manifest = host.objects.get(formatManifestPath(4, "v2"))!;
    for (let version = 1; version <= 4; version++) host.objects.delete(formatManifestPath(version, "v2"));
    for (const version of [5, ...Array.from({ length: 12 }, (_, i) => 66 + i)]) {
      host.objects.set(formatManifestPath(version, "v2"), manifest);
    }
    await expect(newest()).rejects.toMatchObject({ code: "CORRUPT" });
    const found = host.seen.filter(({ path }) => host.objects.has(path)).map(({ path }) => path);
    expect(found.at(-1)).toBe(formatManifestPath(77, "v2"));
  });

  it("says what it tried where there is no table, and asks for little", async () => {
    serve("2.1");
    host.objects.clear();
    await expect(newest()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("Give the version".toLowerCase()),
    });
    expect(host.seen.length).toBeLessThan(400);
    await expect(newest({ version: 3 })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("names every version of a host that lists", async () => {
    serve("2.2", { lists: true });
    const dataset = await openDataset(host.url, {
      storageOptions: { list: { bucketUrl: new URL("/", host.url).href } },
    });
    expect((await dataset.versions()).map(({ version }) => version)).toEqual([1, 2, 3, 4]);
    expect(host.seen.filter(({ path }) => path === VERSION_HINT_PATH)).toEqual([]);
  });
});

describe("hosts that get in the way", () => {
  it("a table replaced while it is read", async () => {
    serve("2.1", { headers: { etag: '"a"' } });
    const dataset = await openDataset(host.url);
    await dataset.takeRows([5n], { columns: ["id"] });
    host.behave({ headers: { etag: '"b"' } });
    await expect(dataset.takeRows([5n], { columns: ["vector"] })).rejects.toMatchObject({
      code: "IO",
      message: expect.stringContaining("replaced by another one; open it again"),
    });
  });

  it("a data file of another length than the manifest says", async () => {
    serve("2.1");
    const dataset = await openDataset(host.url, { version: 1 });
    for (const [path, bytes] of host.objects) if (path.startsWith("data/")) host.objects.set(path, bytes.subarray(8));
    await expect(dataset.takeRows([5n])).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("no ranges: small files are taken whole, large ones refused with advice", async () => {
    serve("2.1", { ignoreRanges: true });
    const dataset = await openDataset(host.url, { storageOptions: { maxWholeBytes: 1_000_000 } });
    await expect(dataset.takeRows([5n])).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("does not serve ranges"),
    });
    const patient = await openDataset(host.url, { storageOptions: { maxWholeBytes: 100_000_000 } });
    expect((await patient.takeRows([5n], { columns: ["id"] })).getChild("id")!.get(0)).toBe(5);
  });

  it("compressed slices", async () => {
    serve("2.1", { headers: { "content-encoding": "gzip" } });
    await expect(openDataset(host.url, { version: 1 })).rejects.toMatchObject({
      code: "IO",
      message: expect.stringContaining("turn compression off"),
    });
  });

  it("nobody there, or CORS", async () => {
    await expect(openDataset("http://127.0.0.1:1/table")).rejects.toMatchObject({
      code: "IO",
      message: expect.stringContaining("Access-Control-Expose-Headers: Content-Range, Content-Length, ETag"),
      details: { unreachable: true },
    });
  });
});
