/**
 * npm run bench -- browser [DATA [COLUMN]] [options]
 *
 * A whole Chromium, as a user's: the vectors go into OPFS, are indexed in four segments by two workers and searched;
 * the memory of all its processes together (PSS) is looked at every 100 ms. Linux only: elsewhere nothing tells it.
 *
 *   DATA, COLUMN      as of the bench "vector"; default: the bundled table
 *   --families A,B    default: all this version builds
 *   --queries N       default 100; --workers N: default 2
 */
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
const BUNDLED = join(root, "web/public/packages.lance");

if (!canSample) {
  console.log("skipped: this system does not tell the memory of processes (/proc/PID/smaps_rollup)");
  process.exit(0);
}
const { values, positionals } = parseArgs({
  args: process.argv.slice(3),
  allowPositionals: true,
  options: { families: { type: "string" }, queries: { type: "string" }, workers: { type: "string" } },
});
const work = mkdtempSync(join(tmpdir(), "lancelet-bench-browser-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
const workers = Number(values.workers ?? 2);
const data = await loadData(positionals[0] ?? BUNDLED, {
  column: positionals[1],
  queries: Number(values.queries ?? 100),
});
const { dimension } = data;
const rows = data.vectors.length / dimension;
const rowsPerFile = Math.ceil(rows / SEGMENTS);
const exact = findExact({ ...data, k: K });
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
  const executablePath = findChromium();
  const server = await chromium.launchServer({ args: chromiumArgs, ...(executablePath ? { executablePath } : {}) });
  const browser = await chromium.connect(server.wsEndpoint());
  const page = await browser.newPage();
  await page.goto(pages.url);
  await page.waitForFunction(() => "bench" in globalThis);
  const memory = samplePss(server.process().pid);
  const call = (name, options) => page.evaluate(([key, given]) => globalThis.bench[key](given), [name, options]);
  const idle = memory.mark();
  await call("write", { url: "vectors.f32", uri: `opfs://${family}`, dimension, rowsPerFile });
  const written = memory.mark();
  const { params, readSetting: setting } = describeFamily(family, { rows, dimension, quick: false });
  const built = await call("build", { family, params, workers });
  const building = memory.mark();
  const queries = Array.from(data.queries);
  const { found, perSecond } = await call("search", { queries, dimension, setting, k: K, rowsPerFile });
  const searching = memory.mark();
  const { peak, samples } = memory.stop();
  await browser.close();
  await server.close();
  const hits = found.map((list, i) => list.filter((row) => exact[i].rows.slice(0, K).includes(row)).length);
  const recall = hits.reduce((sum, each) => sum + each, 0) / found.length / K;
  console.log(
    `${family.padEnd(14)} ${built.segments} segments in ${built.seconds.toFixed(1)} s; recall ${recall.toFixed(3)}, ` +
      `${perSecond.toFixed(0)} queries/s; PSS: idle ${megabytes(idle)}, writing ${megabytes(written)}, ` +
      `building ${megabytes(building)}, searching ${megabytes(searching)}, peak ${megabytes(peak)} of ${samples} looks`,
  );
}

async function listFamilies() {
  const tiny = join(work, "tiny");
  await writeTable(tiny, { vectors: new Float32Array(dimension * 8), dimension });
  return listVectorFamilies(tiny);
}
