import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromArrowSchema } from "../../src/format/from-arrow-schema.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { type ColumnSize, measureColumns } from "./size-support.ts";

useTestRuntime();

const VERSIONS = ["2.1", "2.2"] as const;
const SCRIPT = fileURLToPath(new URL("size.py", import.meta.url));
/** 6,000 rows of the Debian package index: names, versions, tags, summaries, descriptions. */
const SAMPLE = fileURLToPath(new URL("../fixtures/size/packages.parquet", import.meta.url));

let directory: string;
let columns: Record<string, string[]>;

async function runNative(...args: string[]): Promise<unknown> {
  const python = process.env.LANCELET_PYTHON;
  if (!python) throw new Error("set LANCELET_PYTHON to a Python that has pylance; npm test does");
  const { stdout } = await promisify(execFile)(python, [SCRIPT, ...args], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-"));
  columns = (await runNative("prepare", directory, SAMPLE)) as Record<string, string[]>;
  for (const name of Object.keys(columns)) {
    const table = tableFromIPC(await readFile(join(directory, `${name}.arrow`)));
    for (const version of VERSIONS) {
      const writer = await createLanceFileWriter(createNodeFsStore(directory), `${name}-${version}.lance`, {
        schema: fromArrowSchema(table.schema),
        version,
      });
      for (const batch of table.batches) await writer.write(batch);
      await writer.finish();
    }
  }
});

afterAll(() => rm(directory, { recursive: true, force: true }));

async function compare(
  name: string,
  version: string,
): Promise<{ name: string; ours: ColumnSize; native: ColumnSize }[]> {
  const ours = await measureColumns(join(directory, `${name}-${version}.lance`));
  const native = await measureColumns(join(directory, `${name}-${version}-native.lance`));
  return columns[name]!.map((column, i) => ({ name: column, ours: ours[i]!, native: native[i]! }));
}

describe.each(VERSIONS)("files %s", (version) => {
  test("the package index takes no more than native's file, column by column", async () => {
    const sizes = await compare("packages", version);
    for (const { name, ours, native } of sizes) {
      expect(ours.bytes, `${name}: ${ours.encodings} against ${native.encodings}`).toBeLessThanOrEqual(
        native.bytes * 1.05,
      );
    }
    const total = (side: "ours" | "native") => sizes.reduce((sum, column) => sum + column[side].bytes, 0);
    expect(total("ours")).toBeLessThanOrEqual(total("native"));
  });

  test.each(["shapes_130", "shapes_5000", "shapes_40000", "documents"])("%s: no column is larger", async (name) => {
    const large = (await compare(name, version))
      .filter(({ ours, native }) => ours.bytes > native.bytes * 1.05 + 64)
      .map(
        ({ name, ours, native }) => `${name}: ${ours.bytes} (${ours.encodings}), ${native.bytes} (${native.encodings})`,
      );
    expect(large).toEqual([]);
  });
});

test("native Lance reads the same values from what we wrote", async () => {
  const names = Object.keys(columns).flatMap((name) => VERSIONS.map((version) => `${name}-${version}`));
  expect(await runNative("check", directory, ...names)).toEqual([]);
});
