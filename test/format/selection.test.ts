import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseColumnMetadata } from "../../src/format/read/column-metadata.ts";
import { fileColumns, type LanceFile, openLanceFile, type RowSelection } from "../../src/format/read/file.ts";
import { buildColumnTree } from "../../src/format/read/leaf-column.ts";
import { planLeaf } from "../../src/format/read/plan.ts";
import { selectRows } from "../../src/format/read/row-ranges.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { ALL_TYPES, makeBatches, makeLanceSchema, NULL_PATTERNS } from "../format-write/random-tables.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import {
  columnValues,
  createRandom,
  FIXTURES,
  type Json,
  listLanceFiles,
  openFixture,
  readBatchesOf,
} from "./support.ts";

useTestRuntime();

/** A file whose columns have many pages that do not end at the same rows. */
async function writePages(version: "2.1" | "2.2", maxLength: number): Promise<LanceFile> {
  const data = makeBatches(ALL_TYPES, [700, 1, 900], { seed: 5, pattern: NULL_PATTERNS[1]!, maxLength });
  const store = createMemoryStore();
  const schema = makeLanceSchema(data.schema);
  const writer = await createLanceFileWriter(store, "f.lance", { schema, version, maxPageBytes: 9000 });
  for (const batch of data.batches) await writer.write(batch);
  await writer.finish();
  return openLanceFile(store, "f.lance");
}

function drawSelection(random: (limit: number) => number, numRows: number): { rows: RowSelection; wanted: number[] } {
  const wanted: number[] = [];
  if (random(2) === 0) {
    for (let row = random(50); row < numRows; row += 1 + random(random(4) === 0 ? 400 : 3)) wanted.push(row);
    return { rows: { kind: "indices", indices: Uint32Array.from(wanted) }, wanted };
  }
  const ranges: [number, number][] = [];
  for (let start = random(400); start < numRows; ) {
    const end = Math.min(numRows, start + random(300));
    ranges.push([start, end]);
    for (let row = start; row < end; row++) wanted.push(row);
    start = end + random(200);
  }
  return { rows: { kind: "ranges", ranges }, wanted };
}

test.each([
  ["2.1", 30],
  ["2.2", 30],
  ["2.1", 5000],
] as const)("any rows in any batches are the rows of a scan: %s, values up to %i bytes", async (version, maxLength) => {
  const file = await writePages(version, maxLength);
  const names = fileColumns(file).map(({ field }) => field.name);
  const scan = await readBatchesOf(file, undefined, { kind: "all" }, { batchRows: 1_000_000 });
  const all = new Map<string, Json[]>(names.map((name) => [name, columnValues(scan, name)]));
  for (let round = 0; round < 12; round++) {
    const random = createRandom(round);
    const { rows, wanted } = drawSelection(random, file.numRows);
    const batches = await readBatchesOf(file, undefined, rows, { batchRows: 1 + random(300) });
    for (const name of names) {
      const values = all.get(name)!;
      expect(columnValues(batches, name), `${name}, round ${round}`).toEqual(wanted.map((row) => values[row]));
    }
  }
  file.close();
});

test("a dictionary column keeps one entry per distinct value", async () => {
  const [path] = (await listLanceFiles(FIXTURES)).filter((name) => /types_v22\.lance.data/.test(name));
  const [batch] = await readBatchesOf(await openFixture(path!), ["dict"]);
  const data = batch!.getChild("dict")!.data[0]!;
  const distinct = new Set(columnValues([batch!], "dict").filter((value) => value !== null));
  expect(data.dictionary!.length).toBe(distinct.size);
  expect(data.nullCount).toBe(columnValues([batch!], "dict").filter((value) => value === null).length);
});

test("pages that do not add up to the file's rows are CORRUPT", async () => {
  const [path] = (await listLanceFiles(FIXTURES)).filter((name) => /page_lookup/.test(name));
  const bytes = new Uint8Array(readFileSync(path!));
  const view = new DataView(bytes.buffer);
  const table = Number(view.getBigUint64(bytes.length - 32, true));
  const offset = Number(view.getBigUint64(table, true));
  const metadata = bytes.subarray(offset, offset + Number(view.getBigUint64(table + 8, true)));
  const { numRows } = await openFixture(path!);
  const column = parseColumnMetadata(metadata, 0, { path: "file.lance", sizeBytes: bytes.length, numRows });
  const [leaf] = buildColumnTree(fileColumns(await openFixture(path!))[0]!.field, [0]).leaves;
  const plan = (count: number) =>
    planLeaf({ path: "file.lance", numRows: count, rows: selectRows({ kind: "all" }, count) }, leaf!, column);
  expect(plan(numRows).length).toBeGreaterThan(0);
  expect(() => plan(numRows + 1)).toThrow(
    expect.objectContaining({ code: "CORRUPT", message: expect.stringContaining("rows") }),
  );
});
