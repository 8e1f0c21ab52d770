import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RecordBatch } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { makeMatrix, NULLS, TYPES_21, TYPES_22, VALUE_SHAPES } from "../format-write/matrix.ts";
import { showValue } from "../format-write/show-value.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const run = promisify(execFile);
const home = fileURLToPath(new URL("lancedb/", import.meta.url));
let directory: string;
let isInstalled = false;

// The client wants an Arrow of its own and weighs 230 MB: it is installed here when it is first needed.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-"));
  isInstalled = existsSync(join(home, "node_modules/@lancedb/lancedb"));
  if (isInstalled) return;
  try {
    // Not `npm ci`: the lock names this platform's optional packages only.
    await run("npm", ["install", "--no-save", "--no-audit", "--no-fund"], { cwd: home });
    isInstalled = true;
  } catch (cause) {
    const message = "@lancedb/lancedb cannot be installed: what it reads of our tables is not compared";
    if (process.env.CI === "true") throw new Error(message, { cause });
    console.warn(`${message} (${String(cause).slice(0, 300)})`);
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function showColumns(batches: readonly RecordBatch[]): Record<string, string[]> {
  const { fields } = batches[0]!.schema;
  return Object.fromEntries(
    fields.map(({ name }, index) => [
      name,
      batches.flatMap((batch) => {
        const column = batch.getChildAt(index)!;
        return Array.from({ length: batch.numRows }, (_, row) => showValue(column.get(row)));
      }),
    ]),
  );
}

/** The client's Arrow (18.1) does not know large lists; it passes no lists of nulls. */
const NOT_TAKEN = ["large_list_f32", "list_list_list", "fsl_nothing"];
const takenTypes = (types: typeof TYPES_21) =>
  Object.fromEntries(Object.entries(types).filter(([name]) => !NOT_TAKEN.includes(name)));

/** The Lance within the client (12.0) misreads null structs around lists in zipped pages, native's own as well. */
const MISREAD: Readonly<Record<string, readonly string[]>> = {
  "2.1": ["long-some list_struct_list"],
  "2.2": ["long-some list_struct_list", "long-some struct_map"],
};

test.each(["2.1", "2.2"])(
  "@lancedb/lancedb reads every type in tables of files %s we write",
  async (storageVersion) => {
    if (!isInstalled) return;
    const database = join(directory, storageVersion);
    const expected: Record<string, Record<string, string[]>> = {};
    for (const [i, shape] of VALUE_SHAPES.entries()) {
      for (const [k, nulls] of NULLS.entries()) {
        const name = `${shape}-${nulls}`;
        const types = takenTypes(storageVersion === "2.1" ? TYPES_21 : TYPES_22);
        const { batches } = makeMatrix(types, (i + k) % 2 ? [40] : [30, 25], { seed: i * 4 + k, shape, nulls });
        const store = createNodeFsStore(join(database, `${name}.lance`));
        await createTable(store, await toRecordBatches(batches), { uri: name, storageVersion });
        expected[name] = showColumns(batches);
      }
    }
    const { stdout } = await run(process.execPath, [join(home, "read.mjs"), database, ...Object.keys(expected)], {
      cwd: home,
      maxBuffer: 1 << 28,
    });
    const found = JSON.parse(stdout) as Record<string, Record<string, string[] | string>>;
    const misread: string[] = [];
    for (const [name, columns] of Object.entries(expected)) {
      for (const [column, values] of Object.entries(columns)) {
        if (JSON.stringify(found[name]![column]) !== JSON.stringify(values)) misread.push(`${name} ${column}`);
      }
    }
    expect(misread).toEqual(MISREAD[storageVersion]);
  },
);
