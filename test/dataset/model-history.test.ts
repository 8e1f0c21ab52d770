import { expect, test } from "vitest";
import { createMemoryStore, openDataset, writeDataset } from "../../src/index.ts";
import { findModelFaults, firstRows, type ModelVersion, type WriterLog } from "../conformance/model-history.ts";
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

test("a lost call, one done twice, a lost row, a wrong value and a fragment indexed twice are all told", async () => {
  const { logs, versions } = await runWriters(4);
  const last = versions.at(-1)!;
  const append = logs[0]!.acknowledged.find(({ operation }) => operation.kind === "append")!;
  const acknowledge = (version: number): WriterLog => ({
    acknowledged: [{ ...append, version, writer: 9 }],
    conflicts: 0,
  });
  const change = (rows: ModelVersion["rows"]): string[] =>
    findModelFaults(logs, [...versions.slice(0, -1), { ...last, rows }]);
  expect(findModelFaults([...logs, acknowledge(last.version + 1)], versions).join()).toMatch(/is lost/);
  expect(findModelFaults([...logs, acknowledge(append.version)], versions).join()).toMatch(/of two calls/);
  expect(findModelFaults(logs.slice(1), versions).join()).toMatch(/of no call/);
  expect(change(last.rows.slice(1)).join()).toMatch(/is missing/);
  expect(change([...last.rows, last.rows[0]!]).join()).toMatch(/there twice/);
  expect(change(last.rows.map((row, i) => (i === 0 ? { ...row, value: -1 } : row))).join()).toMatch(/expected/);
  const doubled = [...versions.slice(0, -1), { ...last, coverage: { id_idx: [[0, 6], [6]] } }];
  expect(findModelFaults(logs, doubled).join()).toMatch(/covers fragment 6 twice/);
  const lost = [...versions.slice(0, -1), { ...last, coverage: {} }];
  expect(findModelFaults(logs, lost).join()).toMatch(/has indexes none, expected/);
  const wrong = [...versions.slice(0, -1), { ...last, wrongAnswers: ["id = 1 finds nothing"] }];
  expect(findModelFaults(logs, wrong).join()).toMatch(/id = 1 finds nothing/);
});
