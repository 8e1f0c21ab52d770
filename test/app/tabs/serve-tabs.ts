import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright";
import { build } from "vite";
import { serveFolder } from "../../../web/serve.mjs";
import { launchChromium, PAGE_WAIT_MS } from "../../tools/launch-chromium.ts";
import type { PageApi } from "./page.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A browser, and the page of this folder built and served to it. */
export interface ServedTabs {
  readonly browser: Browser;
  /** A new tab, once its page has loaded. */
  openTab(context: BrowserContext): Promise<Page>;
  close(): Promise<void>;
}

/** Builds the page, serves it and starts a browser. Takes some ten seconds. */
export async function serveTabs(): Promise<ServedTabs> {
  const scratch = await mkdtemp(join(tmpdir(), "lancelet-tabs-"));
  await build({
    configFile: false,
    root: join(root, "test/app/tabs"),
    base: "./",
    logLevel: "error",
    resolve: { alias: { lancelet: join(root, "src/entry-browser.ts") } },
    worker: { format: "es" },
    build: { outDir: scratch, emptyOutDir: true, target: "es2022" },
  });
  const pages = await serveFolder(scratch);
  const browser = await launchChromium();
  return {
    browser,
    async openTab(context) {
      const page = await context.newPage();
      page.setDefaultTimeout(PAGE_WAIT_MS);
      await page.goto(pages.url);
      await page.waitForFunction(() => "api" in globalThis);
      return page;
    },
    async close() {
      await browser.close();
      await pages.close();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

/** Calls one function of the page. */
export async function call<K extends keyof PageApi>(
  page: Page,
  name: K,
  ...args: Parameters<PageApi[K]>
): Promise<Awaited<ReturnType<PageApi[K]>>> {
  return page.evaluate(
    ([key, values]) => {
      const { api } = globalThis as never as { api: Record<string, (...args: unknown[]) => Promise<never>> };
      return api[key]!(...values);
    },
    [name, args] as [string, unknown[]],
  );
}
