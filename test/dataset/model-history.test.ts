import { expect, test } from "vitest";
import { createMemoryStore, openDataset, writeDataset } from "../../src/index.ts";
import {
  type Acknowledged,
  drawVector,
  findModelFaults,
  firstRows,
  type ModelOperation,
  type ModelVersion,
  type WriterLog,
} from "../conformance/model-history.ts";
import { readModelVersions } from "../conformance/model-versions.ts";
import { MODEL_SCHEMA, runModelWriter, toModelTable } from "../conformance/model-writer.ts";
import { inlinePool } from "./support.ts";

async function runWriters(seed: number): Promise<{ logs: WriterLog[]; versions: ModelVersion[] }> {
  const store = createMemoryStore();
  await writeDataset(toModelTable(firstRows), store, { schema: MODEL_SCHEMA, maxRowsPerFile: 10, pool: inlinePool });
  const logs = await Promise.all(
    [0, 1, 2, 3].map(async (writer) =>
      runModelWriter(await openDataset(store, { pool: inlinePool }), { writer, seed, steps: 12, stable: false }),
    ),
  );
  return { logs, versions: await readModelVersions(await openDataset(store, { pool: inlinePool })) };
}

test("histories of writers in one thread are explained", async () => {
  for (const seed of [1, 2]) {
    const { logs, versions } = await runWriters(seed);
    expect(findModelFaults(logs, versions), `seed ${seed}`).toEqual([]);
  }
});

/**
 * A history by hand, so that what it holds does not hang on how writers happened to meet: writer 0 appends row 1000,
 * writer 1 indexes `id`, writer 0 deletes row 0.
 */
function tellHistory(): { logs: WriterLog[]; versions: ModelVersion[] } {
  const log = (writer: number, calls: readonly [number, ModelOperation][]): WriterLog => ({
    acknowledged: calls.map(([version, operation]): Acknowledged => ({ writer, operation, version, changed: 1 })),
    conflicts: 0,
    late: 0,
  });
  const logs = [
    log(0, [
      [2, { kind: "append", ids: [1000], value: 7 }],
      [4, { kind: "delete", ids: [0] }],
    ]),
    log(1, [[3, { kind: "index", column: "id", type: "BTREE" }]]),
  ];
  const appended = [...firstRows, { id: 1000, value: 7, vec: drawVector(1000, 7) }];
  const first: ModelVersion = {
    version: 1,
    operation: "overwrite",
    rows: firstRows,
    config: {},
    coverage: {},
    indexTypes: {},
    wrongAnswers: [],
  };
  const indexed = {
    coverage: {
      id_idx: [
        [0, 1, 2],
        [3, 4],
      ],
    },
    indexTypes: { id_idx: "BTree" },
  };
  const versions: ModelVersion[] = [
    first,
    { ...first, version: 2, operation: "append", rows: appended },
    { ...first, version: 3, operation: "createIndex", rows: appended, ...indexed },
    { ...first, version: 4, operation: "delete", rows: appended.slice(1), ...indexed },
  ];
  return { logs, versions };
}

test("a lost call, one done twice, a lost row, a wrong value and a fragment indexed twice are all told", () => {
  const { logs, versions } = tellHistory();
  expect(findModelFaults(logs, versions)).toEqual([]);
  const last = versions.at(-1)!;
  const append = logs[0]!.acknowledged[0]!;
  const tell = (version: number): string =>
    findModelFaults(
      [...logs, { acknowledged: [{ ...append, version, writer: 9 }], conflicts: 0, late: 0 }],
      versions,
    ).join();
  const change = (changed: Partial<ModelVersion>): string =>
    findModelFaults(logs, [...versions.slice(0, -1), { ...last, ...changed }]).join();
  expect(tell(last.version + 1)).toMatch(/is lost/);
  expect(tell(append.version)).toMatch(/of two calls/);
  expect(findModelFaults(logs.slice(1), versions).join()).toMatch(/of no call/);
  expect(findModelFaults(logs, [...versions.slice(0, 2), last]).join()).toMatch(/version 3 is missing/);
  expect(change({ operation: "update" })).toMatch(/version 4 is update, of/);
  expect(change({ rows: last.rows.slice(1) })).toMatch(/row 1 is missing/);
  expect(change({ rows: [...last.rows, last.rows[0]!] })).toMatch(/there twice/);
  expect(change({ rows: versions[2]!.rows })).toMatch(/rows 0 should not be there/);
  expect(change({ rows: last.rows.map((row, i) => (i === 0 ? { ...row, value: -1 } : row)) })).toMatch(
    /is -1, expected/,
  );
  expect(change({ coverage: { id_idx: [[0, 1, 2], [2]] } })).toMatch(/covers fragment 2 twice/);
  expect(change({ coverage: {} })).toMatch(/has indexes none, expected id_idx/);
  expect(change({ config: { a: "b" } })).toMatch(/config .* expected/);
  expect(change({ wrongAnswers: ["id = 1 finds nothing"] })).toMatch(/id = 1 finds nothing/);
});
