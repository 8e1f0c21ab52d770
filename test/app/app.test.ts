import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser, BrowserContext, Page } from "playwright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { serveFolder } from "../../web/serve.mjs";
import { launchChromium, PAGE_WAIT_MS } from "../tools/launch-chromium.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const CHESS = "play chess against the computer";

let folder: string;
let server: Awaited<ReturnType<typeof serveFolder>>;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lancelet-app-"));
  const { VITEST: _vitest, NODE_ENV: _mode, ...env } = process.env;
  const vite = join(root, "node_modules/vite/bin/vite.js");
  const args = [vite, "build", "--logLevel", "warn", "--outDir", folder, "--emptyOutDir"];
  await promisify(execFile)(process.execPath, args, { cwd: root, env });
  server = await serveFolder(folder);
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What a page did that it must not. */
interface Watch {
  readonly problems: string[];
}

async function openPage(context: BrowserContext): Promise<Page & Watch> {
  const problems: string[] = [];
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_WAIT_MS);
  const { origin } = new URL(server.url);
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && problems.push(`console: ${message.text()}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) problems.push(`request: ${request.url()}`);
  });
  return Object.assign(page, { problems });
}

async function visit(page: Page): Promise<void> {
  await page.goto(server.url);
  await waitForAnswer(page, "");
}

/** The page writes the query it answered last on its root element. */
async function waitForAnswer(page: Page, query: string): Promise<void> {
  await page.waitForFunction((text) => document.documentElement.dataset.answered === text, query);
}

async function search(page: Page, query: string): Promise<string[]> {
  await waitForNextAnswer(page, () => page.fill("#query", query));
  await waitForAnswer(page, query);
  return names(page);
}

const names = (page: Page) => page.locator("#results .name").allTextContents();
const facts = (page: Page) => page.textContent("#answer-facts");
const plan = (page: Page) => page.textContent("#provenance pre");

async function buildIndexes(page: Page): Promise<void> {
  await page.click("#build");
  await page.waitForSelector("#build-done");
}

/** The page counts its answers on its root element. */
const countAnswers = (page: Page) => page.evaluate(() => Number(document.documentElement.dataset.answers));

async function waitForNextAnswer(page: Page, act: () => Promise<void>): Promise<void> {
  const before = await countAnswers(page);
  await act();
  await page.waitForFunction((count) => Number(document.documentElement.dataset.answers) > count, before);
}

async function setSize(page: Page, step: number): Promise<void> {
  await waitForNextAnswer(page, () => page.locator("#size").fill(String(step)));
}

it("copies, builds four segments of two indexes, searches, and goes on offline", async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await openPage(context);
  await visit(page);
  expect(await page.textContent("#status")).toContain("10,000 rows · version 1");
  expect(await page.textContent("#status")).toContain("OPFS");

  // before: every row is compared
  expect((await search(page, CHESS)).slice(0, 3)).toContain("gnome-chess");
  expect(await facts(page)).toContain("10,000 rows of 4 fragments one by one");

  await buildIndexes(page);
  const lanes = await page.locator("#indexes .lane").allTextContents();
  expect(lanes).toHaveLength(4);
  for (const lane of lanes) {
    expect(lane).toMatch(/vector_idx · fragment \d2,500 rows · [\d.]+ MB · \d+ ms/);
    expect(lane).toMatch(/installed_kb_idx · fragment \d2,500 rows · [\d.]+ KB · \d+ ms/);
  }
  expect(await page.locator("#indexes .commit").allTextContents()).toEqual([
    expect.stringMatching(/vector_idx committedversion 2 · \d+ ms4 segments in one transaction/),
    expect.stringMatching(/installed_kb_idx committedversion 3 · \d+ ms4 segments in one transaction/),
  ]);
  expect(await page.locator("#coverage .cell.covered").count()).toBe(8);
  expect(await page.locator("#coverage .cell").count()).toBe(32);

  // after: segments answer, and the size filter comes from the B-tree
  expect((await search(page, CHESS)).slice(0, 10)).toEqual(
    expect.arrayContaining(["gnome-chess", "gnuchess", "eboard"]),
  );
  expect(await facts(page)).toContain("4 segments");
  expect(await plan(page)).toContain("ANNSubIndex: name=vector_idx");
  await setSize(page, 4);
  expect(await page.textContent("#size-label")).toBe("1.0 MB");
  const small = await names(page);
  expect(small).toContain("gnuchess");
  expect(small).not.toContain("gnome-chess");
  expect(await plan(page)).toContain("@installed_kb_idx(BTree)");
  await page.locator("#results button").first().click();
  await page.waitForSelector("#results .detail .tags li");

  // a second tab of the same device sees the indexes
  const other = await openPage(context);
  await visit(other);
  expect(await other.locator("#coverage .cell.covered").count()).toBe(8);
  await other.close();

  // the network goes away, and so does the server
  await page.evaluate(async () => void (await navigator.serviceWorker.ready));
  // of the two builds of the core kernels the device keeps the one it runs
  const kept = await page.evaluate(async () => {
    const caches = await Promise.all((await self.caches.keys()).map((name) => self.caches.open(name)));
    return (await Promise.all(caches.map((cache) => cache.keys()))).flat().map(({ url }) => url);
  });
  const modules = kept.flatMap((url) => /\/(\w+_bg)-[\w-]+\.wasm$/.exec(url)?.[1] ?? []);
  expect(modules.sort()).toEqual(["build_bg", "core_relaxed_bg"]);
  await context.setOffline(true);
  await server.close();
  server = await serveFolder(folder);
  await page.reload();
  await waitForAnswer(page, "");
  expect(await page.textContent("#status")).toContain("offline");
  expect(await page.textContent("#status")).toContain("version 3");
  expect((await search(page, CHESS)).slice(0, 10)).toContain("gnuchess");
  expect(await facts(page)).toContain("4 segments");
  expect(page.problems).toEqual([]);
  await context.close();
});

/** A build is over in a moment: the page itself presses the button as soon as it is there. */
async function pressWhenThere(page: Page, selector: string): Promise<void> {
  await page.evaluate((wanted) => {
    const press = () => {
      const button = document.querySelector<HTMLElement>(wanted);
      if (!button) return;
      observer.disconnect();
      button.click();
    };
    const observer = new MutationObserver(press);
    observer.observe(document, { childList: true, subtree: true });
  }, selector);
}

const TASKS = "disabled-by-default-devtools.timeline";

/** The longest task of the page's main thread meanwhile, in milliseconds of its processor: other programs' are not its. */
async function measureLongestTask(page: Page, act: () => Promise<void>): Promise<number> {
  await browser.startTracing(page, { categories: [TASKS] });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const mains = traceEvents.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain");
  const threads = new Set(mains.map(({ pid, tid }) => `${pid}/${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid }) => name === "RunTask" && threads.has(`${pid}/${tid}`));
  expect(tasks.length).toBeGreaterThan(100);
  return tasks.reduce((longest, { tdur }) => Math.max(longest, tdur! / 1000), 0);
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

it("no task of the main thread is long while four segments build and somebody types", async () => {
  let longest = Number.POSITIVE_INFINITY;
  // A task that is long is so each time; one that collected garbage is not.
  for (let attempt = 0; attempt < 3 && longest > 50; attempt++) {
    const context = await browser.newContext();
    const page = await openPage(context);
    await visit(page);
    await search(page, CHESS);
    const answered = await countAnswers(page);
    const task = await measureLongestTask(page, async () => {
      await page.click("#build");
      for (const text of ["e", "ed", "edit", "edit photos"]) await page.fill("#query", text);
      await page.waitForSelector("#build-done");
      await waitForAnswer(page, "edit photos");
    });
    longest = Math.min(longest, task);
    expect(await countAnswers(page)).toBeGreaterThan(answered);
    await context.close();
  }
  expect(longest).toBeLessThanOrEqual(50);
});

it("a cancelled build leaves the table as it was", async () => {
  const context = await browser.newContext();
  const page = await openPage(context);
  await visit(page);
  await pressWhenThere(page, "#cancel");
  await page.click("#build");
  await page.waitForSelector("#build-cancelled");
  expect(await page.textContent("#build-cancelled")).toBe("Cancelled. The table is as it was.");
  expect(await page.textContent("#status")).toContain("version 1");
  expect(await page.textContent("#coverage")).toContain("no index yet");
  expect(page.problems).toEqual([]);
  await buildIndexes(page);
  expect(await page.textContent("#status")).toContain("version 3");
  await context.close();
});

it("says why a build failed, and keeps an opened package open through the search after it", async () => {
  const context = await browser.newContext();
  const page = await openPage(context);
  await visit(page);
  await search(page, "chess");
  await page.locator("#results button").first().click();
  await page.waitForSelector("#results .detail:not([hidden]) p");
  await setQuota(page, 1_000_000);
  await waitForNextAnswer(page, async () => {
    await page.keyboard.press("b");
    await page.waitForSelector("#indexes .problem");
  });
  expect(await page.textContent("#indexes .problem")).toMatch(/^The build failed: .+ The table is as it was\.$/s);
  expect(await page.locator("#results .detail:not([hidden])").count()).toBe(1);
  expect(
    await page
      .locator("#results button")
      .first()
      .evaluate((button) => button === document.activeElement),
  ).toBe(true);
  expect(await page.textContent("#status")).toContain("version 1");
  await context.close();
});

it("works from memory, and says so, where the browser gives no room", async () => {
  const context = await browser.newContext();
  const page = await openPage(context);
  await setQuota(page, 1_000_000);
  await visit(page);
  expect(await page.textContent("#status")).toContain("memory only");
  expect(await page.textContent("#status")).toContain("gone when the tab closes");
  await buildIndexes(page);
  expect((await search(page, CHESS)).slice(0, 10)).toContain("gnuchess");
  expect(await facts(page)).toContain("4 segments");
  expect(page.problems).toEqual([]);
  await context.close();
});

/** How many bytes the browser lets the page's origin keep. */
async function setQuota(page: Page, quotaSize: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(server.url).origin, quotaSize });
}

it("is worked by the keyboard alone, and fits a narrow screen", async () => {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
  const page = await openPage(context);
  await visit(page);
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await page.locator("body").click({ position: { x: 2, y: 2 } });
  await page.keyboard.press("t");
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("light");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await page.keyboard.type("chess");
  await waitForAnswer(page, "chess");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#results .detail:not([hidden]) p");
  await page.keyboard.press("Escape");
  await waitForAnswer(page, "");
  const unnamed = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("button, input, a[href], progress")]
      .filter((element) => {
        const label = element.getAttribute("aria-label") ?? element.textContent?.trim();
        return !label && !(element as HTMLInputElement).labels?.length;
      })
      .map((element) => element.outerHTML),
  );
  expect(unnamed).toEqual([]);
  expect(page.problems).toEqual([]);
  await context.close();
});
