import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type DataType, type RecordBatch, RecordBatchFileWriter, type Schema, Table } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import type { LanceFileVersion } from "../../src/format/write/file-writer.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { ALL_TYPES, makeBatches, makeLanceSchema, NULL_PATTERNS } from "../format-write/random-tables.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const run = promisify(execFile);
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function findPython(): string {
  const python = process.env.LANCELET_PYTHON;
  if (!python) throw new Error("set LANCELET_PYTHON to a Python that has pylance; npm test does");
  return python;
}

/** Reads every file whole and by scattered rows with native Lance; prints one line per difference. */
const COMPARE = `
import json, sys, random
import pyarrow as pa
from lance.file import LanceFileReader
def same(a, b):
    return a.equals(b) or repr(a.to_pylist()) == repr(b.to_pylist())
for name in json.load(sys.stdin):
    expected = pa.ipc.open_file(name + ".arrow").read_all()
    try:
        reader = LanceFileReader(name + ".lance")
        if reader.num_rows() != expected.num_rows: print(name, "rows", reader.num_rows()); continue
        if reader.metadata().schema.metadata[b"note"].decode() != "\u00fc": print(name, "metadata"); continue
        if expected.num_rows and bytes(reader.read_global_buffer(1)) != b"between pages": print(name, "global buffer"); continue
        if expected.num_rows == 0: print(name, "ok", 0); continue
        actual = reader.read_all(batch_size=10000).to_table()
        pick = sorted(random.Random(1).sample(range(expected.num_rows), min(50, expected.num_rows)))
        taken = reader.take_rows(pick).to_table()
        low = expected.num_rows // 3
        middle = reader.read_range(low, min(700, expected.num_rows - low)).to_table()
        bad = 0
        for column in expected.column_names:
            want = expected[column].combine_chunks()
            # Lance does not keep whether the elements of a fixed-size list are nullable.
            if pa.types.is_fixed_size_list(want.type): want = want.cast(pa.list_(want.type.value_type, want.type.list_size))
            if actual[column].type != want.type: print(name, column, "type", actual[column].type, want.type); bad += 1
            elif not same(actual[column].combine_chunks(), want): print(name, column, "values differ"); bad += 1
            elif not same(taken[column].combine_chunks(), want.take(pa.array(pick, pa.int64()))): print(name, column, "take differs"); bad += 1
            elif not same(middle[column].combine_chunks(), want.slice(low, 700)): print(name, column, "range differs"); bad += 1
        if not bad: print(name, "ok", expected.num_rows)
    except BaseException as error:
        print(name, "failed", str(error)[:400])
`;

async function compareNatively(names: string[]): Promise<string[]> {
  const script = join(directory, "compare.py");
  await writeFile(script, COMPARE);
  const child = run(findPython(), [script], { cwd: directory, maxBuffer: 1 << 26 });
  child.child.stdin!.end(JSON.stringify(names));
  const { stdout } = await child;
  return stdout.trim().split("\n");
}

async function writeCase(
  name: string,
  data: { schema: Schema; batches: RecordBatch[] },
  options: { version?: LanceFileVersion; maxPageBytes?: number } = {},
): Promise<string> {
  const writer = await createLanceFileWriter(createNodeFsStore(directory), `${name}.lance`, {
    schema: makeLanceSchema(data.schema),
    ...options,
  });
  for (const batch of data.batches) {
    await writer.write(batch);
    expect(await writer.addGlobalBuffer(new TextEncoder().encode("between pages"))).toBeGreaterThan(0);
  }
  writer.setMetadata("note", "ü");
  const written = await writer.finish();
  expect(written.numRows).toBe(data.batches.reduce((total, batch) => total + batch.numRows, 0));
  const ipc = RecordBatchFileWriter.writeAll(new Table(data.schema, data.batches));
  await writeFile(join(directory, `${name}.arrow`), await ipc.toUint8Array());
  return name;
}

describe.each(["2.1", "2.2"] as const)("native Lance reads files %s we write", (version) => {
  const short = version.replace(".", "");
  test.each(NULL_PATTERNS)("every type, nulls: %s", async (pattern) => {
    const names: string[] = [];
    for (const [i, sizes] of [[1], [2], [7, 0, 3000], [5000, 4999]].entries()) {
      const data = makeBatches(ALL_TYPES, sizes, { seed: 11 * i + pattern.length, pattern });
      names.push(await writeCase(`types-${short}-${pattern}-${i}`, data, { version }));
    }
    expect((await compareNatively(names)).filter((line) => !line.includes(" ok "))).toEqual([]);
  });

  test("non-nullable columns and zero rows", async () => {
    const names = [
      await writeCase(`required-${short}`, makeBatches(ALL_TYPES, [1000, 24], { seed: 5, nullable: false }), {
        version,
      }),
      await writeCase(`empty-${short}`, makeBatches(ALL_TYPES, [], { seed: 6 }), { version }),
      await writeCase(`empty-batch-${short}`, makeBatches(ALL_TYPES, [0], { seed: 7 }), { version }),
    ];
    expect((await compareNatively(names)).filter((line) => !line.includes(" ok "))).toEqual([]);
  });

  test("several pages per column, not aligned, and strings over 4 KiB", async () => {
    const names: string[] = [];
    for (let seed = 1; seed <= 4; seed++) {
      const data = makeBatches(ALL_TYPES, [3000, 2000, 4000], { seed, maxLength: [20, 300, 5000, 900][seed - 1]! });
      names.push(await writeCase(`pages-${short}-${seed}`, data, { version, maxPageBytes: 20_000 * seed }));
    }
    expect((await compareNatively(names)).filter((line) => !line.includes(" ok "))).toEqual([]);
  });

  test("random schemas up to 200,000 rows", async () => {
    const narrow = Object.entries(ALL_TYPES).filter(([name]) => !/fsb300|128|list_fsl|large/.test(name));
    const names: string[] = [];
    for (let seed = 0; seed < 6; seed++) {
      const types: Record<string, DataType> = {};
      for (let i = 0; i < 6; i++) {
        const [name, type] = narrow[(seed * 7 + i * 5) % narrow.length]!;
        types[name] = type;
      }
      const data = makeBatches(types, [[65_536, 1, 30_000], [200_000], [99_999, 12_345]][seed % 3]!, {
        seed: 100 + seed,
      });
      names.push(await writeCase(`big-${short}-${seed}`, data, { version }));
    }
    expect((await compareNatively(names)).filter((line) => !line.includes(" ok "))).toEqual([]);
  });
});
