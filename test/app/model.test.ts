import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveFolder } from "../../web/serve.mjs";
import { findModelFaults } from "../conformance/model-history.ts";
import { chromiumArgs, findChromium } from "../tools/find-chromium.mjs";
import type { PageApi } from "./tabs/page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Calls of each writer. `LANCELET_MODEL_STEPS=60 LANCELET_MODEL_SEEDS=10` is the long form. */
const STEPS = Number(process.env.LANCELET_MODEL_STEPS ?? 6);
const SEEDS = Number(process.env.LANCELET_MODEL_SEEDS ?? 1);
const FIRST_SEED = Number(process.env.LANCELET_MODEL_FIRST_SEED ?? 1);

let scratch: string;
let pages: Awaited<ReturnType<typeof serveFolder>>;
let browser: Browser;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "lancelet-model-tabs-"));
  await build({
    configFile: false,
    root: join(root, "test/app/tabs"),
    base: "./",
    logLevel: "error",
    resolve: { alias: { lancelet: join(root, "src/entry-browser.ts") } },
    worker: { format: "es" },
    build: { outDir: scratch, emptyOutDir: true, target: "es2022" },
  });
  pages = await serveFolder(scratch);
  const executablePath = findChromium();
  browser = await chromium.launch({ args: chromiumArgs, ...(executablePath ? { executablePath } : {}) });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await pages?.close();
  await rm(scratch, { recursive: true, force: true });
});

async function call<K extends keyof PageApi>(
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

describe.each([
  ["opfs", false, "2.1"],
  ["idb", true, "2.2"],
  ["opfs", true, "2.2"],
  ["idb", false, "2.1"],
] as const)("%s, stable row ids: %s, files %s", (scheme, stableRowIds, version) => {
  it.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))(
    "four tabs and four workers of theirs: the order of versions explains every one (seed %i)",
    async (seed) => {
      const uri = `${scheme}://model-${stableRowIds}-${seed}`;
      const context = await browser.newContext();
      try {
        const tabs = await Promise.all(
          Array.from({ length: 4 }, async () => {
            const page = await context.newPage();
            await page.goto(pages.url);
            await page.waitForFunction(() => "api" in globalThis);
            return page;
          }),
        );
        await call(tabs[0]!, "createModelTable", uri, stableRowIds, version);
        const logs = await Promise.all(
          tabs.flatMap((page, i) => [
            call(page, "runModel", uri, { writer: i, seed, steps: STEPS }),
            call(page, "runModelInWorker", uri, { writer: 4 + i, seed, steps: STEPS }),
          ]),
        );
        expect(findModelFaults(logs, await call(tabs[1]!, "readModel", uri))).toEqual([]);
        expect(logs.map(({ acknowledged }) => acknowledged.length)).toEqual(Array(8).fill(STEPS));
        expect(logs.reduce((sum, { conflicts }) => sum + conflicts, 0)).toBeGreaterThan(0);
      } finally {
        await context.close();
      }
    },
    60_000 + STEPS * 10_000,
  );
});
