import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findModelFaults } from "../conformance/model-history.ts";
import { call, type ServedTabs, serveTabs } from "./tabs/serve-tabs.ts";

/** Calls of each writer. `LANCELET_MODEL_STEPS=60 LANCELET_MODEL_SEEDS=10` is the long form. */
const STEPS = Number(process.env.LANCELET_MODEL_STEPS ?? 6);
const SEEDS = Number(process.env.LANCELET_MODEL_SEEDS ?? 1);
const FIRST_SEED = Number(process.env.LANCELET_MODEL_FIRST_SEED ?? 1);

let tabs: ServedTabs;

beforeAll(async () => {
  tabs = await serveTabs();
});

afterAll(() => tabs?.close());

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
      const context = await tabs.browser.newContext();
      try {
        const pages = await Promise.all(Array.from({ length: 4 }, () => tabs.openTab(context)));
        await call(pages[0]!, "createModelTable", uri, stableRowIds, version);
        const logs = await Promise.all(
          pages.flatMap((page, i) => [
            call(page, "runModel", uri, { writer: i, seed, steps: STEPS, stable: stableRowIds }),
            call(page, "runModelInWorker", uri, { writer: 4 + i, seed, steps: STEPS, stable: stableRowIds }),
          ]),
        );
        expect(findModelFaults(logs, await call(pages[1]!, "readModel", uri))).toEqual([]);
        expect(logs.map(({ acknowledged }) => acknowledged.length)).toEqual(Array(8).fill(STEPS));
        expect(logs.reduce((sum, { conflicts, late }) => sum + conflicts + late, 0)).toBeGreaterThan(0);
      } finally {
        await context.close();
      }
    },
    300_000 + STEPS * 10_000,
  );
});
