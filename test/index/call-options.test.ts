import { Field, FixedSizeList, Float32 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments } from "./support.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

async function prepare(): Promise<Dataset> {
  const store = createMemoryStore();
  const vectors = Array.from({ length: 20 }, (_, i) => Float32Array.of(i, i % 3, 1, 2));
  await createFragments(store, new FixedSizeList(4, new Field("item", new Float32(), true)), [vectors]);
  return openDataset(store);
}

describe("options of index calls", () => {
  const listed = (message: string) => ({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) });

  test.each<[string, (dataset: Dataset, options: never) => Promise<unknown>]>([
    ["createIndex", (dataset, options) => dataset.createIndex("v", "IVF_FLAT", options)],
    ["trainIndexModel", (dataset, options) => dataset.trainIndexModel("v", "IVF_FLAT", options)],
    ["planIndexBuild", (dataset, options) => dataset.planIndexBuild("v", "IVF_FLAT", options)],
    ["createIndexUncommitted", (dataset, options) => dataset.createIndexUncommitted("v", "IVF_FLAT", options)],
  ])("%s: what is no object is refused by name", async (call, ask) => {
    const dataset = await prepare();
    for (const options of [null, "all"]) {
      await expect(ask(dataset, options as never)).rejects.toMatchObject(
        listed(`${call}: expected an object of options`),
      );
    }
  });

  test.each<[string, (dataset: Dataset, options: never) => Promise<unknown>]>([
    ["commitExistingIndexSegments", (dataset, options) => dataset.commitExistingIndexSegments("v", "v", [], options)],
    ["indexStatistics", (dataset, options) => dataset.indexStatistics("v_idx", options)],
    ["prewarmIndex", (dataset, options) => dataset.prewarmIndex("v_idx", options)],
    ["dropIndex", (dataset, options) => dataset.dropIndex("v_idx", options)],
  ])("%s: an option it does not have is refused", async (call, ask) => {
    const dataset = await prepare();
    await dataset.createIndex("v", "IVF_FLAT");
    await expect(ask(dataset, { sginal: 1 } as never)).rejects.toMatchObject(listed(`${call} has no option sginal`));
    expect(await dataset.describeIndices()).toHaveLength(1);
  });

  test("a plan runs nothing: it takes neither a pool nor a callback", async () => {
    const dataset = await prepare();
    for (const more of [{ pool: {} }, { onProgress() {} }, { signal: AbortSignal.abort() }]) {
      const plan = dataset.planIndexBuild("v", "IVF_FLAT", { numWorkers: 1, ...more } as never);
      await expect(plan).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });

  test("a misspelt parameter is told of those that are given as data too", async () => {
    const dataset = await prepare();
    const made = dataset.createIndex("v", "IVF_FLAT", { ivfCentroid: [[1]] } as never);
    await expect(made).rejects.toMatchObject(listed("ivfCentroids"));
  });
});
