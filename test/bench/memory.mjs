/**
 * npm run bench -- memory [options]
 *
 * A table far larger than the budget: clustered vectors are written, indexed and searched in a process of their own
 * with a small `memoryBudgetBytes`; what that process takes beyond an idle one is looked at every 100 ms (Linux). What
 * the workers and the code take by themselves is told by the same build of a table of a few rows.
 *
 *   --rows N          default 1,000,000; --dimension N: default 128
 *   --families A,B    default IVF_PQ; --workers N: default 2; --budget MB: default 128; --queries N: default 50
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { canSample, samplePss } from "./memory/process-memory.mjs";
import { loadPackage } from "./support.mjs";
import { countIndexBytes } from "./vector/tables.mjs";

/** Enough for a codebook, and for a fragment to each worker. */
const TINY_ROWS = 2048;

const text = { type: "string" };
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { rows: text, dimension: text, families: text, workers: text, budget: text, queries: text },
});
const rows = Number(values.rows ?? 1_000_000);
const dimension = Number(values.dimension ?? 128);
const families = (values.families ?? "IVF_PQ").split(",");
const settings = {
  dimension,
  workers: Number(values.workers ?? 2),
  budgetBytes: Number(values.budget ?? 128) * 2 ** 20,
  queries: Number(values.queries ?? 50),
};
if (!canSample) {
  console.log("skipped: this system does not tell the memory of processes (/proc/PID/smaps_rollup)");
  process.exit(0);
}
await loadPackage();
const work = mkdtempSync(join(tmpdir(), "lancelet-bench-memory-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const path = join(work, "table");

console.log(
  `${rows} rows x ${dimension} f32 = ${megabytes(rows * dimension * 4)}; ${settings.workers} workers, budget ${megabytes(settings.budgetBytes)}`,
);
const written = await runChild("write", { path, rows, ...settings });
console.log(`write          ${written.seconds.toFixed(1)} s; ${describe(written)}`);
const tiny = join(work, "tiny");
await runChild("write", { path: tiny, rows: TINY_ROWS, ...settings });
for (const family of families) {
  const base = await runChild("build", { path: tiny, family, ...settings });
  console.log(`${family.padEnd(14)} of ${TINY_ROWS} rows: ${describe(base)}`);
  const built = await runChild("build", { path, family, ...settings });
  const more = megabytes(built.peak - built.idle - (base.peak - base.idle));
  console.log(`${"".padEnd(14)} built in ${built.seconds.toFixed(1)} s; ${describe(built)}: ${more} more`);
  const searched = await runChild("search", { path, family, ...settings });
  console.log(
    `${"".padEnd(14)} index ${megabytes(countIndexBytes(path))}; recall@10 ${searched.recall.toFixed(3)} at ` +
      `${searched.perSecond.toFixed(0)} queries/s; ${describe(searched)}`,
  );
}
process.exit(0);

function describe({ idle, peak, samples }) {
  return `memory ${megabytes(peak - idle)} beyond an idle process of ${megabytes(idle)} (${samples} looks)`;
}

/** Runs one step in a process of its own: it says "ready" when the library is loaded, then its figures. */
async function runChild(step, options) {
  const script = fileURLToPath(new URL("./memory/child.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, step, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${step} ended with code ${code}`))));
  });
  const memory = samplePss(child.pid);
  let idle = 0;
  let figures = {};
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === "ready") {
      idle = memory.mark();
      child.stdin.end("go\n");
    } else figures = JSON.parse(line);
  });
  await ended;
  return { ...figures, ...memory.stop(), idle };
}
