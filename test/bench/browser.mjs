/**
 * npm run bench -- browser [DATA [COLUMN]] [options]
 *
 * A whole Chromium, as a user's, with a profile on the disk: the vectors go into OPFS, are indexed in four segments by
 * two workers and searched, by queries that were not asked before and by some that were; the memory of all its processes together (PSS) is looked at every 100 ms. Linux only: elsewhere nothing tells it.
 *
 *   DATA, COLUMN      as of the bench "vector"; default: the bundled table
 *   --families A,B    default: all this version builds
 *   --queries N       default 100, as many again not asked before; --workers N: default 2
 *   --private         a private window, whose OPFS lies in another process's memory
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright";
import { build } from "vite";
import { serveFolder } from "../../web/serve.mjs";
import { chromiumArgs, findChromium } from "../tools/find-chromium.mjs";
import { canSample, samplePss } from "./memory/process-memory.mjs";
import { root } from "./support.mjs";
import { loadData } from "./vector/data.mjs";
import { findExact } from "./vector/exact.mjs";
import { describeFamily } from "./vector/families.mjs";
import { listVectorFamilies } from "./vector/ours.mjs";
import { writeTable } from "./vector/tables.mjs";

const K = 10;
const SEGMENTS = 4;
/** A loaded machine starts a browser late. */
const START_MS = 120_000;
const BUNDLED = join(root, "web/public/packages.lance");

if (!canSample) {
  console.log("skipped: this system does not tell the memory of processes (/proc/PID/smaps_rollup)");
  process.exit(0);
}
const { values, positionals } = parseArgs({
  args: process.argv.slice(3),
  allowPositionals: true,
  options: {
    families: { type: "string" },
    queries: { type: "string" },
    workers: { type: "string" },
    private: { type: "boolean" },
  },
});
const work = mkdtempSync(join(tmpdir(), "lancelet-bench-browser-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
const workers = Number(values.workers ?? 2);
const data = await loadData(positionals[0] ?? BUNDLED, {
  column: positionals[1],
  queries: 2 * Number(values.queries ?? 100),
});
const { dimension } = data;
const rows = data.vectors.length / dimension;
const rowsPerFile = Math.ceil(rows / SEGMENTS);
const numWarm = Math.floor(data.queries.length / dimension / 2);
const exact = findExact({ ...data, queries: data.queries.subarray(0, numWarm * dimension), k: K });
const families = values.families?.split(",") ?? (await listFamilies());
await build({
  configFile: false,
  root: fileURLToPath(new URL("./browser", import.meta.url)),
  base: "./",
  logLevel: "error",
  resolve: { alias: { lancelet: join(root, "src/entry-browser.ts") } },
  worker: { format: "es" },
  build: { outDir: join(work, "page"), target: "es2022" },
});
writeFileSync(join(work, "page/vectors.f32"), new Uint8Array(data.vectors.buffer, 0, data.vectors.byteLength));
const pages = await serveFolder(join(work, "page"));
const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
console.log(
  `${data.name}: ${rows} rows x ${dimension} f32 = ${megabytes(data.vectors.byteLength)}, OPFS, ${workers} workers`,
);
for (const family of families) await measure(family);
await pages.close();
process.exit(0);

async function measure(family) {
  const { pid, browser, close } = await startBrowser();
  const context = values.private ? await browser.newContext() : browser.contexts()[0];
  const page = await context.newPage();
  page.setDefaultTimeout(START_MS);
  await page.goto(pages.url);
  await page.waitForFunction(() => "bench" in globalThis);
  const memory = samplePss(pid);
  const call = (name, options) => page.evaluate(([key, given]) => globalThis.bench[key](given), [name, options]);
  const idle = memory.mark();
  await call("write", { url: "vectors.f32", uri: `opfs://${family}`, dimension, rowsPerFile });
  const written = memory.mark();
  const { params, readSetting: setting } = describeFamily(family, { rows, dimension, quick: false });
  const built = await call("build", { family, params, workers });
  const building = memory.mark();
  const [first, others] = [data.queries.subarray(0, numWarm * dimension), data.queries.subarray(numWarm * dimension)];
  const search = (queries) => call("search", { queries: Array.from(queries), dimension, setting, k: K, rowsPerFile });
  const { found } = await search(first);
  const searching = memory.mark();
  // Each look stops the browser for a moment: none is taken while it is timed.
  memory.stop();
  const fresh = await search(others);
  const again = await search(first);
  memory.mark();
  const { peak, samples } = memory.stop();
  await close();
  const hits = found.map((list, i) => list.filter((row) => exact[i].rows.slice(0, K).includes(row)).length);
  const recall = hits.reduce((sum, each) => sum + each, 0) / found.length / K;
  console.log(
    `${family.padEnd(14)} ${built.segments} segments in ${built.seconds.toFixed(1)} s; recall ${recall.toFixed(3)}, ` +
      `queries/s ${fresh.perSecond.toFixed(0)} new, ${again.perSecond.toFixed(0)} again; PSS: idle ${megabytes(idle)}, writing ${megabytes(written)}, ` +
      `building ${megabytes(building)}, searching ${megabytes(searching)}, peak ${megabytes(peak)} of ${samples} looks`,
  );
}

/** Started by hand: what Playwright starts keeps a profile, or tells its process, not both. */
async function startBrowser() {
  const profile = mkdtempSync(join(work, "profile-"));
  const args = [...chromiumArgs, "--headless=new", "--remote-debugging-port=0", `--user-data-dir=${profile}`];
  const started = spawn(findChromium() ?? chromium.executablePath(), args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => started.once("exit", resolve));
  const endpoint = await new Promise((resolve, reject) => {
    let said = "";
    started.once("error", reject);
    started.once("exit", () => reject(new Error(`Chromium ended: ${said}`)));
    started.stderr.on("data", (text) => {
      said += text;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
  });
  const browser = await chromium.connectOverCDP(endpoint, { timeout: START_MS });
  const close = async () => {
    started.kill();
    await ended;
    await browser.close().catch(() => {});
  };
  return { pid: started.pid, browser, close };
}

async function listFamilies() {
  const tiny = join(work, "tiny");
  await writeTable(tiny, { vectors: new Float32Array(dimension * 8), dimension });
  return listVectorFamilies(tiny);
}
