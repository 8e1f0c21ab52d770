#!/usr/bin/env node
/**
 * npm run bench [-- table | vector | browser | memory]: one run, side by side, as ratios against named peers and the physical limit.
 *
 *   table [PARQUET]          reading, writing and size of a table against native LanceDB, hyparquet and duckdb-wasm
 *   memory                   a table larger than the budget, indexed and searched within it
 *   browser [DATA [COLUMN]]  memory of a whole Chromium that indexes and searches
 *   vector [DATA [COLUMN]]   every vector family as recall over speed, against native LanceDB and vector libraries
 *
 * Nothing here is a test: machines differ, ratios less so. What is given is never written to.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const BENCHES = ["table", "vector", "browser", "memory"];
const [name, ...rest] = process.argv.slice(2);
if (name !== undefined && !BENCHES.includes(name)) {
  console.error(`unknown bench "${name}": expected ${BENCHES.join(", ")}`);
  process.exit(1);
}
for (const each of name === undefined ? BENCHES : [name]) {
  const script = fileURLToPath(new URL(`./${each}.mjs`, import.meta.url));
  const { status } = spawnSync(process.execPath, [script, each, ...rest], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
