import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type BuildTask,
  createMemoryStore,
  type Dataset,
  type IndexSegment,
  isLanceError,
  openDataset,
  planIndexMerge,
  runBuildTask,
  writeDataset,
} from "../../src/index.ts";
import type { MemoryObjects } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { guardAllocations } from "./guard-allocations.ts";
import { copyObjects, createRandom, inlinePool, listPaths, makeRows, makeVector, SCHEMA } from "./support.ts";

/**
 * What crosses machines as JSON may come back as anything. `LANCELET_RUNS` sets how many spoiled values each call is
 * given, `LANCELET_SEED` which.
 */
const RUNS = Number(process.env.LANCELET_RUNS ?? 30);
const SEED = Number(process.env.LANCELET_SEED ?? 1);
const HANG_MS = 120_000;
const NUM_ROWS = 120;

type Json = unknown;
type Call = (dataset: Dataset, args: never[], store: Store) => Promise<unknown>;

const base: MemoryObjects = new Map();
const valid: Record<string, Json[]> = {};
let guard: ReturnType<typeof guardAllocations>;

const CALLS: Readonly<Record<string, Call>> = {
  commitExistingIndexSegments: (dataset, [name, column, segments]) =>
    dataset.commitExistingIndexSegments(name!, column!, segments!),
  mergeExistingIndexSegments: (dataset, [segments, options]) => dataset.mergeExistingIndexSegments(segments!, options),
  planIndexMerge: async (_, [segments, options]) => planIndexMerge(segments!, options),
  runBuildTask: (_, [task], store) => runBuildTask(task!, { uriOrStore: store, pool: inlinePool }),
  createIndexUncommitted: (dataset, [column, type, options]) =>
    dataset.createIndexUncommitted(column!, type!, options!),
  trainIndexModel: (dataset, [column, type, options]) => dataset.trainIndexModel(column!, type!, options),
  planIndexBuild: (dataset, [column, type, options]) => dataset.planIndexBuild(column!, type!, options!),
  createIndex: (dataset, [column, type, options]) => dataset.createIndex(column!, type!, options),
  optimizeIndices: (dataset, [options]) => dataset.optimize.optimizeIndices(options),
  scanner: (dataset, [options]) => dataset.scanner(options).toTable(),
  explainPlan: (dataset, [options]) => dataset.scanner(options).explainPlan(),
  takeRows: (dataset, [rowIds, options]) => dataset.takeRows(rowIds!, options),
  take: (dataset, [indices, options]) => dataset.take(indices!, options),
};

beforeAll(async () => {
  const store = createMemoryStore(base);
  const dataset = await writeDataset(makeRows(0, NUM_ROWS), store, {
    schema: SCHEMA,
    maxRowsPerFile: 40,
    pool: inlinePool,
  });
  const params = { numPartitions: 2, maxIterations: 3 };
  await dataset.createIndex("vector", "IVF_FLAT", { name: "first", ...params });
  const model = await dataset.trainIndexModel("vector", "IVF_FLAT", params);
  const tasks = await dataset.planIndexBuild("vector", "IVF_FLAT", { numWorkers: 3, ...params, model });
  const build = (task: BuildTask): Promise<IndexSegment> => runBuildTask(task, { uriOrStore: store, pool: inlinePool });
  const segments = await Promise.all(tasks.slice(0, 2).map(build));
  const uuids = (await dataset.indexSegments("first")).map(({ uuid }) => uuid);
  const scan = {
    columns: ["id", "name"],
    filter: "size < 50",
    limit: 7,
    nearest: { column: "vector", q: makeVector(() => 0.3), k: 5, nprobes: 2, distanceRange: [0, 9] },
    indexSegments: uuids,
    fragmentIds: [0, 1, 2],
  };
  Object.assign(valid, {
    commitExistingIndexSegments: ["second", "vector", segments],
    mergeExistingIndexSegments: [segments, { newFragmentIds: [2], memoryBudgetBytes: 2 ** 24 }],
    planIndexMerge: [segments, { targetSegmentBytes: 2 ** 20 }],
    runBuildTask: [tasks[2]],
    createIndexUncommitted: ["vector", "IVF_PQ", { fragmentIds: [0, 1], numSubVectors: 2, numBits: 4, ...params }],
    trainIndexModel: ["vector", "IVF_SQ", { fragmentIds: [0], ...params }],
    planIndexBuild: ["vector", "IVF_FLAT", { numWorkers: 2, fragmentIds: [0, 2], model, ...params }],
    createIndex: ["vector", "IVF_RQ", { name: "third", numWorkers: 2, numBits: 1, train: true, ...params }],
    optimizeIndices: [{ indexNames: ["first"], numIndicesToMerge: 1, retrain: false }],
    scanner: [scan],
    explainPlan: [
      { columns: { id: "id", twice: "size * 2" }, filter: "size < 50", orderBy: [{ column: "id", ascending: false }] },
    ],
    takeRows: [[3, 2 ** 32], { columns: ["id"] }],
    take: [[3, 50, 3], { columns: ["id"] }],
  });
  guard = guardAllocations(64 * 2 ** 20);
});
afterAll(() => guard.release());

describe.each(Object.keys(CALLS))("%s, given spoiled JSON", (name) => {
  test("answers, or throws a LanceError and leaves the table as it was", async () => {
    const random = createRandom(SEED * 1000 + Object.keys(CALLS).indexOf(name));
    const codes = new Map<string, number>();
    for (let run = 0; run <= RUNS; run++) {
      const args = structuredClone(valid[name]!);
      if (run > 0) for (let i = 0; i <= Math.floor(random() * 2); i++) spoil(args, random);
      const shown = `${name}(${JSON.stringify(args).slice(0, 2000)})`;
      const store = createMemoryStore(copyObjects(base));
      const dataset = await openDataset(store, { pool: inlinePool });
      const before = await listPaths(store);
      const code = await settle(CALLS[name]!, dataset, args, store, shown);
      codes.set(code, (codes.get(code) ?? 0) + 1);
      const after = await openDataset(store, { pool: inlinePool });
      if (code !== "ok") expect([after.version, await listPaths(store)], shown).toEqual([dataset.version, before]);
      if (run === 0) expect(code, shown).toBe("ok");
      expect(await after.countRows(), shown).toBe(NUM_ROWS);
    }
    expect(codes.get("INVALID_ARGUMENT")).toBeGreaterThan(RUNS / 8);
  }, 600_000);
});

/** `ok`, or the code it failed with. Anything that is no LanceError fails the test, and so does a call without end. */
async function settle(call: Call, dataset: Dataset, args: unknown, store: Store, shown: string): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs: ${shown}`)), HANG_MS);
  });
  try {
    await Promise.race([(async () => call(dataset, args as never[], store))(), hang]);
    return "ok";
  } catch (error) {
    if (isLanceError(error)) return error.code;
    throw new Error(`not a LanceError: ${String(error)} of ${shown}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

const VALUES: readonly Json[] = [
  null,
  undefined,
  true,
  "",
  "x",
  "../../up",
  "size",
  "name",
  "00000000-0000-4000-8000-000000000000",
  -1,
  0,
  1,
  0.5,
  3,
  256,
  2 ** 31,
  2 ** 53,
  1e300,
  Number.NaN,
  [],
  {},
  [null],
  [[]],
  [0, 1, 2],
  { length: 3 },
  { length: 2 ** 31 },
  { uuid: "x" },
  [{}],
];

/** Changes one value somewhere in the tree, takes it out, doubles it or puts another one's in its place. */
function spoil(root: Json[], random: () => number): void {
  const places: [holder: Record<string, Json>, key: string][] = [];
  const walk = (value: Json): void => {
    if (typeof value !== "object" || value === null) return;
    for (const key of Object.keys(value)) {
      places.push([value as Record<string, Json>, key]);
      walk((value as Record<string, Json>)[key]);
    }
  };
  walk(root);
  if (places.length === 0) return;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const [holder, key] = pick(places);
  const way = random();
  if (way < 0.6) holder[key] = structuredClone(pick(VALUES));
  else if (way < 0.7) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  } else if (way < 0.8) holder[key] = [holder[key], holder[key]];
  else if (way < 0.9) {
    const [other, from] = pick(places);
    holder[key] = structuredClone(other[from]);
  } else if (Array.isArray(holder)) holder.push(structuredClone(holder[Number(key)]));
  else holder[`${key}s`] = holder[key];
}

test("what is wrong is named, with what was expected and received", async () => {
  const dataset = await openDataset(createMemoryStore(copyObjects(base)), { pool: inlinePool });
  await expect(dataset.mergeExistingIndexSegments([{}] as never)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: "mergeExistingIndexSegments: segments[0].uuid: expected a lower-case uuid with dashes, received undefined",
  });
  const [first] = await dataset.indexSegments("first");
  const files = [{ path: "../../data/x.lance", sizeBytes: 1 }];
  expect(() => planIndexMerge([first!, { ...first!, files }])).toThrow("segments[1].files: expected a list of files");
});
