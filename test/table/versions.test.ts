import { expect, test } from "vitest";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { commit } from "../../src/table/commit/commit.ts";
import { listVersions } from "../../src/table/manifest/versions.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { appendOf, createTable, stageDelete, stageFragment } from "./support.ts";

useTestRuntime();

test("versions tell what each commit did, when, and what it left", async () => {
  const objects: MemoryObjects = new Map();
  const store = createMemoryStore(objects);
  const started = Date.now();
  const one = await createTable(store, 2);
  const two = await commit(one, appendOf(stageFragment(10)), { properties: { message: "more" } });
  await commit(two, await stageDelete(two, { 0: [1, 2] }, [1]));
  const versions = await listVersions(store);
  expect(versions).toMatchObject([
    { version: 1, operation: "overwrite", numFragments: 2, numRows: 200, numDataFiles: 2, dataFileBytes: 2000 },
    { version: 2, operation: "append", numRows: 210, properties: { message: "more" } },
    { version: 3, operation: "delete", numFragments: 2, numRows: 108, numDeletionFiles: 1, properties: {} },
  ]);
  for (const { timestampMs } of versions) expect(timestampMs >= started && timestampMs <= Date.now()).toBe(true);

  // A store that cannot list goes back from the newest version; one that lists reads a manifest each.
  const blind = overrideStore(store, { capabilities: { ...store.capabilities, list: false } });
  expect(await listVersions(blind)).toEqual(versions);
  let reads = 0;
  const counted = overrideStore(store, {
    get: (path, range, options) => {
      reads++;
      return store.get(path, range, options);
    },
  });
  await listVersions(counted);
  expect(reads).toBe(3);
});
