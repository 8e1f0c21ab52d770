import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeDataset } from "../../src/entry-node.ts";
import {
  findModelFaults,
  firstRows,
  MODEL_WEIGHTS,
  type ModelVersion,
  SHARED_ROWS,
  type WriterLog,
} from "../conformance/model-history.ts";
import { listModelFilters, readModelVersions } from "../conformance/model-versions.ts";
import { MODEL_SCHEMA, toModelTable } from "../conformance/model-writer.ts";

/** Calls of each writer. `LANCELET_MODEL_STEPS=100 LANCELET_MODEL_SEEDS=20` is the long form. */
const STEPS = Number(process.env.LANCELET_MODEL_STEPS ?? 8);
const SEEDS = Number(process.env.LANCELET_MODEL_SEEDS ?? 1);
const FIRST_SEED = Number(process.env.LANCELET_MODEL_FIRST_SEED ?? 1);

const CHILD = fileURLToPath(new URL("./model-child.ts", import.meta.url));
const NATIVE = fileURLToPath(new URL("./model-writer.py", import.meta.url));
const CHECK = fileURLToPath(new URL("./model-check.py", import.meta.url));
const PYTHON = process.env.LANCELET_PYTHON!;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-model-"));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const lastLine = (output: string): unknown => JSON.parse(output.trimEnd().split("\n").at(-1)!);

async function runProcess(command: string, args: readonly string[], input = ""): Promise<unknown> {
  const child = spawn(command, args, { stdio: "pipe" });
  // One that ends early says why on its own.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}: ${errors.slice(-3000)}`);
  return lastLine(output);
}

async function runThread(workerData: object): Promise<unknown> {
  const worker = new Worker(CHILD, { workerData, stdout: true });
  const ended = new Promise<void>((resolve, reject) => {
    worker.on("error", reject);
    worker.on("exit", () => resolve());
  });
  const [output] = await Promise.all([text(worker.stdout), ended]);
  return lastLine(output);
}

/** Three threads, two processes of ours and three of native's. */
async function runWriters(options: {
  readonly folder: string;
  readonly seed: number;
  readonly stable: boolean;
}): Promise<WriterLog[]> {
  const settled = await Promise.allSettled(
    Array.from({ length: 8 }, (_, writer) => {
      const all = { ...options, writer, steps: STEPS, shared: SHARED_ROWS, weights: MODEL_WEIGHTS };
      if (writer < 3) return runThread(all);
      return writer < 5
        ? runProcess(process.execPath, [CHILD, JSON.stringify(all)])
        : runProcess(PYTHON, [NATIVE, JSON.stringify(all)]);
    }),
  );
  for (const one of settled) if (one.status === "rejected") throw one.reason;
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value as WriterLog);
}

/** What native finds wrong with any version: its layout, its rows, and answers with indexes. */
function askNative(folder: string, versions: readonly ModelVersion[]): Promise<unknown> {
  const asked = versions.map(({ version, rows, indexTypes, coverage }) => {
    const filters = listModelFilters(rows).map(([filter, matches]) => {
      const ids = rows.filter(matches).map(({ id }) => id);
      return [filter, ids.sort((a, b) => a - b)];
    });
    const segments = Object.fromEntries(Object.entries(coverage).map(([name, { length }]) => [name, length]));
    // A walk over a graph need not come to every row.
    return { version, rows, filters, segments, graphs: indexTypes.vec_idx?.includes("HNSW") === true };
  });
  return runProcess(PYTHON, [CHECK, folder], JSON.stringify(asked));
}

describe.each([
  ["2.1", false],
  ["2.2", true],
  ["2.1", true],
  ["2.2", false],
] as const)("files %s, stable row ids: %s", (dataStorageVersion, enableStableRowIds) => {
  const seeds = Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i);
  test.each(seeds)(
    "threads, processes and native at one folder: the order of versions explains every one (seed %i)",
    async (seed) => {
      const folder = join(directory, `t-${dataStorageVersion}-${enableStableRowIds}-${seed}`);
      const options = { schema: MODEL_SCHEMA, maxRowsPerFile: 10, dataStorageVersion, enableStableRowIds };
      const dataset = await writeDataset(toModelTable(firstRows), folder, options);
      const logs = await runWriters({ folder, seed, stable: enableStableRowIds });
      await dataset.checkoutLatest();
      const versions = await readModelVersions(dataset);
      expect(findModelFaults(logs, versions)).toEqual([]);
      expect(await askNative(folder, versions)).toEqual([]);
      expect(logs.every(({ acknowledged }) => acknowledged.length === STEPS)).toBe(true);
      // Writers that never met show nothing.
      expect(logs.reduce((sum, { conflicts, late }) => sum + conflicts + late, 0)).toBeGreaterThan(0);

      const tags = await dataset.tags.list();
      for (const { acknowledged } of logs) {
        const last = acknowledged.findLast(({ operation }) => operation.kind === "tag");
        if (last) expect(tags[`t${last.writer}`]!.version).toBe(last.version);
      }
      await dataset.close();
    },
    300_000 + STEPS * 10_000,
  );
});
