import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type RecordBatch, RecordBatchFileWriter, type Schema, Table } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromArrowSchema } from "../../src/format/from-arrow-schema.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import type { LanceFileVersion } from "../../src/format/write/file-writer.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { makeMatrix, NULLS, TYPES_21, TYPES_22, VALUE_SHAPES } from "../format-write/matrix.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const run = promisify(execFile);
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Reads every column whole, by scattered rows and by a range with native Lance; a line per difference, a count at the end. */
const COMPARE = `
import json, sys, random
import pyarrow as pa
from lance.file import LanceFileReader
def values(column):
    # Python's own times end at microseconds.
    if pa.types.is_temporal(column.type) and getattr(column.type, "unit", "") == "ns": column = column.cast(pa.int64())
    return column.to_pylist()
compared = 0
for name, parts in json.load(sys.stdin):
    # A file per batch: Arrow's file format has one dictionary per column.
    batches = [pa.ipc.open_file(f"{name}.{part}.arrow").read_all() for part in range(parts)]
    for column in batches[0].column_names:
        try:
            want = [value for batch in batches for value in values(batch[column])]
            reader = LanceFileReader(name + ".lance", columns=[column])
            actual = reader.read_all(batch_size=1 << 20).to_table()[column]
            # Lance does not keep whether the elements of a fixed-size list are nullable.
            if actual.type != batches[0][column].type and column != "fsl_required": print(name, column, "type", actual.type)
            pick = sorted(random.Random(1).sample(range(len(want)), min(20, len(want))))
            low = len(want) // 3
            taken = reader.take_rows(pick).to_table()[column]
            middle = reader.read_range(low, min(200, len(want) - low)).to_table()[column]
            if values(actual) != want: print(name, column, "values differ")
            elif values(taken) != [want[row] for row in pick]: print(name, column, "take differs")
            elif values(middle) != want[low : low + 200]: print(name, column, "range differs")
            compared += 1
        except BaseException as error:
            print(name, column, "failed", str(error)[:300].replace(chr(10), " "))
print("compared", compared)
`;

async function compareNatively(files: readonly (readonly [string, number])[]): Promise<string[]> {
  const python = process.env.LANCELET_PYTHON;
  if (!python) throw new Error("set LANCELET_PYTHON to a Python that has pylance; npm test does");
  const script = join(directory, "compare.py");
  await writeFile(script, COMPARE);
  const child = run(python, [script], { cwd: directory, maxBuffer: 1 << 26 });
  child.child.stdin!.end(JSON.stringify(files));
  const { stdout } = await child;
  return stdout.trim().split("\n");
}

async function writeCase(
  name: string,
  { schema, batches }: { schema: Schema; batches: RecordBatch[] },
  options: { version: LanceFileVersion; maxPageBytes?: number },
): Promise<void> {
  const writer = await createLanceFileWriter(createNodeFsStore(directory), `${name}.lance`, {
    schema: fromArrowSchema(schema),
    ...options,
  });
  for (const batch of batches) await writer.write(batch);
  await writer.finish();
  for (const [part, batch] of batches.entries()) {
    const ipc = RecordBatchFileWriter.writeAll(new Table([batch]));
    await writeFile(join(directory, `${name}.${part}.arrow`), await ipc.toUint8Array());
  }
}

const SIZES = [[3], [700, 1, 300], [2500]];

/** 48 files of all types: about 3,400 columns. */
describe.each(["2.1", "2.2"] as const)("native reads every type in files %s we write", (version) => {
  test.each(VALUE_SHAPES)("values: %s", async (shape) => {
    const types = version === "2.1" ? TYPES_21 : TYPES_22;
    const files: [string, number][] = [];
    for (const [i, nulls] of NULLS.entries()) {
      const name = `${version.replace(".", "")}-${shape}-${nulls}`;
      const sizes = SIZES[(i + VALUE_SHAPES.indexOf(shape)) % SIZES.length]!;
      const { schema, batches } = makeMatrix(types, sizes, { seed: i * 10 + shape.length, shape, nulls });
      await writeCase(
        name,
        { schema, batches },
        { version, ...((i + VALUE_SHAPES.indexOf(shape)) % 2 ? { maxPageBytes: 6000 } : {}) },
      );
      files.push([name, batches.length]);
    }
    const count = files.length * Object.keys(types).length;
    expect((await compareNatively(files)).slice(0, 60)).toEqual([`compared ${count}`]);
  });

  test("pages as large as they come", async () => {
    const { utf8, struct, fsl_f32_128, list_struct, large_binary } = TYPES_21;
    const types = { utf8: utf8!, struct: struct!, vectors: fsl_f32_128!, lists: list_struct!, bytes: large_binary! };
    const name = `large-${version}`;
    await writeCase(name, makeMatrix(types, [9000, 11_000], { seed: 3, shape: "long", nulls: "some" }), { version });
    expect(await compareNatively([[name, 2]])).toEqual(["compared 5"]);
  });
});
