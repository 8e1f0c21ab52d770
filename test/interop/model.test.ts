import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { Field, Int32, Int64, Schema } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDataset, writeDataset } from "../../src/entry-node.ts";
import { findModelFaults, firstRows, SHARED_ROWS, type WriterLog } from "../conformance/model-history.ts";
import { readModelVersions } from "../conformance/model-writer.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

/** Calls of each writer. `LANCELET_MODEL_STEPS=100 LANCELET_MODEL_SEEDS=20` is the long form. */
const STEPS = Number(process.env.LANCELET_MODEL_STEPS ?? 10);
const SEEDS = Number(process.env.LANCELET_MODEL_SEEDS ?? 1);
const FIRST_SEED = Number(process.env.LANCELET_MODEL_FIRST_SEED ?? 1);
const SCHEMA = new Schema([new Field("id", new Int32(), false), new Field("value", new Int64(), true)]);

const CHILD = fileURLToPath(new URL("./model-child.ts", import.meta.url));
const NATIVE = fileURLToPath(new URL("./model-writer.py", import.meta.url));

let directory: string;
let native: NativeSession;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-model-"));
  native = openNativeSession(directory);
});
afterAll(async () => {
  native?.close();
  await rm(directory, { recursive: true, force: true });
});

const lastLine = (output: string): WriterLog => JSON.parse(output.trimEnd().split("\n").at(-1)!) as WriterLog;

async function runProcess(command: string, args: readonly string[]): Promise<WriterLog> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}: ${errors.slice(-3000)}`);
  return lastLine(output);
}

async function runThread(workerData: object): Promise<WriterLog> {
  const worker = new Worker(CHILD, { workerData, stdout: true });
  const ended = new Promise<void>((resolve, reject) => {
    worker.on("error", reject);
    worker.on("exit", () => resolve());
  });
  const [output] = await Promise.all([text(worker.stdout), ended]);
  return lastLine(output);
}

/** Three threads, two processes of ours and three of native's. */
function startWriters(folder: string, seed: number): Promise<WriterLog>[] {
  return Array.from({ length: 8 }, (_, writer) => {
    const options = { folder, writer, seed, steps: STEPS, shared: SHARED_ROWS };
    if (writer < 3) return runThread(options);
    if (writer < 5) return runProcess(process.execPath, [CHILD, JSON.stringify(options)]);
    return runProcess(process.env.LANCELET_PYTHON!, [NATIVE, JSON.stringify(options)]);
  });
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
      const name = `t-${dataStorageVersion}-${enableStableRowIds}-${seed}`;
      const folder = join(directory, name);
      const options = { schema: SCHEMA, maxRowsPerFile: 10, dataStorageVersion, enableStableRowIds };
      const dataset = await writeDataset(firstRows, folder, options);
      const settled = await Promise.allSettled(startWriters(folder, seed));
      for (const one of settled) if (one.status === "rejected") throw one.reason;
      const logs = settled.map((one) => (one as PromiseFulfilledResult<WriterLog>).value);
      await dataset.checkoutLatest();
      const versions = await readModelVersions(dataset);
      expect(findModelFaults(logs, versions)).toEqual([]);
      expect(logs.every(({ acknowledged }) => acknowledged.length === STEPS)).toBe(true);
      // Writers that never met show nothing.
      expect(logs.reduce((sum, { conflicts }) => sum + conflicts, 0)).toBeGreaterThan(0);

      const tags = await dataset.tags.list();
      for (const { acknowledged } of logs) {
        const last = acknowledged.findLast(({ operation }) => operation.kind === "tag");
        if (last) expect(tags[`t${last.writer}`]!.version).toBe(last.version);
      }
      const every = Math.max(1, Math.floor(versions.length / 8));
      const some = versions.filter(({ version }) => version % every === 0 || version === versions.length);
      const seen = (await native.run(`
out = []
for version in ${JSON.stringify(some.map(({ version }) => version))}:
    d = lance.dataset("${name}", version=version)
    d.validate()
    rows = sorted(d.to_table().to_pylist(), key=lambda row: row["id"])
    for i in range(0, ${SHARED_ROWS}, 7):
        found = d.to_table(filter=f"id >= {i} AND id < {i + 7}")["id"].to_pylist()
        assert sorted(found) == [row["id"] for row in rows if i <= row["id"] < i + 7], (version, found)
    out.append(rows)`)) as unknown[];
      for (const [i, { version, rows }] of some.entries()) {
        expect(seen[i], `version ${version}`).toEqual(rows.toSorted((a, b) => a.id - b.id));
        const opened = await openDataset(folder, { version });
        const found = await opened.toTable({ columns: ["id"], filter: "id >= 10 AND id < 25" });
        const wanted = rows.map(({ id }) => id).filter((id) => id >= 10 && id < 25);
        expect([...found.getChild("id")!].sort((a, b) => a - b)).toEqual(wanted.sort((a, b) => a - b));
        await opened.close();
      }
      await dataset.close();
    },
    60_000 + STEPS * 10_000,
  );
});
