import type { BrowserContext, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeDataset } from "../../src/entry-node.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { COMMITS, countTurns, findFaults } from "../conformance/interleaved.ts";
import { type StaticHost, startStaticHost } from "../store/support/static-host.ts";
import type { Answer, PageApi, Question } from "./tabs/page.ts";
import { call, type ServedTabs, serveTabs } from "./tabs/serve-tabs.ts";

const ROWS = 60_000;
const EXPOSED = "Content-Range, Content-Length, ETag";

let tabs: ServedTabs;
const tables = new Map<string, MemoryObjects>();

beforeAll(async () => {
  tabs = await serveTabs();
  const rows = Array.from({ length: ROWS }, (_, id) => ({ weight: Math.sin(id), id, name: `name ${id} of ${ROWS}` }));
  for (const dataStorageVersion of ["2.1", "2.2"]) {
    const objects: MemoryObjects = new Map();
    const dataset = await writeDataset(rows, createMemoryStore(objects), {
      dataStorageVersion,
      maxRowsPerFile: ROWS / 2,
    });
    await dataset.insert(rows.slice(0, 1));
    tables.set(dataStorageVersion, objects);
  }
});

afterAll(() => tabs?.close());

const ask = (page: Page, question: Question): Promise<Answer> => call(page, "ask", question);

/** A host of one table, of another origin than the pages. */
async function serveTable(version = "2.1", exposed: string | undefined = EXPOSED): Promise<StaticHost> {
  const host = await startStaticHost();
  for (const [path, { bytes }] of tables.get(version)!) host.objects.set(path, bytes);
  host.behave({ cors: exposed === undefined ? {} : { exposed } });
  return host;
}

/** Runs with a browser profile of its own. */
async function withContext(run: (context: BrowserContext) => Promise<void>): Promise<void> {
  const context = await tabs.browser.newContext();
  await run(context).finally(() => context.close());
}

describe.each(["opfs://interleaved", "idb://interleaved"])("two tabs on %s", (uri) => {
  it("200 interleaved commits: none lost, and a third tab hears of them", () =>
    withContext(async (context) => {
      const [a, b, follower] = [await tabs.openTab(context), await tabs.openTab(context), await tabs.openTab(context)];
      await call(a, "createTable", uri);
      await call(follower, "startWatch", uri);
      await Promise.all([call(a, "commitMany", uri, "a"), call(b, "commitMany", uri, "b")]);
      const history = await call(b, "readHistory", uri);
      expect(findFaults(history, ["a", "b"], COMMITS)).toEqual([]);
      expect(countTurns(history)).toBeGreaterThan(10);
      const last = 1 + 2 * COMMITS;
      const hear = (version: number) =>
        follower.waitForFunction(
          (wanted) => (globalThis as never as { api: PageApi }).api.heard().at === wanted,
          version,
        );
      await hear(last);
      // One by one it hears of each, however many of the others came together.
      for (let version = last + 1; version <= last + 3; version++) {
        await call(a, "commitMany", uri, "a", 1);
        await hear(version);
      }
      const { versions } = await call(follower, "heard");
      expect(versions.slice(-3)).toEqual([last + 1, last + 2, last + 3]);
      expect([...versions].sort((x, y) => x - y)).toEqual(versions);
      await call(follower, "stopWatch");
    }));
});

describe("a remote table in a page of another origin", () => {
  it.each(["2.1", "2.2"])(
    "one row in at most 4 requests when pinned and 6 when not, no preflight, files %s",
    (version) =>
      withContext(async (context) => {
        const page = await tabs.openTab(context);
        for (const exposed of [EXPOSED, undefined]) {
          const host = await serveTable(version, exposed);
          // Each with a cache of its own, so that it is cold.
          for (const [i, column] of ["weight", "id", "name"].entries()) {
            for (const pinned of [1, undefined]) {
              host.seen.length = 0;
              const cache = { name: `cold-${version}-${exposed}-${i}-${pinned}` };
              const question = { url: host.url, column, rowId: 12_345, cache, ...(pinned ? { version: pinned } : {}) };
              const answer = await ask(page, question);
              expect(answer).toMatchObject({
                values: [{ weight: String(Math.sin(12_345)), id: "12345", name: `name 12345 of ${ROWS}` }[column]],
              });
              const gets = host.seen.filter(({ method }) => method === "GET");
              expect(gets.length, gets.map(({ path, range }) => `${path} ${range}`).join("; ")).toBeLessThanOrEqual(
                pinned ? 4 : 6,
              );
              expect(host.seen.filter(({ method }) => method === "OPTIONS")).toEqual([]);
            }
          }
          await host.close();
        }
      }),
  );

  it("answers after a reload with its host gone, and says offline for what it never read", () =>
    withContext(async (context) => {
      const host = await serveTable();
      const page = await tabs.openTab(context);
      const questions: Question[] = [
        { url: host.url, column: "name", filter: "id >= 29990 AND id < 30010" },
        { url: host.url, column: "id", rowId: 12_345 },
      ];
      const online: Answer[] = [];
      for (const question of questions) online.push(await ask(page, question));
      expect(online[0]).toMatchObject({ version: 2, offline: false });
      expect(online[0]).toHaveProperty("values.length", 20);
      host.seen.length = 0;
      expect(await ask(page, questions[0]!)).toEqual(online[0]);
      expect(host.seen.every(({ path }) => path.startsWith("_versions/"))).toBe(true);
      await host.close();
      await page.reload();
      await page.waitForFunction(() => "api" in globalThis);
      for (const [i, question] of questions.entries()) {
        expect(await ask(page, question)).toEqual({ ...online[i], offline: true });
      }
      expect(await ask(page, { url: host.url, column: "weight", rowId: 12_345 })).toMatchObject({
        code: "IO",
        offline: true,
        error: expect.stringContaining("not on this device"),
      });
      // Another tab has it too.
      expect(await ask(await tabs.openTab(context), questions[1]!)).toEqual({ ...online[1], offline: true });
    }));

  it("keeps within its budget on the device, also after a reload", () =>
    withContext(async (context) => {
      const host = await serveTable();
      const page = await tabs.openTab(context);
      const cache = { name: "small", maxBytes: 600_000 };
      for (let visit = 0; visit < 2; visit++) {
        for (const column of ["name", "weight", "id"]) await ask(page, { url: host.url, column, cache });
        const bytes = await call(page, "cachedBytes", "small");
        expect(bytes).toBeLessThan(600_000);
        expect(bytes).toBeGreaterThan(100_000);
        await page.reload();
        await page.waitForFunction(() => "api" in globalThis);
      }
      await host.close();
    }));

  it("keeps blocks in OPFS where there is no Cache API", () =>
    withContext(async (context) => {
      await context.addInitScript(() => Object.defineProperty(globalThis, "caches", { value: undefined }));
      const host = await serveTable();
      const page = await tabs.openTab(context);
      const question = { url: host.url, column: "id", rowId: 12_345 };
      const online = await ask(page, question);
      expect(await call(page, "listPaths", "opfs://lancelet-cache")).toContain("ledger");
      await host.close();
      await page.reload();
      await page.waitForFunction(() => "api" in globalThis);
      expect(await ask(page, question)).toEqual({ ...online, offline: true });
    }));

  it("explains a host that does not allow other origins", () =>
    withContext(async (context) => {
      const host = await serveTable();
      host.behave({});
      const answer = await ask(await tabs.openTab(context), { url: host.url, column: "id", rowId: 1 });
      expect(answer).toMatchObject({ code: "IO", error: expect.stringContaining("Access-Control-Allow-Origin") });
      await host.close();
    }));

  it("copies onto the device, goes on after a stop, and opens without the host", () =>
    withContext(async (context) => {
      const host = await serveTable();
      const page = await tabs.openTab(context);
      expect(await call(page, "copy", host.url, "opfs://copy.lance", 100_000)).toBe("ABORTED");
      await page.reload();
      await page.waitForFunction(() => "api" in globalThis);
      expect(await call(page, "copy", host.url, "opfs://copy.lance", Number.POSITIVE_INFINITY)).toBe("whole");
      await host.close();
      expect(await ask(page, { url: "opfs://copy.lance", column: "name", rowId: 45_000 })).toMatchObject({
        code: "NOT_FOUND",
      });
      expect(await ask(page, { url: "opfs://copy.lance", column: "name", rowId: 12_345 })).toMatchObject({
        values: [`name 12345 of ${ROWS}`],
        version: 2,
      });
    }));
});
