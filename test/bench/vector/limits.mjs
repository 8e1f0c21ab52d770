/** What no scan of all rows can beat: the same bytes read once; and what a C compiler makes of the plain loop. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pin } from "./engine-process.mjs";

const STREAM = new URL("../stream.mjs", import.meta.url).href;
const C_LOOP = fileURLToPath(new URL("./flat-scan.c", import.meta.url));

/** @returns milliseconds, the least of many, to read so many bytes once */
export function measureStream(bytes) {
  const program = `
    const { compileStream } = await import(${JSON.stringify(STREAM)});
    const run = compileStream(${bytes});
    let least = Infinity;
    for (let i = 0; i < 100; i++) {
      const start = performance.now();
      run();
      least = Math.min(least, performance.now() - start);
    }
    console.log(least);`;
  const [command, ...args] = pin([process.execPath, "--input-type=module", "--eval", program]);
  return Number(execFileSync(command, args, { encoding: "utf8" }));
}

/** @returns milliseconds a query, the least of many; `undefined` without a C compiler */
export function measureC({ work, vectors, queries, dimension }) {
  const program = join(work, "flat-scan");
  const flags = ["-O3", "-march=native", "-ffast-math", "-o", program, C_LOOP];
  if (spawnSync("cc", flags, { stdio: "ignore" }).status !== 0) return undefined;
  const [command, ...args] = pin([program, vectors, queries, String(dimension)]);
  return Number(execFileSync(command, args, { encoding: "utf8" }).split(" ")[0]);
}
