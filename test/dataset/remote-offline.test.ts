import { afterEach, beforeEach, expect, it } from "vitest";
import { type Dataset, openDataset, writeDataset } from "../../src/entry-node.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { VERSION_HINT_PATH } from "../../src/table/manifest/manifest-path.ts";
import { type StaticHost, startStaticHost } from "../store/support/static-host.ts";

let host: StaticHost;
let device: MemoryObjects;
const open: Dataset[] = [];

beforeEach(async () => {
  host = await startStaticHost();
  device = new Map();
  const objects: MemoryObjects = new Map();
  const rows = Array.from({ length: 50_000 }, (_, id) => ({ weight: Math.sin(id), id, name: `name ${id}` }));
  const dataset = await writeDataset(rows, createMemoryStore(objects), { maxRowsPerFile: 20_000 });
  await dataset.delete("id % 100 = 3");
  for (const [path, { bytes }] of objects) host.objects.set(path, bytes);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((dataset) => dataset.close()));
  await host.close();
});

/** A page that opens the table; what it kept on the device is on the device once it is left. */
async function visit(version?: number): Promise<Dataset> {
  const persistentCache = { store: createMemoryStore(device) };
  const dataset = await openDataset(host.url, { version, cacheBytes: 0, storageOptions: { persistentCache } });
  open.push(dataset);
  return dataset;
}

const ask = async (dataset: Dataset) => {
  const table = await dataset.scanner({ columns: ["id", "name"], filter: "id > 19900 AND id < 20200" }).toTable();
  return table.toArray().map((row) => `${row.id} ${row.name}`);
};

it("answers again after a reload without the host, and refuses what it never read", async () => {
  const online = await visit();
  expect(online.offline).toBe(false);
  const answer = await ask(online);
  expect(answer).toHaveLength(296);
  await online.close();
  host.seen.length = 0;

  const again = await visit();
  expect(await ask(again)).toEqual(answer);
  // The hint, the manifest and the version after it; nothing of the data.
  expect(host.seen.map(({ path }) => path.split("/")[0])).toEqual(["_versions", "_versions", "_versions"]);
  await again.close();

  await host.close();
  const offline = await visit();
  expect(offline.version).toBe(2);
  expect(offline.offline).toBe(true);
  expect(await ask(offline)).toEqual(answer);
  await expect(offline.toTable({ columns: ["weight"] })).rejects.toMatchObject({
    code: "IO",
    details: { offline: true },
    message: expect.stringContaining("offline"),
  });
  await expect(visit(1)).rejects.toMatchObject({ code: "IO", details: { offline: true } });
  expect((await visit(2)).version).toBe(2);
});

it("opens the newest version it has seen, whatever the way it was found, and follows when the host is back", async () => {
  host.objects.delete(VERSION_HINT_PATH);
  await (await visit(1)).close();
  const online = await visit();
  await ask(online);
  await online.close();
  const { objects } = host;
  await host.close();
  const offline = await visit();
  expect([offline.version, offline.offline]).toEqual([2, true]);
  await expect(offline.checkoutLatest()).resolves.toBeUndefined();
  expect(offline.version).toBe(2);
  expect(objects.size).toBeGreaterThan(5);
});

it("a table that was never opened here says that its host cannot be reached", async () => {
  await host.close();
  await expect(visit()).rejects.toMatchObject({ code: "IO", details: { unreachable: true } });
});
