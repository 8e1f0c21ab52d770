import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type RecordBatch, type Table, tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileColumns, type LanceFile, openLanceFile, type RowSelection } from "../../src/format/read/file.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { createRandom } from "../format/support.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { locate, sameValue } from "./compare-data.ts";

const SCRIPT = fileURLToPath(new URL("read-matrix.py", import.meta.url));
let directory: string;

beforeAll(async () => {
  useTestRuntime();
  directory = await mkdtemp(join(tmpdir(), "lancelet-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function writeMatrix(version: string, rows: number, seed: number) {
  const python = process.env.LANCELET_PYTHON;
  if (!python) throw new Error("set LANCELET_PYTHON to a Python that has pylance; npm test does");
  const name = `m-${version}-${rows}`;
  const { stdout } = await promisify(execFile)(python, [SCRIPT, join(directory, name), version, `${rows}`, `${seed}`]);
  const counts = JSON.parse(stdout) as { columns: number; pages: number };
  const wanted = tableFromIPC(await readFile(join(directory, `${name}.arrow`)));
  const file = await openLanceFile(createNodeFsStore(directory), `${name}.lance`);
  return { ...counts, wanted, file };
}

/** Names of columns that differ from what was written, with the first row that does. */
async function findDifferences(
  file: LanceFile,
  wanted: Table,
  { rows, selected, batchRows }: { rows: RowSelection; selected: ArrayLike<number>; batchRows: number },
): Promise<string[]> {
  const problems = new Map<string, string>();
  let start = 0;
  for await (const batch of file.read(fileColumns(file), rows, { batchRows })) {
    compareBatch(batch, wanted, Array.prototype.slice.call(selected, start, start + batch.numRows), problems);
    start += batch.numRows;
  }
  if (start !== selected.length) problems.set("", `${start} rows, ${selected.length} expected`);
  return [...problems].map(([name, problem]) => `${name}: ${problem}`);
}

function compareBatch(batch: RecordBatch, wanted: Table, rows: readonly number[], problems: Map<string, string>): void {
  for (const [c, { name }] of batch.schema.fields.entries()) {
    if (problems.has(name)) continue;
    const got = batch.data.children[c]!;
    const vector = wanted.getChildAt(c)!;
    const different = rows.findIndex((row, i) => {
      const { data, at } = locate(vector, row);
      return !sameValue(got, i, data, at);
    });
    if (different >= 0) problems.set(name, `row ${rows[different]}`);
  }
}

describe.each(["2.0", "2.1", "2.2"])("files %s: every type, null pattern and shape", (version) => {
  test.each([
    [1, 1],
    [7, 1],
    [1100, 3],
  ])("%i rows, scanned and taken", async (numRows, minPages) => {
    const { file, wanted, columns, pages } = await writeMatrix(version, numRows, 7);
    expect(columns).toBeGreaterThan(1000);
    expect(pages).toBeGreaterThanOrEqual(minPages);
    expect(file.numRows).toBe(numRows);
    const all = Array.from({ length: numRows }, (_, row) => row);
    expect(await findDifferences(file, wanted, { rows: { kind: "all" }, selected: all, batchRows: 500 })).toEqual([]);
    const random = createRandom(numRows);
    const some = all.filter(() => random(40) === 0);
    const taken = { rows: { kind: "indices", indices: Uint32Array.from(some) }, selected: some, batchRows: 9 } as const;
    expect(await findDifferences(file, wanted, taken)).toEqual([]);
    const [from, to] = [Math.floor(numRows / 3), Math.ceil((numRows * 2) / 3)];
    const range = {
      rows: { kind: "ranges", ranges: [[from, to]] },
      selected: all.slice(from, to),
      batchRows: 8192,
    } as const;
    expect(await findDifferences(file, wanted, range)).toEqual([]);
  });
});
